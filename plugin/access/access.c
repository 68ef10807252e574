#include "access/access_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking ----------------------------------------------------------------------------- */

const char *access_warning(const struct access *access, size_t i)
{
	return i < access->warning_count ? access->warning[i] : NULL;
}

const struct access_principal *access_find(const struct access *access, const char *name)
{
	uint32_t i = nametable_find(&access->user_table, name, strlen(name));

	return i == NAMETABLE_NONE ? NULL : &access->user[i];
}

const struct access_principal *access_principal(const struct access *access, size_t index)
{
	return index < access->user_count ? &access->user[index] : NULL;
}

const struct access_grant *access_grant(const struct access *access, size_t number)
{
	return number < access->grant_count ? &access->grant[number] : NULL;
}

bool access_has_certificates(const struct access *access)
{
	return access->certificate_count > 0;
}

bool access_has_issuers(const struct access *access)
{
	return access->issuer_count > 0;
}

static int compare_value(const char *value, const char *text, size_t len)
{
	int order = strncmp(value, text, len);

	return order ? order : (value[len] != '\0');
}

bool access_attribute_has(const struct access_principal *principal, const char *name,
			  const char *value, size_t len)
{
	const struct access_attribute *attribute;
	size_t i = 0;
	size_t low = 0;
	size_t high;

	while (i < principal->attribute_count && strcmp(principal->attribute[i].name, name) != 0)
		i++;
	/* strncmp() stops at a NUL, which no value holds. */
	if (i == principal->attribute_count || memchr(value, '\0', len))
		return false;
	attribute = &principal->attribute[i];
	high = attribute->value_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_value(attribute->value[middle], value, len);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool value_matches(const struct access_principal *principal,
			  const struct access_value *value, const struct access_param *param)
{
	if (value->is_name)
		return strlen(principal->name) == param->len &&
		       memcmp(principal->name, param->text, param->len) == 0;
	if (value->attribute)
		return access_attribute_has(principal, value->attribute, param->text, param->len);
	return names_pattern_match(&value->pattern, param->text, param->len, NULL);
}

/* ---- in words ---------------------------------------------------------------------------- */

struct phrase {
	char *text;
	size_t len, cap;
};

__attribute__((format(printf, 2, 3))) static void add_words(struct phrase *phrase,
							    const char *format, ...)
{
	va_list args;
	int more;

	va_start(args, format);
	more = vsnprintf(phrase->text + phrase->len, phrase->cap - phrase->len, format, args);
	va_end(args);
	if (more > 0)
		phrase->len += (size_t)more;
	if (phrase->len >= phrase->cap)
		phrase->len = phrase->cap - 1;
}

static void add_attribute(struct phrase *phrase, const struct access_principal *principal,
			  const char *name, const char *before)
{
	const struct access_attribute *attribute = principal->attribute;
	size_t left = principal->attribute_count;

	for (; left > 0 && strcmp(attribute->name, name) != 0; left--)
		attribute++;
	if (left == 0)
		add_words(phrase, "%sa value of {%s}, which it lacks", before, name);
	for (size_t i = 0; left > 0 && i < attribute->value_count; i++)
		add_words(phrase, "%s%s", i > 0 ? " or " : before, attribute->value[i]);
}

static void add_value(struct phrase *phrase, const struct access_principal *principal,
		      const struct access_value *value, const char *before)
{
	const struct names_pattern *pattern = &value->pattern;

	if (value->is_name)
		add_words(phrase, "%s%s", before, principal->name);
	else if (value->attribute)
		add_attribute(phrase, principal, value->attribute, before);
	else
		add_words(phrase, "%s%.*s%s%.*s", before, (int)pattern->before.len,
			  pattern->before.text, pattern->is_wild ? "*" : "",
			  pattern->is_wild ? (int)pattern->after.len : 0,
			  pattern->is_wild ? pattern->after.text : "");
}

const char *access_where(const struct access_principal *principal, size_t i, char *ret, size_t cap)
{
	const struct access_rule *rule = &principal->rule[i];
	struct phrase phrase = { ret, 0, cap };

	ret[0] = '\0';
	for (size_t k = 0; k < rule->limit_count; k++) {
		const struct access_limit *limit = &rule->limit[k];

		add_words(&phrase, "%s%s", k > 0 ? ", " : "", limit->param);
		for (size_t v = 0; v < limit->value_count; v++)
			add_value(&phrase, principal, &limit->value[v], v > 0 ? " or " : " is ");
	}
	return ret;
}

/* ---- topics ------------------------------------------------------------------------------ */

static bool limit_matches(const struct access_principal *principal,
			  const struct access_limit *limit, const struct access_param *param,
			  size_t param_count, bool wildcard_counts)
{
	for (; param_count > 0; param++, param_count--) {
		if (strcmp(param->name, limit->param) != 0)
			continue;
		if (!param->text)
			return wildcard_counts;
		for (size_t i = 0; i < limit->value_count; i++)
			if (value_matches(principal, &limit->value[i], param))
				return true;
		return false;
	}
	return false;
}

static bool rule_matches(const struct access_principal *principal, const struct access_rule *rule,
			 const struct access_param *param, size_t param_count, bool wildcard_counts)
{
	for (size_t i = 0; i < rule->limit_count; i++)
		if (!limit_matches(principal, &rule->limit[i], param, param_count, wildcard_counts))
			return false;
	return true;
}

void access_hold(const struct access_principal *principal, const struct access_param *param,
		 size_t param_count, bool is_some, struct access_held *ret)
{
	struct scopeset denied = principal->denied;

	ret->full = principal->full;
	ret->own = principal->own;
	for (size_t i = 0; i < principal->rule_count; i++) {
		const struct access_rule *rule = &principal->rule[i];

		if (rule_matches(principal, rule, param, param_count, is_some)) {
			scopeset_merge(&ret->full, &rule->full);
			scopeset_merge(&ret->own, &rule->own);
		}
		if (rule_matches(principal, rule, param, param_count, !is_some))
			scopeset_merge(&denied, &rule->denied);
	}
	scopeset_remove(&ret->full, &denied);
	scopeset_remove(&ret->own, &denied);
	scopeset_remove(&ret->own, &ret->full);
}

void access_hold_grants(const struct access_principal *principal, const struct access_param *param,
			size_t param_count, bool is_some, struct grantset *ret)
{
	*ret = principal->grants;
	for (size_t i = 0; i < principal->rule_count && principal->has_grants; i++) {
		const struct access_rule *rule = &principal->rule[i];

		if (!grantset_is_empty(&rule->grants) &&
		    rule_matches(principal, rule, param, param_count, is_some))
			grantset_merge(ret, &rule->grants);
	}
}

void access_all_grants(const struct access_principal *principal, struct grantset *ret)
{
	*ret = principal->grants;
	for (size_t i = 0; i < principal->rule_count; i++)
		grantset_merge(ret, &principal->rule[i].grants);
}

/* ---- the end of things ------------------------------------------------------------------ */

struct access_principal *access_principal_share(struct access_principal *principal)
{
	((struct access_holder *)principal)->holders++;
	return principal;
}

void access_principal_drop(struct access_principal *principal)
{
	struct access_holder *holder = (struct access_holder *)principal;

	if (!holder || --holder->holders > 0)
		return;
	access_free(holder->access);
	arena_clear(&holder->arena);
	free(holder);
}

void access_free(struct access *access)
{
	if (!access || --access->holders > 0)
		return;
	access_issuers_clear(access);
	arena_clear(&access->arena);
	free(access);
}
