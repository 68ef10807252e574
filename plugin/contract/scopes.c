/*
 * scopes.c -- gives each scope of /components/securitySchemes a number, and reads the sets of
 * scopes that an operation asks for.
 */
#include "contract/contract_internal.h"

#include <string.h>
#include <strings.h>

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
	name = arena_text(&contract->arena, name, len); /* the access file's text goes earlier */
	if (!name)
		return config_nomem(loader->report);
	contract->scope[contract->scope_count++] = name;
	return true;
}

bool scopes_number(struct loader *loader, const struct config *at, unsigned *ret)
{
	const char *name = NULL;

	return config_text(loader->report, at, NULL, LOADER_SCOPE_MAX, &name) &&
	       load_scope(loader, at, name, ret);
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

/* Does a flow of @scheme have the scope, or none of them any? */
static bool is_available(const struct config *scheme, const char *scope)
{
	size_t count = 0;

	config_foreach_member(flow, config_member(scheme, "flows")) {
		const struct config *available = config_member(flow, "availableScopes");

		if (config_member(available, scope))
			return true;
		count += config_count(available);
	}
	return count == 0;
}

static void load_scopes(struct loader *loader, const struct config *scheme, struct scopeset *ret)
{
	config_foreach_item(at, config_member(scheme, "scopes")) {
		const char *name = NULL;
		unsigned scope = 0;

		if (!config_text(loader->report, at, NULL, LOADER_SCOPE_MAX, &name) ||
		    !load_scope(loader, at, name, &scope))
			continue;
		scopeset_add(ret, scope);
		if (!is_available(scheme, name))
			loader_warn(loader, at, NULL,
				    "\"%s\" is not among the scopes of the scheme's flows", name);
	}
}

/* ---- schemes ------------------------------------------------------------------------------ */

enum scheme {
	SCHEME_SCOPED, /* its scopes, by whatever login; without scopes: by a token */
	SCHEME_LOGIN,  /* a login by @methods */
	SCHEME_API_KEY,
	SCHEME_HTTP,
	SCHEME_NEVER, /* nothing that this broker does */
};

#define METHOD(name) (1u << LOGIN_##name)
#define BY_PASSWORD (METHOD(PASSWORD) | METHOD(BOTH))
_Static_assert(METHOD(BOTH) < CONTRACT_NOBODY, "a bit of its own");
#define BY_CERTIFICATE (METHOD(CERTIFICATE) | METHOD(BOTH))

/* By the positions of scheme_types. */
static const struct {
	enum scheme kind;
	uint8_t methods;
} schemes[] = {
	{ SCHEME_SCOPED, METHOD(TOKEN) },
	{ SCHEME_SCOPED, METHOD(TOKEN) },
	{ SCHEME_LOGIN, BY_PASSWORD },
	{ SCHEME_API_KEY, BY_PASSWORD },
	{ SCHEME_LOGIN, BY_CERTIFICATE },
	{ SCHEME_NEVER, 0 },
	{ SCHEME_NEVER, 0 },
	{ SCHEME_NEVER, 0 },
	{ SCHEME_HTTP, 0 },
	{ SCHEME_LOGIN, BY_PASSWORD },
	{ SCHEME_LOGIN, METHOD(SCRAM) },
	{ SCHEME_NEVER, 0 },
	{ SCHEME_NEVER, 0 },
};

/* Follows @at to a scheme. False: it is wrong, which is a fault. */
static bool find_scheme(struct loader *loader, const struct config **at, unsigned *type)
{
	*at = loader_follow(loader, *at);
	if (config_expect(loader->report, *at, CONFIG_OBJECT) && !config_member(*at, "type"))
		return config_fail(loader->report, *at, NULL, ERR_INVALID,
				   "expected a member \"type\"");
	return config_word(loader->report, *at, "type", scheme_types, type);
}

/* Which logins meet a scheme without scopes; 0: none of those that there are. */
static uint8_t methods_of(const struct config *at, unsigned type)
{
	const char *scheme = config_string(config_member(at, "scheme"));

	switch (schemes[type].kind) {
	case SCHEME_HTTP:
		return scheme && strcasecmp(scheme, "bearer") == 0  ? METHOD(TOKEN)
		       : scheme && strcasecmp(scheme, "basic") == 0 ? BY_PASSWORD
								    : 0;
	case SCHEME_API_KEY:
		if (!config_is(config_member(at, "in"), "user") &&
		    !config_is(config_member(at, "in"), "password"))
			return 0;
		break;
	case SCHEME_SCOPED:
	case SCHEME_LOGIN:
	case SCHEME_NEVER:
		break;
	}
	return schemes[type].methods;
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
	const struct config *list =
		config_member(config_member(loader->doc->root, "components"), "securitySchemes");

	if (!config_expect(loader->report, list, CONFIG_OBJECT))
		return;
	config_foreach_member(item, list) {
		const struct config *at = item;
		struct scopeset scopes = { { 0 } };
		unsigned type = 0;

		if (!find_scheme(loader, &at, &type) || schemes[type].kind != SCHEME_SCOPED)
			continue;
		load_scopes(loader, at, &scopes);
		load_flows(loader, config_member(at, "flows"));
	}
}

static void load_one(struct loader *loader, const struct config *at,
		     struct contract_alternative *ret)
{
	static const struct scopeset none;
	unsigned type = 0;

	*ret = (struct contract_alternative){ .methods = CONTRACT_NOBODY };
	if (!find_scheme(loader, &at, &type))
		return;
	if (schemes[type].kind == SCHEME_SCOPED)
		load_scopes(loader, at, &ret->scopes);
	ret->methods = scopeset_covers(&none, &ret->scopes) ? methods_of(at, type) : 0;
	if (ret->methods > 0 || !scopeset_covers(&none, &ret->scopes))
		return;
	ret->methods = CONTRACT_NOBODY;
	loader_warn(loader, at, "type",
		    "is no way to log in that this broker has: nobody meets it; those that it has "
		    "are userPassword, X509, scramSha256 and http with the scheme bearer");
}

/* A client that meets both; CONTRACT_NOBODY: none does. */
static struct contract_alternative both(const struct contract_alternative *a,
					const struct contract_alternative *b)
{
	struct contract_alternative ret = *a;

	scopeset_merge(&ret.scopes, &b->scopes);
	ret.port = a->port ? a->port : b->port;
	ret.methods = !a->methods               ? b->methods
		      : !b->methods             ? a->methods
		      : a->methods & b->methods ? a->methods & b->methods
						: CONTRACT_NOBODY;
	return ret;
}

/* A scheme, and those that its x-and has, all of which have to be met. */
static void load_alternative(struct loader *loader, const struct config *at,
			     struct contract_alternative *ret)
{
	const struct config *scheme = loader_follow(loader, at);

	load_one(loader, at, ret);
	config_foreach_item(item, config_member(scheme, "x-and")) {
		struct contract_alternative other;

		load_one(loader, item, &other);
		*ret = both(ret, &other);
	}
	if (config_member(scheme, "x-and") && (ret->methods & CONTRACT_NOBODY))
		loader_warn(loader, scheme, "x-and", "nobody can meet all of these");
}

size_t scopes_load_alternatives(struct loader *loader, const struct config *owner,
				const struct contract_alternative **ret)
{
	const struct config *list = config_member(owner, "security");
	struct contract_alternative *alternative;
	size_t count = 0;

	if (!config_expect(loader->report, list, CONFIG_ARRAY) ||
	    !config_bound(loader->report, list, 0, CONTRACT_ALTERNATIVES_MAX, "alternatives"))
		return 0;
	alternative = loader_take(loader, list->count, sizeof(*alternative));
	if (!alternative)
		return 0;
	*ret = alternative;
	config_foreach_item(at, list)
		load_alternative(loader, at, &alternative[count++]);
	return count;
}

/* ---- of an operation and its servers ------------------------------------------------------ */

#define BOTH_MAX 64u /* alternatives of an operation, each with each of its servers' */

/* Does whoever meets all[i], by a certificate and a password, meet another of them by one of the
 * two? */
static bool is_met_by_less(const struct contract_alternative *all, size_t count, size_t i)
{
	if (all[i].methods != METHOD(BOTH))
		return false;
	for (size_t k = 0; k < count; k++)
		if ((all[k].methods & (METHOD(PASSWORD) | METHOD(CERTIFICATE))) &&
		    (all[k].port == 0 || all[k].port == all[i].port) &&
		    scopeset_covers(&all[i].scopes, &all[k].scopes))
			return true;
	return false;
}

static size_t drop_needless(struct contract_alternative *all, size_t count)
{
	for (size_t i = count; i-- > 0;)
		if (is_met_by_less(all, count, i)) {
			count--;
			memmove(&all[i], &all[i + 1], (count - i) * sizeof(*all));
		}
	return count;
}

/* The operation's alternatives, each with each of @server's; those that nobody meets are left out
 * where there is another. */
static void combine(struct loader *loader, const struct config *owner,
		    const struct contract_alternative *server, size_t count,
		    struct contract_operation *ret)
{
	struct contract_alternative *all =
		loader_take(loader, count * ret->alternative_count, sizeof(*all));
	size_t n = 0;

	if (!all)
		return;
	if (count * ret->alternative_count > BOTH_MAX)
		(void)config_fail(loader->report, owner, "security", ERR_LIMIT,
				  "more than %u ways to meet it and the servers' security",
				  BOTH_MAX);
	for (size_t a = 0; a < ret->alternative_count; a++)
		for (size_t s = 0; s < count; s++) {
			all[n] = both(&ret->alternative[a], &server[s]);
			n += !(all[n].methods & CONTRACT_NOBODY);
		}
	n = drop_needless(all, n);
	if (n == 0) {
		all[n++] = (struct contract_alternative){ .methods = CONTRACT_NOBODY };
		loader_warn(loader, owner, "security",
			    "nobody can meet it and the security of the channel's servers");
	}
	ret->alternative = all;
	ret->alternative_count = (uint8_t)n; /* BOTH_MAX, or a fault */
}

void scopes_load_security(struct loader *loader, const struct config *owner,
			  const struct config *channel, struct contract_operation *ret)
{
	struct contract_alternative server[BOTH_MAX], *taken;
	size_t count = servers_security(loader, channel, server, BOTH_MAX);

	ret->alternative_count =
		(uint8_t)scopes_load_alternatives(loader, owner, &ret->alternative);
	if (count == 0)
		return;
	if (ret->alternative_count > 0) {
		combine(loader, owner, server, count, ret);
		return;
	}
	taken = loader_take(loader, count, sizeof(*taken));
	if (!taken)
		return;
	memcpy(taken, server, count * sizeof(*taken));
	ret->alternative = taken;
	ret->alternative_count = (uint8_t)count;
}
