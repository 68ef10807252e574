/*
 * access_issuer.c -- `issuers` of access.json: which issuers sign tokens, which rights a token
 * gives, and the principal that it is mapped to.
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
	const char **audience =
		access_room(reader, at, ACCESS_LIST_MAX, "audiences", sizeof(*audience));

	if (!at || !audience)
		return;
	if (config_items(at) == 0)
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID, "expected an audience");
	for (size_t i = 0; i < config_items(at); i++)
		audience[i] = access_text(reader, config_item(at, i));
	issuer->rules.audience = audience;
	issuer->rules.audience_count = config_items(at);
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
	struct access_claim *claim =
		access_room(reader, attributes, ACCESS_LIST_MAX, "attributes", sizeof(*claim));

	if (!claim)
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

	access->issuer =
		access_room(reader, issuers, ACCESS_LIST_MAX, "issuers", sizeof(*access->issuer));
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
static void add_word(const struct access_issuer *issuer, const char *word, size_t len,
		     struct access_holder *ret)
{
	struct scopeset full = { { 0 } };
	struct scopeset own = { { 0 } };
	struct scopeset given, any;

	if (memchr(word, '*', len) || !access_scope_add(ret->access, word, len, &full, &own))
		return;
	given = full;
	scopeset_cut(&given, &issuer->full);
	scopeset_merge(&ret->basis.full, &given);
	any = issuer->full;
	scopeset_merge(&any, &issuer->own);
	scopeset_merge(&own, &full);
	scopeset_cut(&own, &any);
	scopeset_remove(&own, &given);
	scopeset_merge(&ret->basis.own, &own);
}

static void add_words(const struct access_issuer *issuer, const struct config *text,
		      struct access_holder *ret)
{
	const char *at = text->text;
	const char *end = at + text->count;

	while (at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *stop = space ? space : end;

		if (stop > at)
			add_word(issuer, at, (size_t)(stop - at), ret);
		at = stop + 1;
	}
}

/* `scope` (RFC 8693, 4.2) is one string with spaces; `scp` is met as a string and as a list. */
static int read_token_scopes(const struct access_issuer *issuer, const struct config *claims,
			     struct access_holder *ret, struct diag *diag)
{
	const struct config *scope = config_member(claims, "scope");

	if (!scope)
		scope = config_member(claims, "scp");
	for (size_t i = 0; scope && i < config_items(scope); i++) {
		const struct config *text = config_item(scope, i);

		if (text->kind != CONFIG_STRING)
			return diag_set(diag, ERR_INVALID,
					"the token's scopes are neither text nor a list of texts");
		add_words(issuer, text, ret);
	}
	return 0;
}

static int fill_attribute(struct access_holder *holder, const struct access_claim *claim,
			  const struct config *claims, struct diag *diag)
{
	const struct config *list = config_member(claims, claim->claim);
	size_t count = config_items(list);
	const char **value = arena_take(&holder->arena, count, sizeof(*value));

	if (!list)
		return 0;
	if (!value)
		return diag_nomem(diag);
	for (size_t i = 0; i < count; i++) {
		const struct config *text = config_item(list, i);

		if (text->kind != CONFIG_STRING ||
		    names_text_fault(text->text, text->count, ACCESS_VALUE_MAX))
			return diag_set(diag, ERR_INVALID,
					"the token's claim %s is neither text nor a list of texts",
					claim->claim);
		value[i] = arena_text(&holder->arena, text->text, text->count);
		if (!value[i])
			return diag_nomem(diag);
	}
	holder->attribute[holder->basis.attribute_count++] =
		(struct access_attribute){ claim->attribute, count, value };
	return 0;
}

static int make(struct access *access, const struct access_issuer *issuer,
		const struct token *token, struct access_principal **ret, struct diag *diag)
{
	struct span subject = { token->subject, strlen(token->subject) };
	struct access_holder *holder;
	int rc = access_holder_new(access, "token", &issuer->principal, &subject,
				   issuer->claim_count, &holder, diag);

	if (rc)
		return rc;
	for (size_t i = 0; i < issuer->claim_count && rc == 0; i++)
		rc = fill_attribute(holder, &issuer->claim[i], token->claims, diag);
	if (rc == 0)
		rc = read_token_scopes(issuer, token->claims, holder, diag);
	holder->basis.role = issuer->role;
	holder->basis.role_count = issuer->role_count;
	if (holder->user) {
		holder->basis.mute = holder->user->role_number;
		holder->basis.mute_count = holder->user->role_count;
	}
	return access_holder_end(holder, rc, ret, diag);
}

int access_token(struct access *access, const char *text, size_t len, int64_t now_ms,
		 struct access_principal **ret, struct access_token_facts *facts, struct diag *diag)
{
	const struct access_issuer *issuer;
	struct token token;
	int rc = token_check(text, len, now_ms / 1000, find_issuer, access, &token, diag);

	if (rc)
		return rc;
	/* The rules that were found are a member of our own entry. */
	issuer = (const struct access_issuer *)((const char *)token.issuer -
						offsetof(struct access_issuer, rules));
	facts->expires_ms = token.expires * 1000;
	facts->issuer = issuer->rules.issuer;
	rc = make(access, issuer, &token, ret, diag);
	token_clear(&token);
	return rc;
}
