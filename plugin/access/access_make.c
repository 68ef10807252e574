/* access_make.c -- a principal out of its roles and attributes. */
#include "access/access_internal.h"

#include <stdlib.h>
#include <string.h>

static bool roleset_has(const struct roleset *set, size_t role)
{
	return (set->word[role / 64] >> (role % 64)) & 1;
}

static void roleset_merge(struct roleset *set, const struct roleset *more)
{
	for (size_t i = 0; i < ACCESS_ROLES_MAX / 64; i++)
		set->word[i] |= more->word[i];
}

struct roleset access_closure(const struct access *access, const uint32_t *role, size_t count)
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
		if (roleset_has(&from->allow, i)) {
			ret->is_peer |= role->is_peer;
			ret->has_grants |= !grantset_is_empty(&role->rule.grants);
		}
		if (role->rule.limit_count > 0) {
			rule[ret->rule_count] = role->rule;
			if (!roleset_has(&from->allow, i)) {
				rule[ret->rule_count].full = (struct scopeset){ { 0 } };
				rule[ret->rule_count].own = (struct scopeset){ { 0 } };
				rule[ret->rule_count].grants = (struct grantset){ { 0 } };
			}
			ret->rule_count++;
			continue;
		}
		scopeset_merge(&ret->denied, &role->rule.denied);
		if (roleset_has(&from->allow, i)) {
			scopeset_merge(&ret->full, &role->rule.full);
			scopeset_merge(&ret->own, &role->rule.own);
			grantset_merge(&ret->grants, &role->rule.grants);
		}
	}
	return true;
}

/* The filters of all its roles together. */
static bool gather_trust(const struct access *access, struct arena *arena,
			 const struct gathering *from, struct access_principal *ret)
{
	struct access_trust *trust;
	const char **filter;
	size_t count = 0;

	for (size_t i = 0; ret->is_peer && i < access->role_count; i++)
		if (roleset_has(&from->allow, i))
			count += access->role[i].trust.count;
	if (count == 0)
		return true;
	trust = arena_take(arena, 1, sizeof(*trust));
	filter = arena_take(arena, count, sizeof(*filter));
	if (!trust || !filter)
		return false;
	for (size_t i = 0; i < access->role_count; i++)
		for (size_t k = 0; roleset_has(&from->allow, i) && k < access->role[i].trust.count;
		     k++)
			filter[trust->count++] = access->role[i].trust.filter[k];
	trust->filter = filter;
	ret->trust = trust;
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
			 const struct access_basis *basis, struct access_principal *ret)
{
	const char **name = arena_take(arena, basis->role_count, sizeof(*name));

	if (!name)
		return false;
	for (size_t i = 0; i < basis->role_count; i++)
		name[i] = access->role[basis->role[i]].name;
	ret->role = name;
	ret->role_number = basis->role;
	ret->role_count = basis->role_count;
	return true;
}

static int order_values(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Puts the values of all attributes called @name, once each and sorted, into one. */
static bool gather_attribute(struct arena *arena, const struct access_basis *basis,
			     const char *name, struct access_attribute *ret)
{
	size_t count = 0;
	size_t kept = 0;
	const char **value;

	for (size_t i = 0; i < basis->attribute_count; i++)
		if (strcmp(basis->attribute[i].name, name) == 0)
			count += basis->attribute[i].value_count;
	value = arena_take(arena, count, sizeof(*value));
	if (!value)
		return false;
	count = 0;
	for (size_t i = 0; i < basis->attribute_count; i++)
		for (size_t k = 0; strcmp(basis->attribute[i].name, name) == 0 &&
				   k < basis->attribute[i].value_count;
		     k++)
			value[count++] = basis->attribute[i].value[k];
	qsort(value, count, sizeof(*value), order_values);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(value[i], value[kept - 1]) != 0)
			value[kept++] = value[i];
	*ret = (struct access_attribute){ .name = name, .value_count = kept, .value = value };
	return true;
}

static bool gather_attributes(struct arena *arena, const struct access_basis *basis,
			      struct access_principal *ret)
{
	struct access_attribute *attribute =
		arena_take(arena, basis->attribute_count, sizeof(*attribute));

	if (!attribute)
		return false;
	for (size_t i = 0; i < basis->attribute_count; i++) {
		const char *name = basis->attribute[i].name;
		bool is_known = false;

		for (size_t k = 0; k < ret->attribute_count; k++)
			is_known |= strcmp(attribute[k].name, name) == 0;
		if (is_known)
			continue;
		if (!gather_attribute(arena, basis, name, &attribute[ret->attribute_count]))
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

int access_make(const struct access *access, struct arena *arena, const struct access_basis *basis,
		struct access_principal *ret)
{
	struct gathering from = { .allow = access_closure(access, basis->role, basis->role_count) };

	from.all = access_closure(access, basis->mute, basis->mute_count);
	roleset_merge(&from.all, &from.allow);
	*ret = (struct access_principal){ .name = basis->name,
					  .full = basis->full,
					  .own = basis->own };
	if (!gather_rules(access, arena, &from, ret) || !gather_trust(access, arena, &from, ret) ||
	    !gather_clients(access, arena, &from, ret) ||
	    !gather_limits(access, arena, &from, ret) || !gather_names(access, arena, basis, ret) ||
	    !gather_attributes(arena, basis, ret))
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
	if (!fault && access_is_anonymous_name(holder->access, text))
		fault = "is that of clients without a name";
	if (fault)
		return diag_set(diag, ERR_INVALID, "the name that the %s gives %s", noun, fault);
	holder->user = access_find(holder->access, text);
	if (holder->user)
		attribute_count += holder->user->attribute_count;
	attribute = arena_take(&holder->arena, attribute_count, sizeof(*attribute));
	if (!attribute)
		return diag_nomem(diag);
	holder->basis.name = text;
	holder->basis.attribute = holder->attribute = attribute;
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
	holder->holders = 1;
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
	struct access_basis *basis = &holder->basis;

	for (size_t i = 0; user && i < user->attribute_count; i++)
		holder->attribute[basis->attribute_count++] = user->attribute[i];
	if (rc == 0 && access_make(holder->access, &holder->arena, basis, &holder->principal))
		rc = diag_nomem(diag);
	if (rc) {
		access_principal_drop(&holder->principal);
		return rc;
	}
	holder->principal.is_disabled = user && user->is_disabled;
	*ret = &holder->principal;
	return 0;
}
