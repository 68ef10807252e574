#include "access/access_internal.h"

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

/* ---- making a principal ----------------------------------------------------------------- */

static bool roleset_has(const struct roleset *set, size_t role)
{
	return (set->word[role / 64] >> (role % 64)) & 1;
}

static void roleset_merge(struct roleset *set, const struct roleset *more)
{
	for (size_t i = 0; i < ACCESS_ROLES_MAX / 64; i++)
		set->word[i] |= more->word[i];
}

static struct roleset closure_of(const struct access *access, const uint32_t *role, size_t count)
{
	struct roleset set = { { 0 } };

	for (size_t i = 0; i < count; i++)
		roleset_merge(&set, &access->role[role[i]].closure);
	return set;
}

/* What the roles in @all say; of those in @allow also what they allow. */
struct gathering {
	struct roleset all;
	struct roleset allow;
};

static bool gather_rules(const struct access *access, struct arena *arena,
			 const struct gathering *from, struct access_principal *ret)
{
	struct access_rule *rule;
	size_t limited = 0;

	for (size_t i = 0; i < access->role_count; i++)
		limited += roleset_has(&from->all, i) && access->role[i].rule.limit_count > 0;
	ret->rule = rule = arena_take(arena, limited, sizeof(*rule));
	if (!rule)
		return false;
	for (size_t i = 0; i < access->role_count; i++) {
		const struct access_role *role = &access->role[i];

		if (!roleset_has(&from->all, i))
			continue;
		ret->needs_certificate |= role->needs_certificate;
		if (role->rule.limit_count > 0) {
			rule[ret->rule_count] = role->rule;
			if (!roleset_has(&from->allow, i)) {
				rule[ret->rule_count].full = (struct scopeset){ { 0 } };
				rule[ret->rule_count].own = (struct scopeset){ { 0 } };
			}
			ret->rule_count++;
			continue;
		}
		scopeset_merge(&ret->denied, &role->rule.denied);
		if (roleset_has(&from->allow, i)) {
			scopeset_merge(&ret->full, &role->rule.full);
			scopeset_merge(&ret->own, &role->rule.own);
		}
	}
	return true;
}

/* The roles' lists together; where none of them has one, the file's. */
static bool gather_clients(const struct access *access, struct arena *arena,
			   const struct gathering *from, struct access_principal *ret)
{
	const char **client;
	size_t count = 0;

	for (size_t i = 0; i < access->role_count; i++)
		if (roleset_has(&from->all, i))
			count += access->role[i].client_count;
	if (count == 0) {
		ret->client = access->client;
		ret->client_count = access->client_count;
		return true;
	}
	client = arena_take(arena, count, sizeof(*client));
	if (!client)
		return false;
	for (size_t i = 0; i < access->role_count; i++)
		for (size_t k = 0; roleset_has(&from->all, i) && k < access->role[i].client_count;
		     k++)
			client[ret->client_count++] = access->role[i].client[k];
	ret->client = client;
	return true;
}

static bool gather_names(const struct access *access, struct arena *arena,
			 const struct access_grant *grant, struct access_principal *ret)
{
	const char **name = arena_take(arena, grant->role_count, sizeof(*name));

	if (!name)
		return false;
	for (size_t i = 0; i < grant->role_count; i++)
		name[i] = access->role[grant->role[i]].name;
	ret->role = name;
	ret->role_number = grant->role;
	ret->role_count = grant->role_count;
	return true;
}

static int order_values(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Puts the values of all attributes called @name, once each and sorted, into one. */
static bool gather_attribute(struct arena *arena, const struct access_grant *grant,
			     const char *name, struct access_attribute *ret)
{
	size_t count = 0;
	size_t kept = 0;
	const char **value;

	for (size_t i = 0; i < grant->attribute_count; i++)
		if (strcmp(grant->attribute[i].name, name) == 0)
			count += grant->attribute[i].value_count;
	value = arena_take(arena, count, sizeof(*value));
	if (!value)
		return false;
	count = 0;
	for (size_t i = 0; i < grant->attribute_count; i++)
		for (size_t k = 0; strcmp(grant->attribute[i].name, name) == 0 &&
				   k < grant->attribute[i].value_count;
		     k++)
			value[count++] = grant->attribute[i].value[k];
	qsort(value, count, sizeof(*value), order_values);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(value[i], value[kept - 1]) != 0)
			value[kept++] = value[i];
	*ret = (struct access_attribute){ .name = name, .value_count = kept, .value = value };
	return true;
}

static bool gather_attributes(struct arena *arena, const struct access_grant *grant,
			      struct access_principal *ret)
{
	struct access_attribute *attribute =
		arena_take(arena, grant->attribute_count, sizeof(*attribute));

	if (!attribute)
		return false;
	for (size_t i = 0; i < grant->attribute_count; i++) {
		const char *name = grant->attribute[i].name;
		bool is_known = false;

		for (size_t k = 0; k < ret->attribute_count; k++)
			is_known |= strcmp(attribute[k].name, name) == 0;
		if (is_known)
			continue;
		if (!gather_attribute(arena, grant, name, &attribute[ret->attribute_count]))
			return false;
		ret->attribute_count++;
	}
	ret->attribute = attribute;
	return true;
}

/* The larger of two limits, of which 0 says nothing. */
static uint32_t wider(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void widen(struct limits *to, const struct limits *by)
{
	/* A burst belongs to its rate. */
	if (by->messages_per_second > to->messages_per_second)
		to->burst = by->burst;
	else if (by->messages_per_second == to->messages_per_second)
		to->burst = wider(to->burst, by->burst);
	to->messages_per_second = wider(to->messages_per_second, by->messages_per_second);
	to->bytes_per_second = wider(to->bytes_per_second, by->bytes_per_second);
	to->subscriptions = wider(to->subscriptions, by->subscriptions);
	to->connects_per_minute = wider(to->connects_per_minute, by->connects_per_minute);
	to->topic_levels = wider(to->topic_levels, by->topic_levels);
	to->topic_bytes = wider(to->topic_bytes, by->topic_bytes);
	to->clients = wider(to->clients, by->clients);
}

/* Mostly one role has limits, and the principal borrows them. */
static bool gather_limits(const struct access *access, struct arena *arena,
			  const struct gathering *from, struct access_principal *ret)
{
	struct limits *sum = NULL;

	for (size_t i = 0; i < access->role_count; i++) {
		const struct access_role *role = &access->role[i];

		if (!roleset_has(&from->all, i) || !role->limits)
			continue;
		if (!ret->limits) {
			ret->limits = role->limits;
			continue;
		}
		if (!sum) {
			sum = arena_take(arena, 1, sizeof(*sum));
			if (!sum)
				return false;
			*sum = *ret->limits;
			ret->limits = sum;
		}
		widen(sum, role->limits);
	}
	return true;
}

int access_grant(const struct access *access, struct arena *arena, const struct access_grant *grant,
		 struct access_principal *ret)
{
	struct gathering from = { .allow = closure_of(access, grant->role, grant->role_count) };

	from.all = closure_of(access, grant->mute, grant->mute_count);
	roleset_merge(&from.all, &from.allow);
	*ret = (struct access_principal){ .name = grant->name,
					  .full = grant->full,
					  .own = grant->own };
	if (!gather_rules(access, arena, &from, ret) ||
	    !gather_clients(access, arena, &from, ret) ||
	    !gather_limits(access, arena, &from, ret) || !gather_names(access, arena, grant, ret) ||
	    !gather_attributes(arena, grant, ret))
		return ERR_NOMEM;
	scopeset_remove(&ret->full, &ret->denied);
	scopeset_remove(&ret->own, &ret->denied);
	scopeset_remove(&ret->own, &ret->full);
	return 0;
}

/* Names the principal, and finds the user of that name. */
static int holder_begin(struct access_holder *holder, const char *noun,
			const struct names_template *name, const struct span *value,
			size_t attribute_count, struct diag *diag)
{
	char *text = arena_take(&holder->arena, ACCESS_NAME_MAX + 1, 1);
	const char *fault = "is too long";
	struct access_attribute *attribute;

	if (!text)
		return diag_nomem(diag);
	if (names_template_fill(name, value, text, ACCESS_NAME_MAX + 1))
		fault = names_fault(text, strlen(text), ACCESS_NAME_MAX);
	if (fault)
		return diag_set(diag, ERR_INVALID, "the name that the %s gives %s", noun, fault);
	holder->user = access_find(holder->access, text);
	if (holder->user)
		attribute_count += holder->user->attribute_count;
	attribute = arena_take(&holder->arena, attribute_count, sizeof(*attribute));
	if (!attribute)
		return diag_nomem(diag);
	holder->grant.name = text;
	holder->grant.attribute = holder->attribute = attribute;
	return 0;
}

int access_holder_new(struct access *access, const char *noun, const struct names_template *name,
		      const struct span *value, size_t attribute_count, struct access_holder **ret,
		      struct diag *diag)
{
	struct access_holder *holder = calloc(1, sizeof(*holder));
	int rc;

	if (!holder)
		return diag_nomem(diag);
	holder->access = access;
	access->holders++;
	rc = holder_begin(holder, noun, name, value, attribute_count, diag);
	if (rc)
		access_principal_drop(&holder->principal);
	else
		*ret = holder;
	return rc;
}

int access_holder_end(struct access_holder *holder, int rc, struct access_principal **ret,
		      struct diag *diag)
{
	const struct access_principal *user = holder->user;
	struct access_grant *grant = &holder->grant;

	for (size_t i = 0; user && i < user->attribute_count; i++)
		holder->attribute[grant->attribute_count++] = user->attribute[i];
	if (rc == 0 && access_grant(holder->access, &holder->arena, grant, &holder->principal))
		rc = diag_nomem(diag);
	if (rc) {
		access_principal_drop(&holder->principal);
		return rc;
	}
	holder->principal.is_disabled = user && user->is_disabled;
	*ret = &holder->principal;
	return 0;
}

void access_principal_drop(struct access_principal *principal)
{
	struct access_holder *holder = (struct access_holder *)principal;

	if (!holder)
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
