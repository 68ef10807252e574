/*
 * access_certificate.c -- `certificates` of access.json: rules that map the names in a client
 * certificate to a principal.
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
};
static const struct config_known match_members[] = {
	{ .name = "cn ou dns email uri" },
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
	struct names_template *value =
		access_room(reader, at, ACCESS_LIST_MAX, "values", sizeof(*value));

	ret->name = access_name(reader, at);
	if (!value)
		return;
	for (size_t i = 0; i < config_items(at); i++)
		read_template(reader, config_item(at, i), rule, &value[i]);
	ret->count = config_items(at);
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
	list = access_room(reader, attributes, ACCESS_LIST_MAX, "attributes", sizeof(*list));
	if (!list)
		return;
	rule->attribute = list;
	config_foreach_member(attribute, attributes)
		read_attribute(reader, attribute, rule, &list[rule->attribute_count++]);
}

void access_section_certificates(struct access_reader *reader, const struct config *rules)
{
	struct access *access = reader->access;

	access->certificate =
		access_room(reader, rules, ACCESS_LIST_MAX, "rules", sizeof(*access->certificate));
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
		struct span text = { id->text + id->name[i].at, id->name[i].len };

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
static int fill_attribute(struct access_holder *holder, const struct access_template_list *list,
			  const struct span *value, struct diag *diag)
{
	const char **text = arena_take(&holder->arena, list->count, sizeof(*text));

	if (!text)
		return diag_nomem(diag);
	for (size_t i = 0; i < list->count; i++) {
		char *room = arena_take(&holder->arena, ACCESS_VALUE_MAX + 1, 1);

		if (!room)
			return diag_nomem(diag);
		if (!names_template_fill(&list->value[i], value, room, ACCESS_VALUE_MAX + 1))
			return diag_set(diag, ERR_INVALID,
					"the certificate's attribute %s is too long", list->name);
		text[i] = room;
	}
	holder->attribute[holder->basis.attribute_count++] =
		(struct access_attribute){ list->name, list->count, text };
	return 0;
}

/* The rule's roles, and those of the user's entry that are not among them. */
static int join_roles(struct access_holder *holder, const struct access_certificate_rule *rule,
		      struct diag *diag)
{
	const struct access_principal *user = holder->user;
	size_t more = user ? user->role_count : 0, count = rule->role_count;
	uint32_t *role = arena_take(&holder->arena, count + more, sizeof(*role));

	if (!role)
		return diag_nomem(diag);
	if (count > 0)
		memcpy(role, rule->role, count * sizeof(*role));
	for (size_t i = 0; i < more; i++) {
		bool is_there = false;

		for (size_t k = 0; k < rule->role_count; k++)
			is_there |= role[k] == user->role_number[i];
		if (!is_there)
			role[count++] = user->role_number[i];
	}
	holder->basis.role = role;
	holder->basis.role_count = count;
	return 0;
}

static int make(struct access *access, const struct access_certificate_rule *rule,
		const struct span *value, struct access_principal **ret, struct diag *diag)
{
	struct access_holder *holder;
	int rc = access_holder_new(access, "certificate", &rule->principal, value,
				   rule->attribute_count, &holder, diag);
	bool has_entry;

	if (rc)
		return rc;
	for (size_t i = 0; i < rule->attribute_count && rc == 0; i++)
		rc = fill_attribute(holder, &rule->attribute[i], value, diag);
	if (rc == 0)
		rc = join_roles(holder, rule, diag);
	has_entry = holder->user != NULL;
	rc = access_holder_end(holder, rc, ret, diag);
	if (rc == 0)
		(*ret)->has_entry = has_entry;
	return rc;
}

int access_certificate(struct access *access, const struct certid *id,
		       struct access_principal **ret, struct diag *diag)
{
	struct span value[ACCESS_SOURCES];
	const struct access_certificate_rule *rule = find_rule(access, id, value);

	if (!rule)
		return diag_set(diag, ERR_INVALID,
				"no rule of the access file matches the certificate's names");
	return make(access, rule, value, ret, diag);
}

/* ---- asking by the principal's name ------------------------------------------------------- */

/* Of which names the rule makes @name, as far as that is sure; false: it makes no such name. */
static bool match_principal(const struct access_certificate_rule *rule, const char *name,
			    struct span *ret)
{
	struct span text = { name, 0 };
	struct names_pattern pattern = { .before = text, .after = text };
	int source = -1;

	memset(ret, 0, ACCESS_SOURCES * sizeof(*ret));
	for (size_t i = 0; i < rule->principal.count; i++) {
		if (rule->principal.part[i].source < 0) {
			*(pattern.is_wild ? &pattern.after : &pattern.before) =
				rule->principal.part[i].literal;
			continue;
		}
		if (pattern.is_wild)
			return false; /* of two names: where one ends is not known */
		pattern.is_wild = true;
		source = rule->principal.part[i].source;
	}
	if (!names_pattern_match(&pattern, name, strlen(name), &text))
		return false;
	for (size_t kind = 0; kind < CERTID_KINDS; kind++)
		if (rule->has[kind] && !rule->pattern[kind].is_wild)
			ret[kind] = rule->pattern[kind].before;
	if (source >= 0)
		ret[source] = text;
	return source < 0 || source == ACCESS_SOURCE_STAR ||
	       names_pattern_match(&rule->pattern[source], text.text, text.len,
				   &ret[ACCESS_SOURCE_STAR]);
}

int access_certificate_named(struct access *access, const char *name, struct access_principal **ret,
			     struct diag *diag)
{
	const struct access_certificate_rule *found = NULL;
	struct span value[ACCESS_SOURCES], each[ACCESS_SOURCES];

	for (size_t i = 0; i < access->certificate_count; i++) {
		if (!match_principal(&access->certificate[i], name, each))
			continue;
		if (found)
			return diag_set(diag, ERR_LIMIT,
					"several rules for certificates make \"%s\"", name);
		found = &access->certificate[i];
		memcpy(value, each, sizeof(value));
	}
	if (!found)
		return diag_set(diag, ERR_INVALID, "no rule for certificates makes \"%s\"", name);
	return make(access, found, value, ret, diag) ? ERR_LIMIT : 0;
}
