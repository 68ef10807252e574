/*
 * address.c -- reads a channel's address: topic levels, of which some are parameters; and
 * /channels/.../parameters, which has one entry for each {name} of the address.
 */
#include "contract/contract_internal.h"

#include <string.h>

/* Why this level can't stand in an address, or NULL. Control characters are no topic's. */
static const char *fault_of(const char *text, size_t len, bool is_broker)
{
	if (len == 0)
		return "an empty level (a slash at either end, or two in a row)";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '+' || c == '#')
			return is_broker ? "a wildcard that is not a # at its end"
					 : "a wildcard: what varies is a parameter, like {orderId}";
		if (c < 0x20 || c == 0x7f)
			return "a control character";
	}
	if (!memchr(text, '{', len) && !memchr(text, '}', len))
		return NULL;
	if (is_broker)
		return "a parameter: the broker's topics have none";
	if (len < 3 || text[0] != '{' || text[len - 1] != '}' || !topics_is_id(text + 1, len - 2))
		return "a parameter that is not a whole level, like {orderId}";
	return NULL;
}

static void check_levels(struct loader *loader, const struct config *owner, const char *text,
			 bool is_broker)
{
	for (size_t levels = 0;; text++) {
		size_t len = strcspn(text, "/");
		bool is_rest = is_broker && strcmp(text, "#") == 0 && levels > 0;
		const char *fault = is_rest ? NULL : fault_of(text, len, is_broker);

		if (fault)
			(void)config_fail(loader->report, owner, "address", ERR_INVALID,
					  "the address has %s", fault);
		else if (++levels > CONTRACT_LEVELS_MAX)
			(void)config_fail(loader->report, owner, "address", ERR_LIMIT,
					  "more than %u topic levels", CONTRACT_LEVELS_MAX);
		text += len;
		if (!*text || fault || levels > CONTRACT_LEVELS_MAX)
			return;
	}
}

const char *address_load(struct loader *loader, const struct config *owner, bool is_broker)
{
	unsigned before = loader->report->count;
	const char *text = NULL;

	if (!config_text(loader->report, owner, "address", LOADER_TEXT_MAX, &text))
		return NULL;
	if (is_broker && (text[0] != '$' || strncmp(text, "$share/", strlen("$share/")) == 0))
		(void)config_fail(loader->report, owner, "address", ERR_INVALID,
				  "expected a topic of the broker's own, like $SYS/#");
	else if (!is_broker && text[0] == '$')
		(void)config_fail(loader->report, owner, "address", ERR_INVALID,
				  "topics that begin with $ are the broker's: see x-broker-topics");
	else
		check_levels(loader, owner, text, is_broker);
	return loader->report->count == before ? text : NULL;
}

size_t address_levels(const char *address)
{
	size_t levels = 1;

	for (; *address; address++)
		levels += *address == '/';
	return levels;
}

/* ---- parameters ----------------------------------------------------------------------- */

#define LOCATION_HEAD "$message.payload#"
#define VALUES_MAX 4096u /* of an enum */

static const struct config_known param_members[] = {
	{ .name = "location enum x-pattern description default examples x-own" },
};

/* "$message.payload#/orderId" -> "/orderId" */
static void load_location(struct loader *loader, const struct config *at,
			  struct contract_param *ret)
{
	const char *text = NULL;
	const char *pointer;

	if (!config_text(loader->report, at, "location", LOADER_TEXT_MAX, &text))
		return;
	pointer = text + strlen(LOCATION_HEAD);
	if (strncmp(text, LOCATION_HEAD, strlen(LOCATION_HEAD)) != 0 || *pointer != '/') {
		(void)config_fail(loader->report, at, "location", ERR_INVALID,
				  "expected \"" LOCATION_HEAD
				  "/...\", a JSON Pointer into the payload");
		return;
	}
	ret->location = pointer;
	if (!strpbrk(pointer + 1, "/~")) {
		ret->member.name = pointer + 1;
		ret->member.len = strlen(pointer + 1);
	}
	for (; *pointer; pointer++)
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			(void)config_fail(loader->report, at, "location", ERR_INVALID,
					  "a ~ in a JSON Pointer is ~0 or ~1");
}

static void load_values(struct loader *loader, const struct config *list,
			struct contract_param *ret)
{
	const char **value;

	if (!config_expect(loader->report, list, CONFIG_ARRAY) ||
	    !config_bound(loader->report, list, 1, VALUES_MAX, "values"))
		return;
	value = loader_take(loader, list->count, sizeof(*value));
	if (!value)
		return;
	ret->value = value;
	ret->value_count = list->count;
	config_foreach_item(at, list) {
		if (config_text(loader->report, at, NULL, LOADER_TEXT_MAX, value) &&
		    !topics_is_id(*value, strlen(*value)))
			(void)config_fail(loader->report, at, NULL, ERR_INVALID,
					  "expected 1 to %u letters, digits, _ and -",
					  ENTITY_ID_MAX);
		value++;
	}
}

static void load_param(struct loader *loader, const struct config *at, struct contract_param *ret)
{
	static const char *const owners[] = { "principal", "clientId", NULL };
	unsigned owner = 0;

	at = loader_follow(loader, at);
	if (!config_check(loader->report, at, "a parameter", param_members))
		return;
	load_location(loader, at, ret);
	load_values(loader, config_member(at, "enum"), ret);
	(void)config_text(loader->report, at, "x-pattern", LOADER_TEXT_MAX, &ret->pattern);
	if (config_word(loader->report, at, "x-own", owners, &owner))
		ret->own = owner == 0 ? CONTRACT_OWN_PRINCIPAL : CONTRACT_OWN_CLIENT;
}

static bool has_param(const struct contract_param *param, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(param[i].name, name) == 0)
			return true;
	return false;
}

/* The parameters' names, in the order in which the address has them. */
static bool load_names(struct loader *loader, const struct config *owner, const char *address,
		       struct contract_param *param, size_t *ret_count)
{
	size_t count = 0;

	for (const char *text = address; (text = strchr(text, '{'));) {
		size_t len = strcspn(++text, "}");
		char *name = arena_text(&loader->contract->arena, text, len);

		if (!name)
			return config_nomem(loader->report);
		if (count == CONTRACT_PARAMS_MAX)
			return config_fail(loader->report, owner, "address", ERR_LIMIT,
					   "more than %u parameters", CONTRACT_PARAMS_MAX);
		if (has_param(param, count, name))
			return config_fail(loader->report, owner, "address", ERR_INVALID,
					   "the address has {%s} twice", name);
		param[count++].name = name;
	}
	*ret_count = count;
	return true;
}

/* Whoever connects chooses its client id: what is for an id alone is for everyone. */
static void check_own(struct loader *loader, const struct config *params,
		      const struct contract_param *param, size_t count)
{
	const struct contract_param *client = NULL;

	for (size_t i = 0; i < count; i++) {
		if (param[i].own == CONTRACT_OWN_PRINCIPAL)
			return;
		if (!client && param[i].own == CONTRACT_OWN_CLIENT)
			client = &param[i];
	}
	if (client)
		(void)config_fail(
			loader->report, config_member(params, client->name), "x-own", ERR_INVALID,
			"a client id is anyone's: expected another parameter of the address with "
			"x-own \"principal\"");
}

void address_load_params(struct loader *loader, const struct config *owner,
			 struct contract_channel *channel)
{
	const struct config *params = config_member(owner, "parameters");
	struct contract_param found[CONTRACT_PARAMS_MAX] = { { 0 } };
	struct contract_param *param;
	size_t count = 0;

	if ((params && !config_expect(loader->report, params, CONFIG_OBJECT)) ||
	    !load_names(loader, owner, channel->address, found, &count))
		return;
	config_foreach_member(at, params)
		if (!has_param(found, count, at->key))
			(void)config_fail(loader->report, at, NULL, ERR_INVALID,
					  "the address \"%s\" has no {%s}", channel->address,
					  at->key);
	for (size_t i = 0; i < count; i++) {
		const struct config *at = config_member(params, found[i].name);

		if (!at)
			(void)config_fail(loader->report, owner, "parameters", ERR_INVALID,
					  "expected a member \"%s\", which the address has",
					  found[i].name);
		load_param(loader, at, &found[i]);
		channel->has_choosy_params |= found[i].value_count > 0 || found[i].pattern;
	}
	check_own(loader, params, found, count);
	param = loader_take(loader, count, sizeof(*param));
	if (!param)
		return;
	memcpy(param, found, count * sizeof(*param));
	channel->param = param;
	channel->param_count = count;
}
