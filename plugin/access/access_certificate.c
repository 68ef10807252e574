#include "access/access_internal.h"

#include <string.h>

/* ---- reading rules ---------------------------------------------------------------------- */

static int read_pattern(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
			enum certid_kind kind, struct access_certificate_rule *rule)
{
	const char *text;
	int rc = access_text(reader, json, at, &text);

	if (rc)
		return rc;
	if (!names_pattern_read(text, strlen(text), &rule->pattern[kind]))
		return access_expected(reader, at, "a pattern with at most one '*'");
	rule->has[kind] = true;
	return 0;
}

static int read_match(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		      void *ret)
{
	struct access_certificate_rule *rule = ret;
	size_t known = 0;
	int rc = 0;

	for (enum certid_kind kind = 0; kind < CERTID_KINDS && !rc; kind++) {
		struct jsonpath here = { .up = at, .key = certid_kinds[kind] };
		const json_t *pattern = json_object_get(json, certid_kinds[kind]);

		if (!pattern)
			continue;
		known++;
		rc = read_pattern(reader, pattern, &here, kind, rule);
	}
	if (rc)
		return rc;
	if (known == 0 || known < json_object_size(json))
		return access_expected(reader, at, "cn, ou, dns, email or uri, and nothing else");
	return 0;
}

static size_t count_stars(const struct access_certificate_rule *rule)
{
	size_t stars = 0;

	for (size_t i = 0; i < CERTID_KINDS; i++)
		stars += rule->has[i] && rule->pattern[i].is_wild;
	return stars;
}

/* A template may name only what `match` asks for: else it could never be filled. */
static int read_template(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, const struct access_certificate_rule *rule,
			 struct names_template *ret)
{
	const char *source[ACCESS_SOURCES];
	const char *text;
	const char *fault;
	int rc = access_text(reader, json, at, &text);

	if (rc)
		return rc;
	memcpy(source, certid_kinds, sizeof(certid_kinds));
	source[ACCESS_SOURCE_STAR] = "*";
	fault = names_template_read(text, strlen(text), source, ACCESS_SOURCES, ret);
	if (fault)
		return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at, "the template %s",
				     fault);
	for (size_t i = 0; i < ret->count; i++) {
		int k = ret->part[i].source;

		if (k == ACCESS_SOURCE_STAR ? count_stars(rule) != 1 : k >= 0 && !rule->has[k])
			return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
					     k == ACCESS_SOURCE_STAR
						     ? "{*} needs a `match` with exactly one '*'"
						     : "{%s} needs a member of `match` with this "
						       "name",
					     source[k]);
	}
	return 0;
}

static int read_principal(struct access_reader *reader, const json_t *json,
			  const struct jsonpath *at, void *ret)
{
	struct access_certificate_rule *rule = ret;

	return read_template(reader, json, at, rule, &rule->principal);
}

static int read_rule_roles(struct access_reader *reader, const json_t *json,
			   const struct jsonpath *at, void *ret)
{
	struct access_certificate_rule *rule = ret;

	return access_read_roles(reader, json, at, &rule->role, &rule->role_count);
}

static int read_attribute(struct access_reader *reader, const json_t *json,
			  const struct jsonpath *at, const struct access_certificate_rule *rule,
			  struct access_template_list *ret)
{
	struct arena *arena = &reader->access->arena;
	size_t count = access_strings(json);
	struct names_template *value;
	int rc = access_name(reader, at, at->key);

	if (!rc)
		rc = access_count(reader, at, count, ACCESS_LIST_MAX, "values");
	if (rc)
		return rc;
	ret->name = arena_text(arena, at->key, strlen(at->key));
	value = arena_take(arena, count, sizeof(*value));
	if (!ret->name || !value)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count && !rc; i++) {
		struct jsonpath here = { .up = at, .index = i };

		rc = read_template(reader, access_string(json, i), json_is_array(json) ? &here : at,
				   rule, &value[i]);
	}
	ret->count = count;
	ret->value = value;
	return rc;
}

static int read_attributes(struct access_reader *reader, const json_t *json,
			   const struct jsonpath *at, void *ret)
{
	struct access_certificate_rule *rule = ret;
	size_t count = json_object_size(json);
	struct access_template_list *list;
	const char *key;
	json_t *value;
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "attributes");

	if (rc)
		return rc;
	list = arena_take(&reader->access->arena, count, sizeof(*list));
	if (!list)
		return diag_nomem(reader->diag);
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };

		rc = read_attribute(reader, value, &here, rule, &list[rule->attribute_count]);
		if (rc)
			return rc;
		rule->attribute_count++;
	}
	rule->attribute = list;
	return 0;
}

/* `match` is read first: templates refer to it. */
static const struct access_member rule_members[] = {
	{ "description", JSON_STRING, false, NULL },
	{ "match", JSON_OBJECT, true, read_match },
	{ "principal", JSON_STRING, true, read_principal },
	{ "roles", JSON_ARRAY, true, read_rule_roles },
	{ "attributes", JSON_OBJECT, false, read_attributes },
};

int access_section_certificates(struct access_reader *reader, const json_t *json,
				const struct jsonpath *at, void *ret)
{
	struct access *access = reader->access;
	size_t count = json_array_size(json);
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "rules");

	(void)ret;
	if (rc)
		return rc;
	access->certificate = arena_take(&access->arena, count, sizeof(*access->certificate));
	if (!access->certificate)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count && !rc; i++) {
		struct jsonpath here = { .up = at, .index = i };

		rc = access_members(reader, json_array_get(json, i), &here, rule_members,
				    sizeof(rule_members) / sizeof(*rule_members),
				    &access->certificate[i]);
	}
	access->certificate_count = count;
	return rc;
}

/* ---- asking ----------------------------------------------------------------------------- */

/* The first name of @kind that matches goes to ret[kind]; what '*' was to the last place. */
static bool match_kind(const struct certid *id, const struct access_certificate_rule *rule,
		       enum certid_kind kind, struct span *ret)
{
	for (size_t i = 0; i < id->count; i++) {
		struct span text = id->name[i].text;

		if (id->name[i].kind != kind ||
		    !names_pattern_match(&rule->pattern[kind], text.text, text.len,
					 &ret[ACCESS_SOURCE_STAR]))
			continue;
		ret[kind] = text;
		return true;
	}
	return false;
}

static bool match_rule(const struct certid *id, const struct access_certificate_rule *rule,
		       struct span *ret)
{
	for (enum certid_kind kind = 0; kind < CERTID_KINDS; kind++)
		if (rule->has[kind] && !match_kind(id, rule, kind, ret))
			return false;
	return true;
}

static const struct access_certificate_rule *find_rule(const struct access *access,
						       const struct certid *id, struct span *ret)
{
	for (size_t i = 0; i < access->certificate_count; i++) {
		memset(ret, 0, ACCESS_SOURCES * sizeof(*ret));
		if (match_rule(id, &access->certificate[i], ret))
			return &access->certificate[i];
	}
	return NULL;
}

/* Fills one attribute's templates: each value is checked like one of a file. */
static int fill_attribute(struct arena *arena, const struct access_template_list *list,
			  const struct span *value, struct access_attribute *ret, struct diag *diag)
{
	const char **text = arena_take(arena, list->count, sizeof(*text));

	if (!text)
		return diag_nomem(diag);
	for (size_t i = 0; i < list->count; i++) {
		char *room = arena_take(arena, ACCESS_VALUE_MAX + 1, 1);

		if (!room)
			return diag_nomem(diag);
		if (!names_template_fill(&list->value[i], value, room, ACCESS_VALUE_MAX + 1))
			return diag_set(diag, ERR_INVALID,
					"the certificate's attribute %s is too long", list->name);
		text[i] = room;
	}
	*ret = (struct access_attribute){ list->name, list->count, text };
	return 0;
}

static int fill_attributes(struct arena *arena, const struct access_certificate_rule *rule,
			   const struct span *value, const struct access_principal *user,
			   struct access_grant *ret, struct diag *diag)
{
	size_t more = user ? user->attribute_count : 0;
	struct access_attribute *attribute =
		arena_take(arena, rule->attribute_count + more, sizeof(*attribute));
	int rc = 0;

	if (!attribute)
		return diag_nomem(diag);
	for (size_t i = 0; i < rule->attribute_count && !rc; i++)
		rc = fill_attribute(arena, &rule->attribute[i], value, &attribute[i], diag);
	for (size_t i = 0; i < more; i++)
		attribute[rule->attribute_count + i] = user->attribute[i];
	ret->attribute = attribute;
	ret->attribute_count = rule->attribute_count + more;
	return rc;
}

/* The rule's roles, and those of the user's entry that are not among them. */
static bool join_roles(const struct access *access, struct arena *arena,
		       const struct access_certificate_rule *rule,
		       const struct access_principal *user, struct access_grant *ret)
{
	const struct access_user_roles none = { 0, NULL };
	const struct access_user_roles *more =
		user ? &access->user_role[user - access->user] : &none;
	uint32_t *role = arena_take(arena, rule->role_count + more->count, sizeof(*role));
	size_t count = rule->role_count;

	if (!role)
		return false;
	if (count > 0)
		memcpy(role, rule->role, count * sizeof(*role));
	for (size_t i = 0; i < more->count; i++) {
		bool is_there = false;

		for (size_t k = 0; k < rule->role_count; k++)
			is_there |= role[k] == more->role[i];
		if (!is_there)
			role[count++] = more->role[i];
	}
	ret->role = role;
	ret->role_count = count;
	return true;
}

static int fill(struct access_holder *holder, const struct access_certificate_rule *rule,
		const struct span *value, struct diag *diag)
{
	struct access *access = holder->access;
	struct access_grant grant = { .name = NULL };
	const struct access_principal *user;
	char *name = arena_take(&holder->arena, ACCESS_NAME_MAX + 1, 1);
	const char *fault = "is too long";
	int rc;

	if (!name)
		return diag_nomem(diag);
	if (names_template_fill(&rule->principal, value, name, ACCESS_NAME_MAX + 1))
		fault = names_fault(name, strlen(name), ACCESS_NAME_MAX);
	if (fault)
		return diag_set(diag, ERR_INVALID, "the name that the certificate gives %s", fault);
	user = access_find(access, name);
	grant.name = name;
	rc = fill_attributes(&holder->arena, rule, value, user, &grant, diag);
	if (rc)
		return rc;
	if (!join_roles(access, &holder->arena, rule, user, &grant) ||
	    access_grant(access, &holder->arena, &grant, &holder->principal))
		return diag_nomem(diag);
	holder->principal.is_disabled = user && user->is_disabled;
	return 0;
}

int access_certificate(struct access *access, const struct certid *id,
		       struct access_principal **ret, struct diag *diag)
{
	struct span value[ACCESS_SOURCES];
	const struct access_certificate_rule *rule = find_rule(access, id, value);
	struct access_holder *holder;
	int rc;

	if (!rule)
		return diag_set(diag, ERR_INVALID,
				"no rule of the access file matches the "
				"certificate's names");
	holder = access_holder_new(access);
	if (!holder)
		return diag_nomem(diag);
	rc = fill(holder, rule, value, diag);
	if (rc) {
		access_principal_drop(&holder->principal);
		return rc;
	}
	*ret = &holder->principal;
	return 0;
}
