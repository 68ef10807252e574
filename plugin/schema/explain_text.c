/* Writes the entries of the error list: the sentence, and the pointers into message and schema. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/diag.h"
#include "base/jsonpointer.h"
#include "schema/explain.h"

static void print_instance(const struct trail *trail, struct schema_error *error)
{
	const struct trail *chain[TRAIL_MAX];
	char raw[4 * sizeof(error->instance)];
	size_t depth = 0;
	size_t used = 0;

	for (; trail->up && depth < TRAIL_MAX; trail = trail->up)
		chain[depth++] = trail;
	while (depth-- > 0 && used < sizeof(error->instance)) {
		const struct trail *step = chain[depth];
		size_t left = sizeof(raw) - used;

		used += step->name ? jsonpointer_put(raw + used, left, step->name, step->len)
				   : (size_t)snprintf(raw + used, left, "/%zu", step->index);
	}
	diag_escape(error->instance, sizeof(error->instance), raw, used);
}

void explain_report(struct explain *x, const struct subject *s, const char *keyword,
		    const char *format, ...)
{
	char raw[2 * sizeof(x->errors->message)];
	struct schema_error *error;
	va_list args;
	int used;

	if (x->count >= x->max)
		return;
	error = &x->errors[x->count++];
	print_instance(s->trail, error);
	(void)snprintf(raw, sizeof(raw), "%s%s%s", s->node->pointer,
		       keyword[0] && !s->node->is_boolean ? "/" : "",
		       s->node->is_boolean ? "" : keyword);
	diag_escape(error->schema, sizeof(error->schema), raw, strlen(raw));
	(void)snprintf(error->keyword, sizeof(error->keyword), "%s", keyword);
	used = snprintf(raw, sizeof(raw), "%s", x->is_name ? "the name " : "");
	va_start(args, format);
	(void)vsnprintf(raw + used, sizeof(raw) - (size_t)used, format, args);
	va_end(args);
	diag_escape(error->message, sizeof(error->message), raw, strlen(raw));
}

const char *explain_print_text(char ret[EXPLAIN_VALUE_MAX], const char *text, size_t len)
{
	char inner[80];

	diag_escape(inner, sizeof(inner) - 3, text, len);
	(void)snprintf(ret, EXPLAIN_VALUE_MAX, "\"%s\"", inner);
	return ret;
}

const char *explain_print_value(const struct payload_value *value, uint32_t kind, char *ret)
{
	struct number number;
	const char *text;
	size_t len;

	if (kind & VIEW_STRING) {
		text = view_string(value, &len);
		return explain_print_text(ret, text, len);
	}
	if (kind & VIEW_NUMBER) {
		view_number(value, kind, &number);
		return number_print(&number, ret);
	}
	if (kind & VIEW_OBJECT)
		return "an object";
	if (kind & VIEW_ARRAY)
		return "an array";
	return kind & VIEW_NULL ? "null" : kind & VIEW_TRUE ? "true" : "false";
}

const char *explain_print_constant(const struct payload_value *constant, char *ret)
{
	bool is_object = view_is(constant, VIEW_OBJECT);

	if (!is_object && !view_is(constant, VIEW_ARRAY))
		return explain_print_value(constant, view_kind(constant), ret);
	(void)snprintf(ret, EXPLAIN_VALUE_MAX,
		       is_object ? "an object of %zu members" : "an array of %zu items",
		       view_size(constant));
	return ret;
}

static void report_count(struct explain *x, const struct subject *s,
			 const struct explain_counted *counted, uint64_t count, uint64_t limit,
			 bool is_least)
{
	explain_report(x, s, is_least ? counted->min_keyword : counted->max_keyword,
		       "%s %" PRIu64 " %s%s%s, at %s %" PRIu64 " %s %s", counted->verb, count,
		       counted->what, count == 1 ? "" : "s", counted->end,
		       is_least ? "least" : "most", limit, limit == 1 ? "is" : "are",
		       is_least ? "needed" : "allowed");
}

void explain_report_count(struct explain *x, const struct subject *s,
			  const struct explain_counted *counted, uint64_t count, uint64_t min,
			  uint64_t max)
{
	if (count < min)
		report_count(x, s, counted, count, min, true);
	if (count > max)
		report_count(x, s, counted, count, max, false);
}

void explain_report_type(struct explain *x, const struct subject *s)
{
	static const struct {
		const char *name;
		uint32_t bits;
	} types[] = {
		{ "array", VIEW_ARRAY },   { "boolean", VIEW_BOOLEAN }, { "null", VIEW_NULL },
		{ "number", VIEW_NUMBER }, { "object", VIEW_OBJECT },   { "string", VIEW_STRING },
	};
	bool is_integer = s->node->number && s->node->number->is_integer;
	char list[96] = "";
	char value[EXPLAIN_VALUE_MAX];
	size_t used = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const char *name =
			types[i].bits == VIEW_NUMBER && is_integer ? "integer" : types[i].name;

		if (s->node->types & types[i].bits)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 used ? " or " : "", name);
	}
	explain_report(x, s, "type", "is %s, expected type %s",
		       explain_print_value(s->value, s->kind, value), list);
}

void explain_report_limit(struct explain *x, const struct subject *s)
{
	switch (x->run.limit) {
	case RUN_PATTERN:
		explain_report(x, s, "pattern", "is too costly to match with a pattern");
		break;
	case RUN_DEPTH:
		explain_report(x, s, "", "needs more than %u schemas inside each other",
			       RUN_MAX_DEPTH);
		break;
	case RUN_SCRATCH:
		explain_report(x, s, "", "has more items or members than can be kept track of");
		break;
	default:
		explain_report(x, s, "", "takes more work to check than a message may cost");
		break;
	}
}
