#include "access/access_internal.h"

#include <string.h>

struct user_entry {
	struct access_grant grant;
	bool is_disabled;
};

static int read_user_roles(struct access_reader *reader, const json_t *json,
			   const struct jsonpath *at, void *ret)
{
	struct access_grant *grant = &((struct user_entry *)ret)->grant;

	return access_read_roles(reader, json, at, &grant->role, &grant->role_count);
}

static int read_disabled(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	(void)reader;
	(void)at;
	((struct user_entry *)ret)->is_disabled = json_is_true(json);
	return 0;
}

static int read_attribute(struct access_reader *reader, const json_t *json,
			  const struct jsonpath *at, struct access_attribute *ret)
{
	size_t count = access_strings(json);
	struct arena *arena = &reader->access->arena;
	const char **value;
	int rc = access_name(reader, at, at->key);

	if (!rc)
		rc = access_count(reader, at, count, ACCESS_LIST_MAX, "values");
	if (rc)
		return rc;
	value = arena_take(arena, count, sizeof(*value));
	ret->name = arena_text(arena, at->key, strlen(at->key));
	if (!value || !ret->name)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count; i++) {
		const json_t *text = access_string(json, i);
		struct jsonpath here = { .up = at, .index = i };

		if (!json_is_string(text) ||
		    names_text_fault(json_string_value(text), json_string_length(text),
				     ACCESS_VALUE_MAX))
			return access_expected(reader, json_is_array(json) ? &here : at,
					       json_is_array(json)
						       ? "a string without control characters"
						       : "a string or a list of strings");
		value[i] = arena_text(arena, json_string_value(text), json_string_length(text));
		if (!value[i])
			return diag_nomem(reader->diag);
	}
	ret->value = value;
	ret->value_count = count;
	return 0;
}

static int read_attributes(struct access_reader *reader, const json_t *json,
			   const struct jsonpath *at, void *ret)
{
	struct access_grant *grant = &((struct user_entry *)ret)->grant;
	size_t count = json_object_size(json);
	struct access_attribute *attribute;
	const char *key;
	json_t *value;
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "attributes");

	if (rc)
		return rc;
	attribute = arena_take(&reader->access->arena, count, sizeof(*attribute));
	if (!attribute)
		return diag_nomem(reader->diag);
	grant->attribute = attribute;
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };

		rc = read_attribute(reader, value, &here, &attribute[grant->attribute_count]);
		if (rc)
			return rc;
		grant->attribute_count++;
	}
	return 0;
}

static const struct access_member user_members[] = {
	{ "description", JSON_STRING, false, NULL },
	{ "roles", JSON_ARRAY, true, read_user_roles },
	{ "attributes", JSON_OBJECT, false, read_attributes },
	{ "disabled", JSON_TRUE, false, read_disabled },
};

static int read_user(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		     struct access_principal *ret, struct access_user_roles *ret_roles)
{
	struct access *access = reader->access;
	struct user_entry entry = { .is_disabled = false };
	int rc = access_name(reader, at, at->key);

	if (!rc)
		rc = access_members(reader, json, at, user_members,
				    sizeof(user_members) / sizeof(*user_members), &entry);
	if (rc)
		return rc;
	entry.grant.name = arena_text(&access->arena, at->key, strlen(at->key));
	if (!entry.grant.name || access_grant(access, &access->arena, &entry.grant, ret))
		return diag_nomem(reader->diag);
	ret->is_disabled = entry.is_disabled;
	ret_roles->count = entry.grant.role_count;
	ret_roles->role = entry.grant.role;
	return 0;
}

int access_section_users(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	struct access *access = reader->access;
	size_t count = json_object_size(json);
	struct access_user_roles *roles;
	const char *key;
	json_t *value;
	int rc = access_count(reader, at, count, ACCESS_USERS_MAX, "users");

	(void)ret;
	if (rc)
		return rc;
	access->user = arena_take(&access->arena, count, sizeof(*access->user));
	roles = arena_take(&access->arena, count, sizeof(*roles));
	if (!access->user || !roles || !nametable_init(&access->user_table, count))
		return diag_nomem(reader->diag);
	access->user_role = roles;
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };
		struct access_principal *user = &access->user[access->user_count];

		rc = read_user(reader, value, &here, user, &roles[access->user_count]);
		if (rc)
			return rc;
		(void)nametable_put(&access->user_table, user->name, strlen(user->name),
				    (uint32_t)access->user_count);
		access->user_count++;
	}
	return 0;
}
