#include "contract/loader.h"

#include <string.h>

#define LOCATION_HEAD "$message.payload#"
#define VALUES_MAX 4096u /* of an enum */

static const struct place_known param_members[] = {
	{ "location", NULL }, { "enum", NULL },     { "x-pattern", NULL }, { "description", NULL },
	{ "default", NULL },  { "examples", NULL }, { "x-own", NULL },     { NULL, NULL },
};

/* "$message.payload#/orderId" -> "/orderId" */
static int load_location(struct loader *loader, const struct place *at, struct contract_param *ret)
{
	const char *text = NULL;
	const char *pointer;
	int rc = place_text(at, LOADER_TEXT_MAX, &text, loader->diag);

	if (rc)
		return rc;
	pointer = text + strlen(LOCATION_HEAD);
	if (strncmp(text, LOCATION_HEAD, strlen(LOCATION_HEAD)) != 0 || *pointer != '/')
		return place_fail(at, loader->diag, ERR_INVALID,
				  "expected \"" LOCATION_HEAD
				  "/...\", a JSON Pointer into the payload");
	ret->location = pointer;
	if (!strpbrk(pointer + 1, "/~")) {
		ret->member = pointer + 1;
		ret->member_len = strlen(pointer + 1);
	}
	for (; *pointer; pointer++)
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return place_fail(at, loader->diag, ERR_INVALID,
					  "a ~ in a JSON Pointer is ~0 or ~1");
	return 0;
}

static int load_values(struct loader *loader, const struct place *place, struct contract_param *ret)
{
	const char **value;

	if (place_array(place, loader->diag))
		return ERR_INVALID;
	ret->value_count = json_array_size(place->json);
	if (ret->value_count == 0 || ret->value_count > VALUES_MAX)
		return place_fail(place, loader->diag, ERR_LIMIT, "expected 1 to %u values",
				  VALUES_MAX);
	value = arena_take(&loader->contract->arena, ret->value_count, sizeof(*value));
	if (!value)
		return diag_nomem(loader->diag);
	ret->value = value;
	for (size_t i = 0; i < ret->value_count; i++) {
		struct place at = place_item(place, i);
		int rc = place_text(&at, LOADER_TEXT_MAX, &value[i], loader->diag);

		if (rc)
			return rc;
		if (!topics_is_id(value[i], strlen(value[i])))
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "expected 1 to %u letters, digits, _ and -",
					  ENTITY_ID_MAX);
	}
	return 0;
}

static int load_own(struct loader *loader, const struct place *at, struct contract_param *ret)
{
	static const char *const owners[] = { "principal", "clientId", NULL };
	unsigned owner;
	int rc = place_word(at, owners, &owner, loader->diag);

	if (rc == 0)
		ret->own = owner == 0 ? CONTRACT_OWN_PRINCIPAL : CONTRACT_OWN_CLIENT;
	return rc;
}

static int load_param(struct loader *loader, struct place *place, struct contract_param *ret)
{
	struct place location;
	struct place values;
	struct place pattern;
	struct place own;
	int rc;

	rc = sources_follow(&loader->contract->sources, &loader->scratch, place, loader->diag);
	if (rc == 0)
		rc = place_check(place, "a parameter", param_members, loader->diag);
	if (rc)
		return rc;
	location = place_member(place, "location");
	values = place_member(place, "enum");
	pattern = place_member(place, "x-pattern");
	own = place_member(place, "x-own");
	if (location.json)
		rc = load_location(loader, &location, ret);
	if (rc == 0 && values.json)
		rc = load_values(loader, &values, ret);
	if (rc == 0 && pattern.json)
		rc = place_text(&pattern, LOADER_TEXT_MAX, &ret->pattern, loader->diag);
	if (rc == 0 && own.json)
		rc = load_own(loader, &own, ret);
	return rc;
}

/* The parameters' names, in the order in which the address has them. */
static int load_names(struct loader *loader, const struct place *address, const char *text,
		      struct contract_param *param, size_t *ret_count)
{
	size_t count = 0;

	while ((text = strchr(text, '{'))) {
		size_t len = strcspn(++text, "}");
		char *name = arena_text(&loader->contract->arena, text, len);

		if (!name)
			return diag_nomem(loader->diag);
		if (count == CONTRACT_PARAMS_MAX)
			return place_fail(address, loader->diag, ERR_LIMIT,
					  "more than %u parameters", CONTRACT_PARAMS_MAX);
		for (size_t i = 0; i < count; i++)
			if (strcmp(param[i].name, name) == 0)
				return place_fail(address, loader->diag, ERR_INVALID,
						  "the address has {%s} twice", name);
		param[count++].name = name;
	}
	*ret_count = count;
	return 0;
}

/* Each member of /parameters must be in the address. */
static int check_redundant(struct loader *loader, const struct place *params,
			   const struct contract_channel *channel,
			   const struct contract_param *param)
{
	const char *key;
	json_t *value;

	json_object_foreach(params->json, key, value) {
		struct place at = place_member(params, key);
		size_t i = 0;

		while (i < channel->param_count && strcmp(param[i].name, key) != 0)
			i++;
		if (i == channel->param_count)
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "the address \"%s\" has no {%s}", channel->address, key);
	}
	return 0;
}

/* Whoever connects chooses its client id: what is for an id alone is for everyone. */
static int check_own(struct loader *loader, const struct place *params,
		     const struct contract_param *param, size_t count)
{
	const struct contract_param *client = NULL;
	bool has_principal = false;
	struct place at, own;

	for (size_t i = 0; i < count; i++) {
		has_principal |= param[i].own == CONTRACT_OWN_PRINCIPAL;
		if (!client && param[i].own == CONTRACT_OWN_CLIENT)
			client = &param[i];
	}
	if (!client || has_principal)
		return 0;
	at = place_member(params, client->name);
	own = place_member(&at, "x-own");
	return place_fail(&own, loader->diag, ERR_INVALID,
			  "a client id is anyone's: expected another parameter of the address with "
			  "x-own \"principal\"");
}

int params_load(struct loader *loader, const struct place *channel_place,
		struct contract_channel *channel)
{
	struct place address = place_member(channel_place, "address");
	struct place params = place_member(channel_place, "parameters");
	struct contract_param found[CONTRACT_PARAMS_MAX] = { { 0 } };
	struct contract_param *param;
	int rc = 0;

	if (params.json)
		rc = place_object(&params, loader->diag);
	if (rc == 0)
		rc = load_names(loader, &address, channel->address, found, &channel->param_count);
	if (rc == 0)
		rc = check_redundant(loader, &params, channel, found);
	for (size_t i = 0; rc == 0 && i < channel->param_count; i++) {
		struct place at = place_member(&params, found[i].name);

		if (!at.json)
			return place_fail(&params, loader->diag, ERR_INVALID,
					  "expected \"%s\", which the address has", found[i].name);
		rc = load_param(loader, &at, &found[i]);
		channel->has_choosy_params |= found[i].value_count > 0 || found[i].pattern;
	}
	if (rc == 0)
		rc = check_own(loader, &params, found, channel->param_count);
	if (rc)
		return rc;
	param = arena_take(&loader->contract->arena, channel->param_count, sizeof(*param));
	if (!param)
		return diag_nomem(loader->diag);
	memcpy(param, found, channel->param_count * sizeof(*param));
	channel->param = param;
	return 0;
}
