#include "access/access_internal.h"

#include <stdio.h>
#include <string.h>

#define SKEW_DEFAULT 60        /* seconds */
#define LIFETIME_DEFAULT 86400 /* seconds */
#define PATH_BYTES 4096u

/* ---- reading issuers -------------------------------------------------------------------- */

static int read_issuer_name(struct access_reader *reader, const json_t *json,
			    const struct jsonpath *at, void *ret)
{
	struct access_issuer *issuer = ret;
	const char *text;
	int rc = access_text(reader, json, at, &text);

	if (rc)
		return rc;
	for (size_t i = 0; i < reader->access->issuer_count; i++)
		if (strcmp(reader->access->issuer[i].rules.issuer, text) == 0)
			return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
					     "the issuer stands here twice");
	issuer->rules.issuer = text;
	return 0;
}

static int read_audience(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	struct access_issuer *issuer = ret;
	size_t count = access_strings(json);
	const char **audience = arena_take(&reader->access->arena, count, sizeof(*audience));
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "audiences");

	if (rc)
		return rc;
	if (count == 0)
		return access_expected(reader, at, "an audience");
	if (!audience)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count && !rc; i++) {
		struct jsonpath here = { .up = at, .index = i };

		rc = access_text(reader, access_string(json, i), json_is_array(json) ? &here : at,
				 &audience[i]);
	}
	issuer->rules.audience = audience;
	issuer->rules.audience_count = count;
	return rc;
}

static int read_algorithms(struct access_reader *reader, const json_t *json,
			   const struct jsonpath *at, void *ret)
{
	struct access_issuer *issuer = ret;

	for (size_t i = 0; i < json_array_size(json); i++) {
		const char *name = json_string_value(json_array_get(json, i));
		unsigned algorithm = name ? jwk_algorithm(name) : 0;
		struct jsonpath here = { .up = at, .index = i };

		if (!algorithm)
			return access_expected(reader, &here, "RS256, ES256, EdDSA or HS256");
		issuer->rules.algorithms |= algorithm;
	}
	if (issuer->rules.algorithms == 0)
		return access_expected(reader, at, "an algorithm");
	if ((issuer->rules.algorithms & JWK_HS256) && issuer->rules.algorithms != JWK_HS256)
		return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
				     "HS256, which has a shared secret, cannot stand beside "
				     "algorithms with public keys");
	return 0;
}

static int load_keys(struct access_reader *reader, const char *name, struct jwk_set **ret)
{
	char path[PATH_BYTES];
	bool is_absolute = name[0] == '/';
	int n;

	if (!reader->folder)
		return diag_set(reader->diag, ERR_IO, "%s: there are no key files here", name);
	n = snprintf(path, sizeof(path), "%s%s%s", is_absolute ? "" : reader->folder,
		     is_absolute ? "" : "/", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return diag_set(reader->diag, ERR_LIMIT, "the path is too long");
	return jwk_load(path, ret, reader->diag);
}

/* Runs after read_algorithms(): each of them needs a key, or the entry is a misspelling. */
static int read_keys(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		     void *ret)
{
	struct access_issuer *issuer = ret;
	struct jwk_set *keys = NULL;
	unsigned found = 0;
	const char *name;
	int rc = access_text(reader, json, at, &name);

	if (rc)
		return rc;
	rc = load_keys(reader, name, &keys);
	if (rc) {
		char pointer[DIAG_MAX];

		diag_prefix(reader->diag, "%s: %s", reader->file,
			    jsonpath_print(at, pointer, sizeof(pointer)));
		return rc;
	}
	issuer->rules.keys = keys; /* access_issuers_clear() frees it */
	for (size_t i = 0; i < keys->count; i++)
		found |= keys->key[i].algorithm;
	if (issuer->rules.algorithms & ~found)
		return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at,
				     "the file lacks a key for one of the algorithms");
	return 0;
}

static int read_principal(struct access_reader *reader, const json_t *json,
			  const struct jsonpath *at, void *ret)
{
	static const char *const source[] = { "sub" };
	struct access_issuer *issuer = ret;
	const char *text;
	const char *fault;
	int rc = access_text(reader, json, at, &text);

	if (rc)
		return rc;
	fault = names_template_read(text, strlen(text), source, 1, &issuer->principal);
	if (fault)
		return jsonpath_fail(reader->diag, ERR_INVALID, reader->file, at, "the template %s",
				     fault);
	return 0;
}

static int read_most(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		     void *ret)
{
	struct access_issuer *issuer = ret;

	return access_read_scopes(reader, json, at, &issuer->full, &issuer->own);
}

static int read_issuer_roles(struct access_reader *reader, const json_t *json,
			     const struct jsonpath *at, void *ret)
{
	struct access_issuer *issuer = ret;

	return access_read_roles(reader, json, at, &issuer->role, &issuer->role_count);
}

static int read_claims(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		       void *ret)
{
	struct access_issuer *issuer = ret;
	size_t count = json_object_size(json);
	struct access_claim *claim;
	const char *key;
	json_t *value;
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "attributes");

	if (rc)
		return rc;
	claim = arena_take(&reader->access->arena, count, sizeof(*claim));
	if (!claim)
		return diag_nomem(reader->diag);
	issuer->claim = claim;
	json_object_foreach((json_t *)json, key, value) {
		struct jsonpath here = { .up = at, .key = key };

		rc = access_name(reader, &here, key);
		if (!rc)
			rc = access_text(reader, value, &here, &claim->claim);
		if (rc)
			return rc;
		claim->attribute = arena_text(&reader->access->arena, key, strlen(key));
		if (!claim->attribute)
			return diag_nomem(reader->diag);
		claim++;
	}
	issuer->claim_count = count;
	return 0;
}

static int read_seconds(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
			int64_t least, int64_t most, int64_t *ret)
{
	*ret = json_integer_value(json);
	if (*ret >= least && *ret <= most)
		return 0;
	return jsonpath_fail(reader->diag, ERR_LIMIT, reader->file, at,
			     "expected %lld to %lld seconds", (long long)least, (long long)most);
}

static int read_skew(struct access_reader *reader, const json_t *json, const struct jsonpath *at,
		     void *ret)
{
	return read_seconds(reader, json, at, 0, TOKEN_SKEW_MAX,
			    &((struct access_issuer *)ret)->rules.skew);
}

static int read_lifetime(struct access_reader *reader, const json_t *json,
			 const struct jsonpath *at, void *ret)
{
	return read_seconds(reader, json, at, 1, TOKEN_LIFETIME_MAX,
			    &((struct access_issuer *)ret)->rules.lifetime_max);
}

static const struct access_member issuer_members[] = {
	{ "description", JSON_STRING, false, NULL },
	{ "issuer", JSON_STRING, true, read_issuer_name },
	{ "audience", JSON_NULL, true, read_audience },
	{ "algorithms", JSON_ARRAY, true, read_algorithms },
	{ "keys", JSON_STRING, true, read_keys },
	{ "principal", JSON_STRING, true, read_principal },
	{ "scopes", JSON_ARRAY, true, read_most },
	{ "roles", JSON_ARRAY, false, read_issuer_roles },
	{ "attributes", JSON_OBJECT, false, read_claims },
	{ "clockSkew", JSON_INTEGER, false, read_skew },
	{ "maxLifetime", JSON_INTEGER, false, read_lifetime },
};

int access_section_issuers(struct access_reader *reader, const json_t *json,
			   const struct jsonpath *at, void *ret)
{
	struct access *access = reader->access;
	size_t count = json_array_size(json);
	int rc = access_count(reader, at, count, ACCESS_LIST_MAX, "issuers");

	(void)ret;
	if (rc)
		return rc;
	access->issuer = arena_take(&access->arena, count, sizeof(*access->issuer));
	if (!access->issuer)
		return diag_nomem(reader->diag);
	for (size_t i = 0; i < count && !rc; i++) {
		struct access_issuer *issuer = &access->issuer[i];
		struct jsonpath here = { .up = at, .index = i };

		issuer->rules.skew = SKEW_DEFAULT;
		issuer->rules.lifetime_max = LIFETIME_DEFAULT;
		rc = access_members(reader, json_array_get(json, i), &here, issuer_members,
				    sizeof(issuer_members) / sizeof(*issuer_members), issuer);
		access->issuer_count++; /* also a half-read one has keys to be freed */
	}
	return rc;
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
	for (size_t i = 0; scope && i < access_strings(scope); i++) {
		const json_t *text = access_string(scope, i);

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
	size_t count = access_strings(json);
	const char **value = arena_take(arena, count, sizeof(*value));

	if (!value)
		return diag_nomem(diag);
	for (size_t i = 0; i < count; i++) {
		const json_t *text = access_string(json, i);

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
