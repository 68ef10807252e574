/*
 * scopes.c -- gives each scope of /components/securitySchemes a number, and reads the sets of
 * scopes that an operation asks for.
 */
#include "contract/contract_internal.h"

#include <string.h>

#define OWN ":own"

static const char *const scheme_types[] = {
	"oauth2",
	"openIdConnect",
	"userPassword",
	"apiKey",
	"X509",
	"symmetricEncryption",
	"asymmetricEncryption",
	"httpApiKey",
	"http",
	"plain",
	"scramSha256",
	"scramSha512",
	"gssapi",
	NULL,
};
#define SCHEME_SCOPED 2u /* so many of scheme_types have scopes */

static const struct config_known scheme_members[] = {
	{ .name = "type description flows openIdConnectUrl" },
	{ .name = "scopes", .kind = CONFIG_ARRAY },
};

/*
 * RFC 6749, 3.3: printable ASCII without space, quote and backslash; without "*" too, which in
 * access.json stands for any scope.
 */
static bool is_scope(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("\"\\*", *text))
			return false;
	return true;
}

static bool find_scope(const struct contract *contract, const char *name, unsigned *ret)
{
	for (*ret = 0; *ret < contract->scope_count; ++*ret)
		if (strcmp(contract->scope[*ret], name) == 0)
			return true;
	return false;
}

/* The scope's number, a new one where it has none yet. */
static bool load_scope(struct loader *loader, const struct config *at, const char *name,
		       unsigned *ret)
{
	struct contract *contract = loader->contract;
	size_t len = strlen(name);

	if (len == 0 || len > LOADER_SCOPE_MAX || !is_scope(name))
		return config_fail(
			loader->report, at, NULL, ERR_INVALID,
			"expected a scope like read:orders, of 1 to %u printable characters "
			"without space, quote, \\ and *",
			LOADER_SCOPE_MAX);
	if (len >= strlen(OWN) && strcmp(name + len - strlen(OWN), OWN) == 0)
		return config_fail(loader->report, at, NULL, ERR_INVALID,
				   "\"" OWN "\" is what access.json adds to a scope");
	if (find_scope(contract, name, ret))
		return true;
	if (contract->scope_count == SCOPES_MAX)
		return config_fail(loader->report, at, NULL, ERR_LIMIT, "more than %u scopes",
				   SCOPES_MAX);
	contract->scope[contract->scope_count++] = name;
	return true;
}

bool scopes_name(struct loader *loader, const struct config *at, const char *key, unsigned *ret)
{
	const char *name = NULL;

	if (!config_text(loader->report, at, key, LOADER_SCOPE_MAX, &name))
		return false;
	return find_scope(loader->contract, name, ret) ||
	       config_fail(loader->report, at, key, ERR_INVALID,
			   "no security scheme of the contract has the scope \"%s\"", name);
}

static void load_scopes(struct loader *loader, const struct config *scopes, struct scopeset *ret)
{
	config_foreach_item(at, scopes) {
		const char *name = NULL;
		unsigned scope = 0;

		if (config_text(loader->report, at, NULL, LOADER_SCOPE_MAX, &name) &&
		    load_scope(loader, at, name, &scope))
			scopeset_add(ret, scope);
	}
}

/*
 * Follows @at to a scheme. Where it is of a kind that has scopes they are added to @ret, and the
 * scheme is returned; NULL where it is of another kind, or wrong, of which *ret_ok is false.
 */
static const struct config *load_scheme(struct loader *loader, const struct config *at,
					struct scopeset *ret, bool *ret_ok)
{
	unsigned before = loader->report->count;
	unsigned type = SCHEME_SCOPED;

	at = loader_follow(loader, at);
	if (config_expect(loader->report, at, CONFIG_OBJECT) && !config_member(at, "type"))
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected a member \"type\"");
	if (config_word(loader->report, at, "type", scheme_types, &type) && type < SCHEME_SCOPED &&
	    config_check(loader->report, at, "a security scheme with scopes", scheme_members))
		load_scopes(loader, config_member(at, "scopes"), ret);
	*ret_ok = loader->report->count == before;
	return type < SCHEME_SCOPED ? at : NULL;
}

/* The members of a flow's availableScopes are scopes, too. */
static void load_flows(struct loader *loader, const struct config *flows)
{
	unsigned scope;

	config_foreach_member(flow, flows)
		config_foreach_member(at, config_member(flow, "availableScopes"))
			(void)load_scope(loader, at, at->key, &scope);
}

void scopes_load(struct loader *loader)
{
	const struct config *schemes =
		config_member(config_member(loader->root, "components"), "securitySchemes");
	bool is_ok;

	if (!config_expect(loader->report, schemes, CONFIG_OBJECT))
		return;
	config_foreach_member(at, schemes) {
		struct scopeset scopes = { { 0 } };
		const struct config *scheme = load_scheme(loader, at, &scopes, &is_ok);

		load_flows(loader, config_member(scheme, "flows"));
	}
}

static void load_alternative(struct loader *loader, const struct config *at,
			     struct contract_alternative *ret)
{
	static const struct scopeset none;
	bool is_ok;
	const struct config *scheme = load_scheme(loader, at, &ret->scopes, &is_ok);

	if (!is_ok)
		return;
	if (!scheme)
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected a scheme with scopes, oauth2 or openIdConnect: "
				  "how a client logs in is a server's security");
	else if (scopeset_covers(&none, &ret->scopes))
		(void)config_fail(
			loader->report, at, NULL, ERR_INVALID,
			"expected a scheme that names at least one scope under \"scopes\"");
}

void scopes_load_security(struct loader *loader, const struct config *owner,
			  struct contract_operation *ret)
{
	const struct config *list = config_member(owner, "security");
	struct contract_alternative *alternative;

	if (!config_expect(loader->report, list, CONFIG_ARRAY) ||
	    !config_bound(loader->report, list, 1, CONTRACT_ALTERNATIVES_MAX,
			  "alternatives (without \"security\" no scope is asked for)"))
		return;
	alternative = loader_take(loader, list->count, sizeof(*alternative));
	if (!alternative)
		return;
	ret->alternative = alternative;
	config_foreach_item(at, list)
		load_alternative(loader, at, &alternative[ret->alternative_count++]);
}
