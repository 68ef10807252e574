/*
 * address.c -- reads a channel's address: topic levels, some of them with parameters; and
 * /channels/.../parameters, which has one entry for each {name} of the address.
 */
#include "contract/contract_internal.h"

#include <string.h>

#include "contract/level.h"

/* ---- the address ------------------------------------------------------------------------- */

static const char *fault_of(const struct level *level, const char *behind, bool is_broker)
{
	if (level->kind == LEVEL_REST && behind)
		return "a # before its end";
	if (is_broker && level->params > 0)
		return "a parameter: the broker's topics have none";
	return level_fault(level);
}

static void check_levels(struct loader *loader, const struct config *owner, const char *text,
			 bool is_broker)
{
	const char *fault = NULL;
	struct level level;

	for (size_t levels = 1; text && !fault; levels++) {
		level_read(&text, &level);
		fault = fault_of(&level, text, is_broker);
		if (fault)
			(void)config_fail(loader->report, owner, "address", ERR_INVALID,
					  "the address has %s", fault);
		if (levels <= CONTRACT_LEVELS_MAX)
			continue;
		(void)config_fail(loader->report, owner, "address", ERR_LIMIT,
				  "the address has more than %u levels, which is as many as this "
				  "plugin matches",
				  CONTRACT_LEVELS_MAX);
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
				  "topics that begin with $ are the broker's own, and no client's "
				  "channels: list \"%s\" under x-broker-topics of the document",
				  text);
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

#define VALUES_MAX 4096u /* of an enum, or of default and examples together */

static const struct config_known param_members[] = {
	{ .name = "location enum x-pattern description default examples x-own" },
};

/* What stands behind @head in @text, a JSON Pointer or nothing; NULL: it begins otherwise. */
static const char *pointer_behind(const char *text, const char *head)
{
	size_t len = strlen(head);

	return strncmp(text, head, len) == 0 && (text[len] == '/' || !text[len]) ? text + len
										 : NULL;
}

static bool is_pointer(const char *pointer)
{
	for (; *pointer; pointer++)
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return false;
	return true;
}

/* "$message.payload#/orderId" -> "/orderId"; the payload itself is "" and "/". */
static void load_location(struct loader *loader, const struct config *at,
			  struct contract_param *ret)
{
	const char *text = NULL, *pointer;

	if (!config_text(loader->report, at, "location", LOADER_TEXT_MAX, &text))
		return;
	ret->header = pointer_behind(text, "$message.header#");
	pointer = ret->header ? ret->header : pointer_behind(text, "$message.payload#");
	if (!pointer || !is_pointer(pointer)) {
		(void)config_fail(loader->report, at, "location", ERR_INVALID,
				  pointer ? "a ~ in a JSON Pointer is ~0 or ~1"
					  : "expected \"$message.payload#/...\" or "
					    "\"$message.header#/...\", with a JSON Pointer");
		return;
	}
	if (ret->header) {
		loader_warn(
			loader, at, "location",
			"is not enforced: the topic is not compared with the message's headers");
		return;
	}
	ret->location = strcmp(pointer, "/") == 0 ? "" : pointer;
	if (*ret->location && !strpbrk(pointer + 1, "/~")) {
		ret->member.name = pointer + 1;
		ret->member.len = strlen(pointer + 1);
	}
}

/* A value that no topic can have is none that anyone may use: a warning. */
static void check_value(struct loader *loader, const struct config *at)
{
	const char *text = config_string(at);

	if (at->count == 0 || !text || strchr(text, '/') || !level_is_topic(text, at->count))
		loader_warn(loader, at, NULL,
			    "no topic has this at a parameter: a level is not empty, and has no /, "
			    "+, # "
			    "and U+0000");
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
	config_foreach_item(at, list) {
		if (!config_expect(loader->report, at, CONFIG_STRING))
			continue;
		check_value(loader, at);
		/* Of one with U+0000 stays what no topic has either. */
		value[ret->value_count++] = config_string(at) ? config_string(at) : "/";
	}
	ret->value = value;
}

static bool is_listed(const struct contract_param *param, const char *text)
{
	for (size_t i = 0; i < param->value_count; i++)
		if (strcmp(param->value[i], text) == 0)
			return true;
	return param->value_count == 0;
}

/* One of @param's samples, under @key of its object: is it what the parameter may be? */
static void add_sample(struct loader *loader, const struct config *at, struct contract_param *param,
		       const char **sample)
{
	const char *text = at && at->kind == CONFIG_STRING ? config_string(at) : NULL;

	if (!text) {
		loader_warn(loader, at, NULL, "expected a string");
		return;
	}
	if (!is_listed(param, text))
		loader_warn(loader, at, NULL, "\"%s\" is none of the values of enum", text);
	sample[param->sample_count++] = text;
}

/* "default" and "examples": only held against the rest of the parameter. */
static void load_samples(struct loader *loader, const struct config *at,
			 struct contract_param *param)
{
	const struct config *fallback = config_member(at, "default");
	const struct config *examples = config_member(at, "examples");
	const char **sample;

	if (!config_expect(loader->report, examples, CONFIG_ARRAY) ||
	    !config_bound(loader->report, examples, 0, VALUES_MAX, "examples"))
		examples = NULL;
	sample = loader_take(loader, (examples ? examples->count : 0) + 1, sizeof(*sample));
	if (!sample)
		return;
	if (fallback)
		add_sample(loader, fallback, param, sample);
	config_foreach_item(each, examples)
		add_sample(loader, each, param, sample);
	param->sample = sample;
}

static void load_param(struct loader *loader, const struct config *at, struct contract_param *ret)
{
	static const char *const owners[] = { "principal", "clientId", NULL };
	unsigned owner = 0;

	at = loader_follow(loader, at);
	if (!config_check(loader->report, at, "a parameter", param_members))
		return;
	ret->at = at;
	load_location(loader, at, ret);
	load_values(loader, config_member(at, "enum"), ret);
	(void)config_text(loader->report, at, "x-pattern", LOADER_TEXT_MAX, &ret->pattern);
	load_samples(loader, at, ret);
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
					   "the address has more than %u parameters, which is as "
					   "many as this plugin matches",
					   CONTRACT_PARAMS_MAX);
		if (has_param(param, count, name))
			return config_fail(loader->report, owner, "address", ERR_INVALID,
					   "the address has {%s} twice", name);
		param[count++].name = name;
	}
	*ret_count = count;
	return true;
}

/*
 * Of several parameters in one level it is not certain whose text ends where: "a-b-c" is both the
 * client "c" of "a-b" and the client "b-c" of "a".
 */
static void check_own_levels(struct loader *loader, const struct config *params,
			     const char *address, const struct contract_param *param)
{
	struct level level;

	while (address) {
		level_read(&address, &level);
		for (size_t i = 0; level.params > 1 && i < level.params; i++)
			if (param[i].own != CONTRACT_OWN_NONE)
				(void)config_fail(loader->report,
						  config_member(params, param[i].name), "x-own",
						  ERR_INVALID,
						  "expected no other parameter in the same level");
		param += level.params;
	}
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
	check_own_levels(loader, params, channel->address, found);
	param = loader_take(loader, count, sizeof(*param));
	if (!param)
		return;
	memcpy(param, found, count * sizeof(*param));
	channel->param = param;
	channel->param_count = (uint8_t)count;
}
