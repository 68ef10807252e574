#include "contract/loader.h"

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

static const struct place_known scheme_members[] = {
	{ "type", NULL },   { "description", NULL },
	{ "flows", NULL },  { "openIdConnectUrl", NULL },
	{ "scopes", NULL }, { NULL, NULL },
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

/* The scope's number, a new one where it has none yet. */
static int load_scope(struct loader *loader, const struct place *at, const char *name,
		      unsigned *ret)
{
	struct contract *contract = loader->contract;
	size_t len = strlen(name);

	if (len == 0 || len > LOADER_SCOPE_MAX || !is_scope(name))
		return place_fail(
			at, loader->diag, ERR_INVALID,
			"expected a scope like read:orders, of 1 to %u printable characters "
			"without space, quote, \\ and *",
			LOADER_SCOPE_MAX);
	if (len >= strlen(OWN) && strcmp(name + len - strlen(OWN), OWN) == 0)
		return place_fail(at, loader->diag, ERR_INVALID,
				  "\"" OWN "\" is what access.json adds to a scope");
	for (*ret = 0; *ret < contract->scope_count; ++*ret)
		if (strcmp(contract->scope[*ret], name) == 0)
			return 0;
	if (contract->scope_count == SCOPES_MAX)
		return place_fail(at, loader->diag, ERR_LIMIT, "more than %u scopes", SCOPES_MAX);
	contract->scope[contract->scope_count++] = name;
	return 0;
}

int scopes_name(struct loader *loader, const struct place *at, unsigned *ret)
{
	const struct contract *contract = loader->contract;
	const char *name = NULL;
	int rc = place_text(at, LOADER_SCOPE_MAX, &name, loader->diag);

	if (rc)
		return rc;
	for (*ret = 0; *ret < contract->scope_count; ++*ret)
		if (strcmp(contract->scope[*ret], name) == 0)
			return 0;
	return place_fail(at, loader->diag, ERR_INVALID,
			  "no security scheme of the contract has the scope \"%s\"", name);
}

static int load_scopes(struct loader *loader, const struct place *scheme, struct scopeset *ret)
{
	struct place scopes = place_member(scheme, "scopes");
	int rc = 0;

	if (!scopes.json)
		return 0;
	rc = place_array(&scopes, loader->diag);
	for (size_t i = 0; rc == 0 && i < json_array_size(scopes.json); i++) {
		struct place at = place_item(&scopes, i);
		const char *name = NULL;
		unsigned scope = 0;

		rc = place_text(&at, LOADER_SCOPE_MAX, &name, loader->diag);
		if (rc == 0)
			rc = load_scope(loader, &at, name, &scope);
		if (rc == 0)
			scopeset_add(ret, scope);
	}
	return rc;
}

/* Follows @place to a scheme; *ret_scoped: is it of a kind that has scopes? */
static int load_scheme(struct loader *loader, struct place *place, bool *ret_scoped,
		       struct scopeset *ret)
{
	struct place type_at;
	unsigned type = 0;
	int rc;

	rc = sources_follow(&loader->contract->sources, &loader->scratch, place, loader->diag);
	if (rc == 0)
		rc = place_object(place, loader->diag);
	if (rc)
		return rc;
	type_at = place_member(place, "type");
	rc = place_word(&type_at, scheme_types, &type, loader->diag);
	*ret_scoped = type < SCHEME_SCOPED;
	if (rc || !*ret_scoped)
		return rc;
	rc = place_check(place, "a security scheme with scopes", scheme_members, loader->diag);
	return rc ? rc : load_scopes(loader, place, ret);
}

/* The members of a flow's availableScopes are scopes, too. */
static int load_flows(struct loader *loader, const struct place *scheme)
{
	struct place flows = place_member(scheme, "flows");
	const char *flow;
	const char *name;
	json_t *value;
	json_t *text;
	unsigned scope;

	json_object_foreach(flows.json, flow, value) {
		struct place at = place_member(&flows, flow);
		struct place available = place_member(&at, "availableScopes");

		json_object_foreach(available.json, name, text) {
			struct place scope_at = place_member(&available, name);
			int rc = load_scope(loader, &scope_at, name, &scope);

			if (rc)
				return rc;
		}
	}
	return 0;
}

int scopes_load(struct loader *loader, const struct place *root)
{
	struct place components = place_member(root, "components");
	struct place schemes = place_member(&components, "securitySchemes");
	const char *key;
	json_t *value;
	int rc;

	if (!schemes.json)
		return 0;
	if (place_object(&schemes, loader->diag))
		return ERR_INVALID;
	json_object_foreach(schemes.json, key, value) {
		struct place at = place_member(&schemes, key);
		struct scopeset scopes = { { 0 } };
		bool is_scoped = false;

		rc = load_scheme(loader, &at, &is_scoped, &scopes);
		if (rc == 0 && is_scoped)
			rc = load_flows(loader, &at);
		if (rc)
			return rc;
	}
	return 0;
}

static int load_alternative(struct loader *loader, const struct place *place, struct scopeset *ret)
{
	static const struct scopeset none;
	struct place scheme = *place;
	bool is_scoped = false;
	int rc;

	rc = load_scheme(loader, &scheme, &is_scoped, ret);
	if (rc)
		return rc;
	if (!is_scoped)
		return place_fail(place, loader->diag, ERR_INVALID,
				  "expected a scheme with scopes, oauth2 or openIdConnect: "
				  "how a client logs in is a server's security");
	if (scopeset_covers(&none, ret))
		return place_fail(
			place, loader->diag, ERR_INVALID,
			"expected a scheme that names at least one scope under \"scopes\"");
	return 0;
}

int scopes_load_security(struct loader *loader, const struct place *place,
			 struct contract_operation *ret)
{
	size_t count = json_array_size(place->json);
	int rc = place_array(place, loader->diag);

	if (rc)
		return rc;
	if (count == 0 || count > CONTRACT_ALTERNATIVES_MAX)
		return place_fail(
			place, loader->diag, ERR_INVALID,
			"expected 1 to %u alternatives; without \"security\" no scope is asked for",
			CONTRACT_ALTERNATIVES_MAX);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct place at = place_item(place, i);

		rc = load_alternative(loader, &at, &ret->alternative[i]);
	}
	ret->alternative_count = count;
	return rc;
}
