/* Explains what has no values below it: numbers, strings, and what is none of a few constants. */
#include <stdio.h>

#include "base/utf8.h"
#include "schema/explain.h"

bool explain_passed_limit(struct explain *x, const struct subject *s)
{
	enum run_limit limit = x->run.limit;

	if (limit == RUN_WITHIN_LIMITS)
		return false;
	if (x->is_limited)
		explain_report_limit(x, s);
	if (x->is_limited || limit == RUN_WORK)
		x->max = x->count;
	x->run.limit = RUN_WITHIN_LIMITS;
	return true;
}

/* What the format's range leaves out. True where the number is not in it. */
static bool explain_number_format(struct explain *x, const struct subject *s,
				  const struct number *number, const char *value)
{
	const struct number_rules *rules = s->node->number;
	const struct format_range *range = rules->format ? format_range(rules->format) : NULL;
	char low[NUMBER_TEXT_MAX];
	char high[NUMBER_TEXT_MAX];

	if (!range || ((!range->is_integer || number_is_integer(number)) &&
		       run_is_within(number, &range->low, 0) &&
		       run_is_within(number, &range->high, LIMIT_UPPER)))
		return false;
	explain_report(x, s, "format", "is %s, expected the format %s: %s of %s to %s", value,
		       format_name(rules->format),
		       range->is_integer ? "a whole number" : "a number",
		       number_print(&range->low, low), number_print(&range->high, high));
	return true;
}

void explain_number(struct explain *x, const struct subject *s)
{
	static const struct {
		const char *keyword;
		const char *words;
	} limits[LIMIT_KEYWORDS] = {
		{ "minimum", "at least" },
		{ "maximum", "at most" },
		{ "exclusiveMinimum", "more than" },
		{ "exclusiveMaximum", "less than" },
	};
	const struct number_rules *rules = s->node->number;
	struct number number;
	char value[NUMBER_TEXT_MAX];
	char limit[NUMBER_TEXT_MAX];

	if (run_number(&x->run, rules, s->value, s->kind))
		return;
	view_number(s->value, s->kind, &number);
	if (explain_passed_limit(x, s))
		return;
	number_print(&number, value);
	if (explain_number_format(x, s, &number, value))
		return;
	if (rules->is_integer && !number_is_integer(&number)) {
		explain_report_type(x, s);
		return;
	}
	for (unsigned k = 0; k < LIMIT_KEYWORDS; k++)
		if (rules->limits[k] && !run_is_within(&number, rules->limits[k], k))
			explain_report(x, s, limits[k].keyword, "is %s, expected %s %s", value,
				       limits[k].words, number_print(rules->limits[k], limit));
	if (rules->multiple && !number_is_multiple(&number, &rules->divisor))
		explain_report(x, s, "multipleOf", "is %s, expected a multiple of %s", value,
			       number_print(rules->multiple, limit));
}

void explain_string(struct explain *x, const struct subject *s)
{
	static const struct explain_counted characters = { "is", "character", " long", "minLength",
							   "maxLength" };
	const struct string_rules *rules = s->node->string;
	char value[EXPLAIN_VALUE_MAX];
	size_t len;
	const char *text = view_string(s->value, &len);

	(void)run_charge(&x->run, len / RUN_COUNTED_A_UNIT);
	if (explain_passed_limit(x, s))
		return;
	explain_report_count(x, s, &characters, utf8_count(text, len), rules->min_length,
			     rules->max_length);
	if (rules->format && !run_format(&x->run, rules->format, text, len) &&
	    !explain_passed_limit(x, s))
		explain_report(x, s, "format", "is %s, expected the format %s",
			       explain_print_text(value, text, len), format_name(rules->format));
	if (rules->pattern && !run_pattern(&x->run, rules->pattern, text, len) &&
	    !explain_passed_limit(x, s))
		explain_report(x, s, "pattern", "is %s, which does not match %s",
			       explain_print_text(value, text, len), rules->pattern_source);
}

void explain_constants(struct explain *x, const struct subject *s, const struct step *step)
{
	char value[EXPLAIN_VALUE_MAX];
	char item[EXPLAIN_VALUE_MAX];
	char list[200] = "";
	struct view_walk walk = view_walk(step->constants);
	const struct payload_value *constant;
	size_t used = 0;

	while (used < sizeof(list) - 8 && (constant = view_item(&walk))) {
		int n = snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "",
				 explain_print_constant(constant, item));

		used += (size_t)n;
	}
	explain_report(x, s, step->keyword, "is %s, expected %s%s",
		       explain_print_value(s->value, s->kind, value),
		       step->count > 1 ? "one of " : "",
		       step->count > 0 ? list : "nothing that there is");
}
