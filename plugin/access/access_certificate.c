/*
 * access_certificate.c -- `certificates` of access.json: rules by which a client certificate's
 * names make a principal.
 */
#include "access/access_internal.h"

#include <string.h>

/* ---- reading rules ---------------------------------------------------------------------- */

static const struct config_known rule_members[] = {
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "match", .is_required = true },
	{ .name = "principal", .is_required = true },
	{ .name = "roles", .kind = CONFIG_ARRAY, .is_required = true },
	{ .name = "attributes", .kind = CONFIG_OBJECT },
	{ .name = NULL },
};
static const struct config_known match_members[] = {
	{ .name = "cn ou dns email uri" },
	{ .name = NULL },
};

static void read_match(struct access_reader *reader, const struct config *match,
		       struct access_certificate_rule *rule)
{
	if (!config_check(&reader->report, match, "match", match_members))
		return;
	if (match->count == 0)
		(void)config_fail(&reader->report, match, NULL, ERR_INVALID,
				  "expected cn, ou, dns, email or uri");
	for (enum certid_kind kind = 0; kind < CERTID_KINDS; kind++) {
		const struct config *at = config_member(match, certid_kinds[kind]);
		const char *text = access_text(reader, at);

		if (text && !names_pattern_read(text, strlen(text), &rule->pattern[kind]))
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "expected a pattern with at most one '*'");
		rule->has[kind] = at != NULL;
	}
}

static size_t count_stars(const struct access_certificate_rule *rule)
{
	size_t stars = 0;

	for (size_t i = 0; i < CERTID_KINDS; i++)
		stars += rule->has[i] && rule->pattern[i].is_wild;
	return stars;
}

/* A template may name only what `match` asks for: else it could never be filled. */
static void read_template(struct access_reader *reader, const struct config *at,
			  const struct access_certificate_rule *rule, struct names_template *ret)
{
	const char *text = access_text(reader, at);
	const char *source[ACCESS_SOURCES];
	const char *fault;

	if (!text)
		return;
	memcpy(source, certid_kinds, sizeof(certid_kinds));
	source[ACCESS_SOURCE_STAR] = "*";
	fault = names_template_read(text, strlen(text), source, ACCESS_SOURCES, ret);
	if (fault)
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID, "the template %s", fault);
	for (size_t i = 0; i < ret->count && !fault; i++) {
		int k = ret->part[i].source;

		if (k == ACCESS_SOURCE_STAR && count_stars(rule) != 1)
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "{*} needs a `match` with exactly one '*'");
		else if (k >= 0 && k != ACCESS_SOURCE_STAR && !rule->has[k])
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "{%s} needs a member of `match` with this name",
					  source[k]);
	}
}

static void read_attribute(struct access_reader *reader, const struct config *at,
			   const struct access_certificate_rule *rule,
			   struct access_template_list *ret)
{
	size_t count = config_items(at);
	struct names_template *value = access_take(reader, count, sizeof(*value));

	ret->name = access_name(reader, at);
	if (!value || (at->kind == CONFIG_ARRAY &&
		       !config_bound(&reader->report, at, 0, ACCESS_LIST_MAX, "values")))
		return;
	for (size_t i = 0; i < count; i++)
		read_template(reader, config_item(at, i), rule, &value[i]);
	ret->count = count;
	ret->value = value;
}

static void read_rule(struct access_reader *reader, const struct config *at,
		      struct access_certificate_rule *rule)
{
	const struct config *attributes = config_member(at, "attributes");
	struct access_template_list *list;

	if (!config_check(&reader->report, at, "a rule", rule_members))
		return;
	read_match(reader, config_member(at, "match"), rule); /* templates refer to it */
	read_template(reader, config_member(at, "principal"), rule, &rule->principal);
	access_read_roles(reader, config_member(at, "roles"), &rule->role, &rule->role_count);
	list = access_take(reader, config_count(attributes), sizeof(*list));
	if (!list || (attributes &&
		      !config_bound(&reader->report, attributes, 0, ACCESS_LIST_MAX, "attributes")))
		return;
	rule->attribute = list;
	config_foreach_member(attribute, attributes)
		read_attribute(reader, attribute, rule, &list[rule->attribute_count++]);
}

void access_section_certificates(struct access_reader *reader, const struct config *rules)
{
	struct access *access = reader->access;

	if (!rules || !config_bound(&reader->report, rules, 0, ACCESS_LIST_MAX, "rules"))
		return;
	access->certificate =
		access_take(reader, config_count(rules), sizeof(*access->certificate));
	if (!access->certificate)
		return;
	config_foreach_item(at, rules)
		read_rule(reader, at, &access->certificate[access->certificate_count++]);
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
