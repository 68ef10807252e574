#include "access/access_internal.h"

#include <string.h>

int access_read_roles(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		      const uint32_t **ret, size_t *ret_count)
{
	size_t count = json_array_size(json);
	uint32_t *role = arena_take(&reader->access->arena, count, sizeof(*role));
	int rc = access_count(reader, at, count, ACCESS_ROLES_MAX, "roles");

	if (rc)
		return rc;
	if (!role)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count; i++) {
		const json_t *name = json_array_get(json, i);
		struct jsonpath here = { .up = at, .index = i };

		if (!json_is_string(name))
			return access_expected(reader, &here, "a role's name");
		role[i] = nametable_find(&reader->access->role_table, json_string_value(name),
					 json_string_length(name));
		if (role[i] == NAMETABLE_NONE)
			return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, &here,
					     "there is no role \"%s\"", json_string_value(name));
		for (size_t k = 0; k < i; k++)
			if (role[k] == role[i])
				return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, &here,
						     "the role \"%s\" stands here twice",
						     json_string_value(name));
	}
	*ret = role;
	*ret_count = count;
	return 0;
}

static int read_includes(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	struct access_role *role = ret;

	return access_read_roles(reader, json, at, &role->include, &role->include_count);
}

static int read_role_scopes(struct access_reader *reader, const json_t *json,
			    const struct jsonpath *at, void *ret)
{
	struct access_role *role = ret;

	return access_read_scopes(reader, json, at, &role->rule.full, &role->rule.own);
}

static int read_deny(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		     void *ret)
{
	struct access_role *role = ret;

	return access_read_scopes(reader, json, at, &role->rule.denied, NULL);
}

/* One value of a `where`: a pattern, or a word in braces. */
static int read_value(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		      struct access_value *ret)
{
	size_t len = json_string_length(json);
	const char *text;

	if (!json_is_string(json) || len == 0 ||
	    names_text_fault(json_string_value(json), len, ACCESS_VALUE_MAX))
		return access_expected(reader, at, "a string without control characters");
	text = arena_text(&reader->access->arena, json_string_value(json), len);
	if (!text)
		return diag_nomem(reader->diag);
	if (strcmp(text, "{name}") == 0) {
		ret->is_name = true;
		return 0;
	}
	if (len > 2 && text[0] == '{' && text[len - 1] == '}') {
		ret->attribute = arena_text(&reader->access->arena, text + 1, len - 2);
		if (!ret->attribute)
			return diag_nomem(reader->diag);
		if (!names_fault(ret->attribute, len - 2, ACCESS_NAME_MAX))
			return 0;
	}
	if (strpbrk(text, "{}") || !names_pattern_read(text, len, &ret->pattern))
		return access_expected(reader, at,
				       "a value with at most one '*', \"{name}\" or an "
				       "attribute's name in braces");
	return 0;
}

static int read_limit(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		      struct access_limit *ret)
{
	size_t count = access_strings(json);
	struct access_value *value;
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "values");

	if (rc)
		return rc;
	if (!reader->scopes->has_param || !reader->scopes->has_param(reader->scopes->ctx, at->key))
		return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
				     "the contract has no topic parameter of this name");
	ret->param = arena_text(&reader->access->arena, at->key, strlen(at->key));
	value = arena_take(&reader->access->arena, count, sizeof(*value));
	if (!ret->param || !value)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count && !rc; i++) {
		struct jsonpath here = { .up = at, .index = i };

		rc = read_value(reader, access_string(json, i), json_is_array(json) ? &here : at,
				&value[i]);
	}
	ret->value = value;
	ret->value_count = count;
	return rc;
}

static int read_where(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		      void *ret)
{
	struct access_role *role = ret;
	size_t count = json_object_size(json);
	struct access_limit *limit;
	const char *key;
	json_t *value;
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "parameters");

	if (rc)
		return rc;
	if (count == 0)
		return access_expected(reader, at, "a topic parameter's name");
	if (role->include_count > 0)
		return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
				     "a role with `where` cannot include others");
	limit = arena_take(&reader->access->arena, count, sizeof(*limit));
	if (!limit)
		return diag_nomem(reader->diag);
	role->rule.limit = limit;
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };

		rc = read_limit(reader, value, &here, &limit[role->rule.limit_count]);
		if (rc)
			return rc;
		role->rule.limit_count++;
	}
	return 0;
}

static int read_requires(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	struct access_role *role = ret;

	if (strcmp(json_string_value(json), "certificate") != 0)
		return access_expected(reader, at, "\"certificate\"");
	role->needs_certificate = true;
	return 0;
}

static int read_clients(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
			void *ret)
{
	struct access_role *role = ret;

	return access_read_clients(reader, json, at, &role->client, &role->client_count);
}

#define LIMIT_MAX 1000000000
#define SUBSCRIPTIONS_MAX 4096 /* each is remembered */
#define CLIENTS_MAX LIMITS_CLIENTS_MAX
#define TOPIC_LEVELS_MAX 32768 /* what MQTT has room for */
#define TOPIC_BYTES_MAX 65535

static int read_limits(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		       void *ret)
{
	struct access_role *role = ret;
	struct limits *limits = arena_take(&reader->access->arena, 1, sizeof(*limits));
	const struct {
		const char *name;
		uint32_t *to;
		json_int_t max;
	} known[] = {
		{ "messagesPerSecond", limits ? &limits->messages_per_second : NULL, LIMIT_MAX },
		{ "burst", limits ? &limits->burst : NULL, LIMIT_MAX },
		{ "bytesPerSecond", limits ? &limits->bytes_per_second : NULL, LIMIT_MAX },
		{ "subscriptions", limits ? &limits->subscriptions : NULL, SUBSCRIPTIONS_MAX },
		{ "connectsPerMinute", limits ? &limits->connects_per_minute : NULL, LIMIT_MAX },
		{ "topicLevels", limits ? &limits->topic_levels : NULL, TOPIC_LEVELS_MAX },
		{ "topicBytes", limits ? &limits->topic_bytes : NULL, TOPIC_BYTES_MAX },
		{ "clients", limits ? &limits->clients : NULL, CLIENTS_MAX }
	};
	const size_t count = sizeof(known) / sizeof(*known);
	const char *key;
	json_t *value;

	if (!limits)
		return diag_nomem(reader->diag);
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };
		json_int_t number = json_integer_value(value);
		size_t i = 0;

		while (i < count && strcmp(known[i].name, key) != 0)
			i++;
		if (i == count)
			return access_expected(reader, &here,
					       "messagesPerSecond, burst, bytesPerSecond, "
					       "subscriptions, connectsPerMinute, topicLevels, "
					       "topicBytes or clients");
		if (!json_is_integer(value) || number < 1 || number > known[i].max)
			return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, &here,
					     "expected an integer from 1 to %lld",
					     (long long)known[i].max);
		*known[i].to = (uint32_t)number;
	}
	role->limits = limits;
	return 0;
}

/* `where` is read after `includes`, which it looks at. */
static const struct access_member role_members[] = {
	{ "description", JSON_STRING, false, NULL },
	{ "includes", JSON_ARRAY, false, read_includes },
	{ "scopes", JSON_ARRAY, false, read_role_scopes },
	{ "deny", JSON_ARRAY, false, read_deny },
	{ "where", JSON_OBJECT, false, read_where },
	{ "requires", JSON_STRING, false, read_requires },
	{ "clientIds", JSON_ARRAY, false, read_clients },
	{ "limits", JSON_OBJECT, false, read_limits },
};

/* A walk over roles that include roles: 0 not seen, 1 on the way down, 2 done. */
struct cycle_search {
	struct access_reader *reader;
	const struct jsonpath *at;
	unsigned char state[ACCESS_ROLES_MAX];
};

/* Recursion is bounded by the number of roles, since a role on the way down is a cycle. */
static int close_role(struct cycle_search *search, uint32_t index)
{
	struct access_role *role = &search->reader->access->role[index];

	search->state[index] = 1;
	role->closure.word[index / 64] |= UINT64_C(1) << (index % 64);
	for (size_t i = 0; i < role->include_count; i++) {
		uint32_t next = role->include[i];
		struct access_role *included = &search->reader->access->role[next];
		struct jsonpath name = { .up = search->at, .key = role->name };
		struct jsonpath list = { .up = &name, .key = "includes" };
		struct jsonpath here = { .up = &list, .index = i };
		int rc = 0;

		if (search->state[next] == 1)
			return jsonpath_fail(
				search->reader->diag, ERR_INVALID, search->reader->file, &here,
				"the role \"%s\" includes itself in a circle", included->name);
		if (search->state[next] == 0)
			rc = close_role(search, next);
		if (rc)
			return rc;
		for (size_t w = 0; w < ACCESS_ROLES_MAX / 64; w++)
			role->closure.word[w] |= included->closure.word[w];
	}
	search->state[index] = 2;
	return 0;
}

/* The names come first, so that a role can include one that stands below it. */
static int name_roles(struct access_reader *reader, const json_t *json, const struct jsonpath *at)
{
	struct access *access = reader->access;
	size_t count = json_object_size(json);
	const char *key;
	json_t *value;
	int rc = access_count(reader, at, count, ACCESS_ROLES_MAX, "roles");

	if (rc)
		return rc;
	access->role = arena_take(&access->arena, count, sizeof(*access->role));
	if (!access->role || !nametable_init(&access->role_table, count))
		return diag_nomem(reader->diag);
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };
		struct access_role *role = &access->role[access->role_count];

		rc = access_name(reader, &here, key);
		if (rc)
			return rc;
		role->name = arena_text(&access->arena, key, strlen(key));
		if (!role->name)
			return diag_nomem(reader->diag);
		(void)nametable_put(&access->role_table, role->name, strlen(key),
				    (uint32_t)access->role_count);
		access->role_count++;
	}
	return 0;
}

int access_section_roles(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	struct access *access = reader->access;
	struct cycle_search search = { .reader = reader, .at = at };
	int rc = name_roles(reader, json, at);

	(void)ret;
	for (uint32_t i = 0; i < access->role_count && !rc; i++) {
		struct jsonpath here = { .up = at, .key = access->role[i].name };

		rc = access_members(reader, json_object_get(json, access->role[i].name), &here,
				    role_members, sizeof(role_members) / sizeof(*role_members),
				    &access->role[i]);
	}
	for (uint32_t i = 0; i < access->role_count && !rc; i++)
		if (search.state[i] == 0)
			rc = close_role(&search, i);
	return rc;
}
