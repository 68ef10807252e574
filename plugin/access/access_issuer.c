/*
 * access_issuer.c -- `issuers` of access.json: who signs tokens, what they are worth, and the
 * principal that a token makes.
 */
#include "access/access_internal.h"

#include <stdio.h>
#include <string.h>

#define SKEW_DEFAULT 60        /* seconds */
#define LIFETIME_DEFAULT 86400 /* seconds */
#define PATH_BYTES 4096u

/* ---- reading issuers -------------------------------------------------------------------- */

static const struct config_known issuer_members[] = {
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "issuer", .is_required = true },
	{ .name = "audience", .is_required = true },
	{ .name = "algorithms", .kind = CONFIG_ARRAY, .is_required = true },
	{ .name = "keys", .is_required = true },
	{ .name = "principal", .is_required = true },
	{ .name = "scopes", .kind = CONFIG_ARRAY, .is_required = true },
	{ .name = "roles", .kind = CONFIG_ARRAY },
	{ .name = "attributes", .kind = CONFIG_OBJECT },
	{ .name = "clockSkew maxLifetime" },
	{ .name = NULL },
};

static void read_issuer_name(struct access_reader *reader, const struct config *at,
			     struct access_issuer *issuer)
{
	const char *text = access_text(reader, at);
	const struct access_issuer *other = reader->access->issuer;

	for (; text && other < issuer; other++)
		if (other->rules.issuer && strcmp(other->rules.issuer, text) == 0)
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "the issuer stands here twice");
	issuer->rules.issuer = text;
}

static void read_audience(struct access_reader *reader, const struct config *at,
			  struct access_issuer *issuer)
{
	size_t count = config_items(at);
	const char **audience = access_take(reader, count, sizeof(*audience));

	if (!at || !audience)
		return;
	if (count == 0)
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID, "expected an audience");
	if (at->kind == CONFIG_ARRAY &&
	    !config_bound(&reader->report, at, 0, ACCESS_LIST_MAX, "audiences"))
		return;
	for (size_t i = 0; i < count; i++)
		audience[i] = access_text(reader, config_item(at, i));
	issuer->rules.audience = audience;
	issuer->rules.audience_count = count;
}

static void read_algorithms(struct access_reader *reader, const struct config *list,
			    struct access_issuer *issuer)
{
	unsigned *all = &issuer->rules.algorithms;

	config_foreach_item(at, list) {
		const char *name = config_string(at);
		unsigned algorithm = name ? jwk_algorithm(name) : 0;

		if (!algorithm)
			(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
					  "expected RS256, ES256, EdDSA or HS256");
		*all |= algorithm;
	}
	if (list && list->kind == CONFIG_ARRAY && list->count == 0)
		(void)config_fail(&reader->report, list, NULL, ERR_INVALID,
				  "expected an algorithm");
	if ((*all & JWK_HS256) && *all != JWK_HS256)
		(void)config_fail(&reader->report, list, NULL, ERR_INVALID,
				  "HS256, which has a shared secret, cannot stand beside "
				  "algorithms with public keys");
}

/* The file @name, which is relative to the access file's folder. */
static int load_keys(const struct access_reader *reader, const char *name, struct jwk_set **ret,
		     struct diag *diag)
{
	char path[PATH_BYTES];
	bool is_absolute = name[0] == '/';
	int n;

	if (!reader->folder)
		return diag_set(diag, ERR_IO, "%s: there are no key files here", name);
	n = snprintf(path, sizeof(path), "%s%s%s", is_absolute ? "" : reader->folder,
		     is_absolute ? "" : "/", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return diag_set(diag, ERR_LIMIT, "the path is too long");
	return jwk_load(path, ret, diag);
}

/* Runs after read_algorithms(): each of them needs a key, or the entry is a misspelling. */
static void read_keys(struct access_reader *reader, const struct config *at,
		      struct access_issuer *issuer)
{
	const char *name = access_text(reader, at);
	struct jwk_set *keys = NULL;
	unsigned found = 0;
	struct diag diag;
	int rc = name ? load_keys(reader, name, &keys, &diag) : 0;

	if (rc == ERR_NOMEM)
		(void)config_nomem(&reader->report);
	else if (rc)
		(void)config_fail(&reader->report, at, NULL, rc, "%s", diag.text);
	if (!keys)
		return;
	issuer->rules.keys = keys; /* access_issuers_clear() frees it */
	for (size_t i = 0; i < keys->count; i++)
		found |= keys->key[i].algorithm;
	if (issuer->rules.algorithms & ~found)
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
				  "the file lacks a key for one of the algorithms");
}

static void read_principal(struct access_reader *reader, const struct config *at,
			   struct access_issuer *issuer)
{
	static const char *const source[] = { "sub" };
	const char *text = access_text(reader, at);
	const char *fault =
		text ? names_template_read(text, strlen(text), source, 1, &issuer->principal)
		     : NULL;

	if (fault)
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID, "the template %s", fault);
}

static void read_claims(struct access_reader *reader, const struct config *attributes,
			struct access_issuer *issuer)
{
	struct access_claim *claim = access_take(reader, config_count(attributes), sizeof(*claim));

	if (!claim || (attributes && !config_bound(&reader->report, attributes, 0, ACCESS_LIST_MAX,
						   "attributes")))
		return;
	issuer->claim = claim;
	config_foreach_member(at, attributes)
		claim[issuer->claim_count++] =
			(struct access_claim){ .attribute = access_name(reader, at),
					       .claim = access_text(reader, at) };
}

static void read_issuer(struct access_reader *reader, const struct config *at,
			struct access_issuer *issuer)
{
	issuer->rules.skew = SKEW_DEFAULT;
	issuer->rules.lifetime_max = LIFETIME_DEFAULT;
	if (!config_check(&reader->report, at, "an issuer", issuer_members))
		return;
	read_issuer_name(reader, config_member(at, "issuer"), issuer);
	read_audience(reader, config_member(at, "audience"), issuer);
	read_algorithms(reader, config_member(at, "algorithms"), issuer);
	read_keys(reader, config_member(at, "keys"), issuer);
	read_principal(reader, config_member(at, "principal"), issuer);
	access_read_scopes(reader, config_member(at, "scopes"), &issuer->full, &issuer->own);
	access_read_roles(reader, config_member(at, "roles"), &issuer->role, &issuer->role_count);
	read_claims(reader, config_member(at, "attributes"), issuer);
	(void)config_integer(&reader->report, at, "clockSkew", 0, TOKEN_SKEW_MAX,
			     &issuer->rules.skew);
	(void)config_integer(&reader->report, at, "maxLifetime", 1, TOKEN_LIFETIME_MAX,
			     &issuer->rules.lifetime_max);
}

void access_section_issuers(struct access_reader *reader, const struct config *issuers)
{
	struct access *access = reader->access;

	if (!issuers || !config_bound(&reader->report, issuers, 0, ACCESS_LIST_MAX, "issuers"))
		return;
	access->issuer = access_take(reader, config_count(issuers), sizeof(*access->issuer));
	if (!access->issuer)
		return;
	config_foreach_item(at, issuers)
		read_issuer(reader, at, &access->issuer[access->issuer_count++]);
}

void access_issuers_clear(struct access *access)
{
	for (size_t i = 0; i < access->issuer_count; i++)
		jwk_free((struct jwk_set *)access->issuer[i].rules.keys);
}

/* ---- asking ----------------------------------------------------------------------------- */

/* A claim is a string, or a list of them: so many, and the one with number @i. */
static size_t claim_strings(const json_t *claim)
{
	return json_is_array(claim) ? json_array_size(claim) : 1;
}

static const json_t *claim_string(const json_t *claim, size_t i)
{
	return json_is_array(claim) ? json_array_get(claim, i) : claim;
}

static const struct token_issuer *find_issuer(const char *name, void *ctx)
{
	const struct access *access = ctx;

	for (size_t i = 0; i < access->issuer_count; i++)
		if (strcmp(access->issuer[i].rules.issuer, name) == 0)
			return &access->issuer[i].rules;
	return NULL;
}

/*
 * One word of the token's scopes, cut to what the issuer may give. A token has no wildcards:
 * a word with '*' is the name of no scope. Words that the contract does not know ("openid")
 * are for others.
 */
static void add_word(const struct access *access, const struct access_issuer *issuer,
		     const char *word, size_t len, struct access_holder *ret)
{
	struct scopeset full = { { 0 } };
	struct scopeset own = { { 0 } };

	if (memchr(word, '*', len) || !access_scope_add(access, word, len, &full, &own))
		return;
	for (unsigned i = 0; i < access->scope_count; i++) {
		if (scopeset_has(&full, i) && scopeset_has(&issuer->full, i))
			scopeset_add(&ret->principal.full, i);
		else if ((scopeset_has(&full, i) || scopeset_has(&own, i)) &&
			 (scopeset_has(&issuer->full, i) || scopeset_has(&issuer->own, i)))
			scopeset_add(&ret->principal.own, i);
	}
}

static void add_words(const struct access *access, const struct access_issuer *issuer,
		      const json_t *text, struct access_holder *ret)
{
	const char *at = json_string_value(text);
	const char *end = at + json_string_length(text);

	while (at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *stop = space ? space : end;

		if (stop > at)
			add_word(access, issuer, at, (size_t)(stop - at), ret);
		at = stop + 1;
	}
}

/* `scope` (RFC 8693, 4.2) is one string with spaces; `scp` is met as a string and as a list. */
static int read_token_scopes(const struct access *access, const struct access_issuer *issuer,
			     const json_t *claims, struct access_holder *ret, struct diag *diag)
{
	const json_t *scope = json_object_get(claims, "scope");

	if (!scope)
		scope = json_object_get(claims, "scp");
	for (size_t i = 0; scope && i < claim_strings(scope); i++) {
		const json_t *text = claim_string(scope, i);

		if (!json_is_string(text))
			return diag_set(diag, ERR_INVALID,
					"the token's scopes are neither text nor a list of texts");
		add_words(access, issuer, text, ret);
	}
	return 0;
}

static int fill_attribute(struct arena *arena, const struct access_claim *claim, const json_t *json,
			  struct access_attribute *ret, struct diag *diag)
{
	size_t count = claim_strings(json);
	const char **value = arena_take(arena, count, sizeof(*value));

	if (!value)
		return diag_nomem(diag);
	for (size_t i = 0; i < count; i++) {
		const json_t *text = claim_string(json, i);

		if (!json_is_string(text) ||
		    names_text_fault(json_string_value(text), json_string_length(text),
				     ACCESS_VALUE_MAX))
			return diag_set(diag, ERR_INVALID,
					"the token's claim %s is neither text nor a list of texts",
					claim->claim);
		value[i] = arena_text(arena, json_string_value(text), json_string_length(text));
		if (!value[i])
			return diag_nomem(diag);
	}
	*ret = (struct access_attribute){ claim->attribute, count, value };
	return 0;
}

static int fill_attributes(struct arena *arena, const struct access_issuer *issuer,
			   const json_t *claims, const struct access_principal *user,
			   struct access_grant *ret, struct diag *diag)
{
	size_t more = user ? user->attribute_count : 0;
	struct access_attribute *attribute =
		arena_take(arena, issuer->claim_count + more, sizeof(*attribute));

	if (!attribute)
		return diag_nomem(diag);
	ret->attribute = attribute;
	for (size_t i = 0; i < issuer->claim_count; i++) {
		const json_t *json = json_object_get(claims, issuer->claim[i].claim);
		int rc = json ? fill_attribute(arena, &issuer->claim[i], json,
					       &attribute[ret->attribute_count], diag)
			      : 0;

		if (rc)
			return rc;
		ret->attribute_count += json != NULL;
	}
	for (size_t i = 0; i < more; i++)
		attribute[ret->attribute_count++] = user->attribute[i];
	return 0;
}

static int fill(struct access_holder *holder, const struct access_issuer *issuer,
		const struct token *token, struct diag *diag)
{
	struct access *access = holder->access;
	struct span subject = { token->subject, strlen(token->subject) };
	char *name = arena_take(&holder->arena, ACCESS_NAME_MAX + 1, 1);
	struct access_grant grant = { .name = name,
				      .role_count = issuer->role_count,
				      .role = issuer->role };
	struct scopeset full;
	struct scopeset own;
	const struct access_principal *user;
	const char *fault = "is too long";
	int rc;

	if (!name)
		return diag_nomem(diag);
	if (names_template_fill(&issuer->principal, &subject, name, ACCESS_NAME_MAX + 1))
		fault = names_fault(name, strlen(name), ACCESS_NAME_MAX);
	if (fault)
		return diag_set(diag, ERR_INVALID, "the name that the token gives %s", fault);
	user = access_find(access, name);
	rc = fill_attributes(&holder->arena, issuer, token->claims, user, &grant, diag);
	if (!rc)
		rc = read_token_scopes(access, issuer, token->claims, holder, diag);
	if (rc)
		return rc;
	full = holder->principal.full;
	own = holder->principal.own;
	grant.full = &full;
	grant.own = &own;
	if (user) {
		grant.mute = access->user_role[user - access->user].role;
		grant.mute_count = access->user_role[user - access->user].count;
	}
	if (access_grant(access, &holder->arena, &grant, &holder->principal))
		return diag_nomem(diag);
	holder->principal.is_disabled = user && user->is_disabled;
	return 0;
}

int access_token(struct access *access, const char *text, size_t len, int64_t now_ms,
		 struct access_principal **ret, struct access_token_facts *facts, struct diag *diag)
{
	struct access_holder *holder = NULL;
	const struct access_issuer *issuer;
	struct token token;
	int rc = token_check(text, len, now_ms / 1000, find_issuer, access, &token, diag);

	if (rc)
		return rc;
	/* The rules that were found are a member of our own entry. */
	issuer = (const struct access_issuer *)((const char *)token.issuer -
						offsetof(struct access_issuer, rules));
	holder = access_holder_new(access);
	rc = holder ? fill(holder, issuer, &token, diag) : diag_nomem(diag);
	if (rc) {
		access_principal_drop(holder ? &holder->principal : NULL);
	} else {
		facts->expires_ms = token.expires * 1000;
		facts->issuer = issuer->rules.issuer;
		*ret = &holder->principal;
	}
	token_clear(&token);
	return rc;
}
