#include "contract/loader.h"

#include <stdlib.h>
#include <string.h>

static const struct place_known channel_members[] = {
	{ "address", NULL },      { "messages", NULL },   { "parameters", NULL },
	{ "bindings", NULL },     { "title", NULL },      { "summary", NULL },
	{ "description", NULL },  { "servers", NULL },    { "tags", NULL },
	{ "externalDocs", NULL }, { "x-mode", NULL },     { "x-limits", NULL },
	{ "x-will", NULL },       { "x-record", NULL },   { "x-durability", NULL },
	{ "x-entity", NULL },     { "x-interval", NULL }, { "x-time", NULL },
	{ "x-unique", NULL },     { NULL, NULL },
};
static const struct place_known mode_members[] = { { "permission", NULL },
						   { "schema", NULL },
						   { "transition", NULL },
						   { "limits", NULL },
						   { NULL, NULL } };

/* Extensions that say what a publish does. */
static const char *const send_extensions[] = { "x-will",     "x-record", "x-durability", "x-entity",
					       "x-interval", "x-time",   "x-unique",     NULL };

/* ---- finding ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct contract_channel *const *x = a;
	const struct contract_channel *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct contract_channel *channels_find(const struct loader *loader, const char *name)
{
	struct contract_channel key = { .name = name };
	struct contract_channel *key_pointer = &key;
	struct contract_channel **found;

	found = bsearch(&key_pointer, loader->by_name, loader->named_count,
			sizeof(*loader->by_name), by_name);
	return found ? *found : NULL;
}

int channels_make(struct loader *loader, const struct place *root)
{
	struct contract *contract = loader->contract;
	struct place channels = place_member(root, "channels");
	size_t named = json_object_size(channels.json);
	size_t all = named + json_object_size(json_object_get(root->json, "x-broker-topics"));
	const char *key;
	json_t *value;

	if (place_object(&channels, loader->diag))
		return ERR_INVALID;
	if (all > CONTRACT_CHANNELS_MAX)
		return place_fail(&channels, loader->diag, ERR_LIMIT, "more than %u channels",
				  CONTRACT_CHANNELS_MAX);
	contract->channel = arena_take(&contract->arena, all, sizeof(*contract->channel));
	loader->by_name = arena_take(&loader->scratch, named, sizeof(*loader->by_name));
	if (!contract->channel || !loader->by_name)
		return diag_nomem(loader->diag);
	json_object_foreach(channels.json, key, value) {
		struct contract_channel *channel = &contract->channel[contract->channel_count];

		channel->name = key;
		channel->index = (unsigned)contract->channel_count++;
		loader->by_name[loader->named_count++] = channel;
	}
	qsort(loader->by_name, loader->named_count, sizeof(*loader->by_name), by_name);
	return 0;
}

/* Where channel @name says what it is; *channels is the parent and must stay. */
static int find_place(struct loader *loader, const struct place *channels, const char *name,
		      struct place *ret)
{
	*ret = place_member(channels, name);
	return sources_follow(&loader->contract->sources, &loader->scratch, ret, loader->diag);
}

bool channels_has_message(struct loader *loader, const struct contract_channel *channel,
			  const struct place *message)
{
	struct place root = { .file = loader->contract->sources.file[0],
			      .json = loader->contract->sources.file[0]->json };
	struct place channels = place_member(&root, "channels");
	struct place at;
	const char *key;
	json_t *value;

	if (find_place(loader, &channels, channel->name, &at))
		return false;
	json_object_foreach(json_object_get(at.json, "messages"), key, value) {
		if (value == message->json)
			return true;
	}
	return false;
}

/* ---- extensions ------------------------------------------------------------------------- */

const char *contract_group_name(enum contract_group group)
{
	static const char *const name[CONTRACT_GROUPS] = { [CONTRACT_PERMISSION] = "permission",
							   [CONTRACT_SCHEMA] = "schema",
							   [CONTRACT_TRANSITION] = "transition",
							   [CONTRACT_LIMITS] = "limits" };

	return (unsigned)group < CONTRACT_GROUPS ? name[group] : "";
}

static int load_mode_word(struct loader *loader, const struct place *at, enum contract_mode *ret)
{
	static const char *const modes[] = { "enforce", "observe", "off", NULL };
	unsigned mode = CONTRACT_ENFORCE;
	int rc = place_word(at, modes, &mode, loader->diag);

	if (rc == 0)
		*ret = (enum contract_mode)mode;
	return rc;
}

/*
 * One word is about messages: who may do what stays in force unless its group is named, so
 * that trying a contract out opens nothing.
 */
int channels_load_mode(struct loader *loader, const struct place *owner,
		       enum contract_mode ret[CONTRACT_GROUPS])
{
	struct place at = place_member(owner, "x-mode");
	enum contract_mode mode = CONTRACT_ENFORCE;
	int rc = 0;

	if (!at.json)
		return 0;
	if (!json_is_object(at.json)) {
		rc = load_mode_word(loader, &at, &mode);
		for (int i = 0; rc == 0 && i < CONTRACT_GROUPS; i++)
			if (i != CONTRACT_PERMISSION)
				ret[i] = mode;
		return rc;
	}
	rc = place_check(&at, "x-mode", mode_members, loader->diag);
	for (int i = 0; rc == 0 && i < CONTRACT_GROUPS; i++) {
		struct place word = place_member(&at, contract_group_name((enum contract_group)i));

		if (word.json)
			rc = load_mode_word(loader, &word, &ret[i]);
	}
	return rc;
}

static int load_will(struct loader *loader, const struct place *owner, bool *ret)
{
	static const char *const words[] = { "forbidden", "allowed", NULL };
	struct place at = place_member(owner, "x-will");
	unsigned word = 0;
	int rc = 0;

	if (at.json)
		rc = place_word(&at, words, &word, loader->diag);
	*ret = word == 1;
	return rc;
}

static int load_durability(struct loader *loader, const struct place *owner,
			   struct contract_channel *channel)
{
	static const char *const words[] = { "process", "power", NULL };
	struct place record = place_member(owner, "x-record");
	struct place at = place_member(owner, "x-durability");
	unsigned word = CONTRACT_PROCESS;
	int rc = 0;

	channel->is_recorded = channel->send.name != NULL;
	if (record.json)
		rc = place_boolean(&record, &channel->is_recorded, loader->diag);
	if (rc == 0 && at.json)
		rc = place_word(&at, words, &word, loader->diag);
	channel->durability = (enum contract_durability)word;
	if (rc == 0 && at.json && !channel->is_recorded && !channel->mapping)
		rc = place_fail(&at, loader->diag, ERR_INVALID,
				"nothing is kept here: x-record is false and there is no x-entity");
	return rc;
}

static int load_extensions(struct loader *loader, const struct place *place,
			   struct contract_channel *channel)
{
	struct place entity = place_member(place, "x-entity");
	int rc = 0;

	for (const char *const *name = send_extensions; *name && !channel->send.name; name++) {
		struct place at = place_member(place, *name);

		if (at.json)
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "expected a channel with a \"send\" operation");
	}
	if (entity.json)
		rc = mapping_load(loader, &entity, channel);
	if (rc == 0)
		rc = load_will(loader, place, &channel->is_will_allowed);
	if (rc == 0)
		rc = load_durability(loader, place, channel);
	if (rc == 0)
		rc = channels_load_mode(loader, place, channel->mode);
	if (rc == 0)
		rc = limits_load_habits(loader, place, channel);
	if (rc == 0)
		rc = unique_load(loader, place, channel);
	return rc ? rc
		  : limits_load(loader, place, &channel->payload_max, &channel->rate,
				&channel->topic_limit);
}

/* ---- channels --------------------------------------------------------------------------- */

static int load_channel(struct loader *loader, const struct place *channels,
			struct contract_channel *channel)
{
	struct place place;
	struct place address;
	int rc;

	rc = find_place(loader, channels, channel->name, &place);
	if (rc == 0)
		rc = place_check(&place, "a channel", channel_members, loader->diag);
	if (rc)
		return rc;
	memcpy(channel->mode, loader->contract->mode, sizeof(channel->mode));
	channel->payload_max = loader->payload_max;
	channel->rate = loader->rate;
	channel->topic_limit = loader->contract->topic_limit;
	loader->schema = (struct place){ 0 };
	address = place_member(&place, "address");
	rc = address_load(loader, &address, false, &channel->address);
	if (rc == 0)
		rc = params_load(loader, &place, channel);
	if (rc == 0)
		rc = messages_load(loader, &place, channel);
	if (rc == 0)
		rc = bindings_load(loader, &place, LOADER_OTHER, NULL);
	if (rc == 0)
		rc = load_extensions(loader, &place, channel);
	if (rc == 0)
		rc = content_load(loader, channel);
	if (rc == 0)
		rc = members_check(loader, &place);
	if (rc == 0 && channel->topic_limit.levels > 0 &&
	    address_levels(channel->address) > channel->topic_limit.levels)
		rc = place_fail(&address, loader->diag, ERR_INVALID,
				"has more levels than x-limits allows: topicLevels is %u",
				channel->topic_limit.levels);
	return rc;
}

int channels_load(struct loader *loader, const struct place *root)
{
	struct place channels = place_member(root, "channels");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < loader->named_count; i++)
		rc = load_channel(loader, &channels, &loader->contract->channel[i]);
	return rc;
}
