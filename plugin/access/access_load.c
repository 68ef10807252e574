#include "access/access_internal.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading objects by a table --------------------------------------------------------- */

int access_expected(struct access_reader *reader, const struct jsonpath *at, const char *what)
{
	return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at, "expected %s", what);
}

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	default:
		return "true or false";
	}
}

static const struct access_member *member_find(const struct access_member *table, size_t count,
					       const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* true and false are two types to Jansson, and one to a person. */
static bool is_type(const json_t *json, json_type type)
{
	return type == JSON_NULL || json_typeof(json) == type ||
	       (type == JSON_TRUE && json_is_false(json));
}

static int fail_unknown(struct access_reader *reader, const struct jsonpath *at,
			const struct access_member *table, size_t count)
{
	char list[DIAG_MAX] = "";
	size_t used = 0;

	for (size_t i = 0; i < count && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 table[i].name);
	return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
			     "unknown member; known are: %s", list);
}

int access_members(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		   const struct access_member *table, size_t count, void *ret)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return access_expected(reader, at, "an object");
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };

		if (!member_find(table, count, key))
			return fail_unknown(reader, &here, table, count);
	}
	for (size_t i = 0; i < count; i++) {
		struct jsonpath here = { .up = at, .key = table[i].name };
		int rc;

		value = json_object_get(json, table[i].name);
		if (!value && table[i].is_required)
			return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
					     "expected a member \"%s\"", table[i].name);
		if (!value)
			continue;
		if (!is_type(value, table[i].type))
			return access_expected(reader, &here, type_name(table[i].type));
		rc = table[i].read ? table[i].read(reader, value, &here, ret) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

size_t access_strings(const json_t *json)
{
	return json_is_array(json) ? json_array_size(json) : 1;
}

const json_t *access_string(const json_t *json, size_t i)
{
	return json_is_array(json) ? json_array_get(json, i) : json;
}

int access_count(struct access_reader *reader, const struct jsonpath *at, size_t count, size_t max,
		 const char *what)
{
	if (count <= max)
		return 0;
	return jsonpath_fail(reader->diag, ERR_LIMIT, reader->file, at,
			     "expected at most %zu %s, found %zu", max, what, count);
}

/* A member's key as a name: Jansson refuses keys with a NUL, so strlen() tells its length. */
int access_name(struct access_reader *reader, const struct jsonpath *at, const char *name)
{
	const char *fault = names_fault(name, strlen(name), ACCESS_NAME_MAX);

	if (!fault)
		return 0;
	return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at, "the name %s", fault);
}

int access_text(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		const char **ret)
{
	size_t len = json_string_length(json);

	if (!json_is_string(json) || len == 0 ||
	    names_text_fault(json_string_value(json), len, ACCESS_VALUE_MAX))
		return access_expected(reader, at,
				       "a string of 1 to 1024 bytes without control characters");
	*ret = arena_text(&reader->access->arena, json_string_value(json), len);
	return *ret ? 0 : diag_nomem(reader->diag);
}

/* ---- words of scopes -------------------------------------------------------------------- */

bool access_scope_add(const struct access *access, const char *word, size_t len,
		      struct scopeset *full, struct scopeset *own)
{
	static const char suffix[] = ":own";
	const size_t suffix_len = sizeof(suffix) - 1;
	uint32_t scope = nametable_find(&access->scope_table, word, len);
	struct scopeset *set = full;
	bool is_found = false;

	if (scope != NAMETABLE_NONE) {
		scopeset_add(full, scope);
		return true;
	}
	if (own && len > suffix_len && memcmp(word + len - suffix_len, suffix, suffix_len) == 0) {
		set = own;
		len -= suffix_len;
		scope = nametable_find(&access->scope_table, word, len);
	}
	if (scope != NAMETABLE_NONE) {
		scopeset_add(set, scope);
		return true;
	}
	if (len == 0 || word[len - 1] != '*' || (len > 1 && word[len - 2] != ':'))
		return false;
	for (unsigned i = 0; i < access->scope_count; i++) {
		if (strncmp(access->scope[i], word, len - 1) != 0)
			continue;
		scopeset_add(set, i);
		is_found = true;
	}
	return is_found;
}

/* Says of a scope's ":own" that it gives nothing. */
static int warn_of_own(struct access_reader *reader, const char *word, const struct jsonpath *at)
{
	struct access *access = reader->access;
	struct diag text;

	if (access->warning_count == ACCESS_WARNINGS_MAX)
		return 0;
	diag_init(&text);
	(void)jsonpath_fail(&text, ERR_INVALID, reader->file, at,
			    "\"%s\" gives nothing: who puts a status right needs the scope in full",
			    word);
	access->warning[access->warning_count] =
		arena_text(&access->arena, text.text, strlen(text.text));
	if (!access->warning[access->warning_count])
		return diag_nomem(reader->diag);
	access->warning_count++;
	return 0;
}

/* Is the word a scope with ":own" behind it, of which only the scope in full is of use? */
static bool is_own_of_whole(const struct access_reader *reader, const char *word, size_t len)
{
	static const char suffix[] = ":own";
	const size_t suffix_len = sizeof(suffix) - 1;
	uint32_t scope;

	if (!reader->scopes->whole || len <= suffix_len ||
	    memcmp(word + len - suffix_len, suffix, suffix_len) != 0 ||
	    nametable_find(&reader->access->scope_table, word, len) != NAMETABLE_NONE)
		return false;
	scope = nametable_find(&reader->access->scope_table, word, len - suffix_len);
	return scope != NAMETABLE_NONE && scopeset_has(reader->scopes->whole, scope);
}

int access_read_scopes(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		       struct scopeset *full, struct scopeset *own)
{
	for (size_t i = 0; i < json_array_size(json); i++) {
		const json_t *word = json_array_get(json, i);
		struct jsonpath here = { .up = at, .index = i };

		if (!json_is_string(word))
			return access_expected(reader, &here, "a scope's name");
		if (!access_scope_add(reader->access, json_string_value(word),
				      json_string_length(word), full, own))
			return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, &here,
					     "the contract has no scope \"%s\"%s",
					     json_string_value(word),
					     own ? "" : " (a denial is of the whole scope)");
		if (is_own_of_whole(reader, json_string_value(word), json_string_length(word)) &&
		    warn_of_own(reader, json_string_value(word), &here))
			return ERR_NOMEM;
	}
	return 0;
}

/* Copies the contract's scopes: the principal's maker needs them after the contract is gone. */
static int read_contract_scopes(struct access_reader *reader)
{
	struct access *access = reader->access;
	size_t count = reader->scopes->count;
	const char **scope;

	if (count > SCOPES_MAX)
		return diag_set(reader->diag, ERR_LIMIT,
				"the contract has %zu scopes, at most %u fit", count, SCOPES_MAX);
	scope = arena_take(&access->arena, count, sizeof(*scope));
	if (!scope || !nametable_init(&access->scope_table, count))
		return diag_nomem(reader->diag);
	for (unsigned i = 0; i < count; i++) {
		const char *name = reader->scopes->name(reader->scopes->ctx, i);

		scope[i] = arena_text(&access->arena, name, strlen(name));
		if (!scope[i])
			return diag_nomem(reader->diag);
		(void)nametable_put(&access->scope_table, scope[i], strlen(name), i);
	}
	access->scope = scope;
	access->scope_count = count;
	return 0;
}

/* ---- the file --------------------------------------------------------------------------- */

/* Roles and client ids are read first: the principals are made of them. */
static const struct access_member file_members[] = {
	{ "$schema", JSON_STRING, false, NULL },
	{ "roles", JSON_OBJECT, true, access_section_roles },
	{ "clientIds", JSON_ARRAY, false, access_section_clients },
	{ "users", JSON_OBJECT, true, access_section_users },
	{ "certificates", JSON_ARRAY, false, access_section_certificates },
	{ "issuers", JSON_ARRAY, false, access_section_issuers },
};

static int build(struct access_reader *reader, const json_t *json, struct access **ret)
{
	struct jsonpath root = { .up = NULL };
	struct access *access = calloc(1, sizeof(*access));
	int rc;

	if (!access)
		return diag_nomem(reader->diag);
	access->holders = 1;
	reader->access = access;
	rc = read_contract_scopes(reader);
	if (!rc)
		rc = access_members(reader, json, &root, file_members,
				    sizeof(file_members) / sizeof(*file_members), NULL);
	if (!rc) {
		*ret = access;
		access = NULL; /* handed over */
	}
	access_free(access);
	return rc;
}

int access_parse(const char *name, const char *folder, const char *text, size_t len,
		 const struct access_scopes *scopes, struct access **ret, struct diag *diag)
{
	struct access_reader reader = {
		.file = name, .folder = folder, .scopes = scopes, .diag = diag
	};
	json_t *json = NULL;
	int rc = jsonfile_parse(name, text, len, &json, diag);

	if (!rc)
		rc = build(&reader, json, ret);
	json_decref(json);
	return rc;
}

int access_load(const char *path, const struct access_scopes *scopes, struct access **ret,
		struct diag *diag)
{
	struct access_reader reader = { .file = path, .scopes = scopes, .diag = diag };
	char *copy = strdup(path);
	json_t *json = NULL;
	int rc;

	if (!copy)
		return diag_nomem(diag);
	reader.folder = dirname(copy);
	rc = jsonfile_load(path, &json, diag);
	if (!rc)
		rc = build(&reader, json, ret);
	json_decref(json);
	free(copy);
	return rc;
}
