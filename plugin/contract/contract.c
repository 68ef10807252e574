#include "contract/contract.h"

#include <stdlib.h>
#include <string.h>

#include "contract/loader.h"

static const struct place_known root_members[] = {
	{ "asyncapi", NULL },
	{ "id", NULL },
	{ "info", NULL },
	{ "servers", NULL },
	{ "channels", NULL },
	{ "operations", NULL },
	{ "components", NULL },
	{ "x-mode", NULL },
	{ "x-limits", NULL },
	{ "x-state-machines", NULL },
	{ "x-entities", NULL },
	{ "x-broker-topics", NULL },
	{ "defaultContentType", NULL },
	{ NULL, NULL },
};
static const struct place_known info_members[] = {
	{ "title", NULL },          { "version", NULL },      { "description", NULL },
	{ "termsOfService", NULL }, { "contact", NULL },      { "license", NULL },
	{ "tags", NULL },           { "externalDocs", NULL }, { NULL, NULL },
};
static const struct place_known server_members[] = {
	{ "host", NULL },     { "protocol", NULL },     { "protocolVersion", NULL },
	{ "pathname", NULL }, { "description", NULL },  { "title", NULL },
	{ "summary", NULL },  { "variables", NULL },    { "security", NULL },
	{ "tags", NULL },     { "externalDocs", NULL }, { "bindings", NULL },
	{ NULL, NULL },
};
static const struct place_known component_members[] = {
	{ "schemas", NULL },
	{ "servers", NULL },
	{ "channels", NULL },
	{ "operations", NULL },
	{ "messages", NULL },
	{ "securitySchemes", NULL },
	{ "serverVariables", NULL },
	{ "parameters", NULL },
	{ "correlationIds", NULL },
	{ "replies", NULL },
	{ "replyAddresses", NULL },
	{ "externalDocs", NULL },
	{ "tags", NULL },
	{ "operationTraits", NULL },
	{ "messageTraits", NULL },
	{ "serverBindings", NULL },
	{ "channelBindings", NULL },
	{ "operationBindings", NULL },
	{ "messageBindings", NULL },
	{ NULL, NULL },
};

/* ---- the document itself ---------------------------------------------------------------- */

static int load_info(struct loader *loader, const struct place *root)
{
	struct place info = place_member(root, "info");
	struct place title = place_member(&info, "title");
	struct place version = place_member(&info, "version");
	int rc;

	rc = place_check(&info, "info", info_members, loader->diag);
	if (rc == 0)
		rc = place_text(&title, LOADER_TEXT_MAX, &loader->contract->title, loader->diag);
	if (rc == 0)
		rc = place_text(&version, LOADER_TEXT_MAX, &loader->contract->version,
				loader->diag);
	return rc;
}

/* Nothing is read from servers and components as such; what they have is looked at. */
static int check_rest(struct loader *loader, const struct place *root)
{
	struct place components = place_member(root, "components");
	struct place servers = place_member(root, "servers");
	const char *key;
	json_t *value;
	int rc = 0;

	if (components.json)
		rc = place_check(&components, "components", component_members, loader->diag);
	if (rc == 0 && servers.json)
		rc = place_object(&servers, loader->diag);
	if (rc)
		return rc;
	json_object_foreach(servers.json, key, value) {
		struct place at = place_member(&servers, key);

		rc = sources_follow(&loader->contract->sources, &loader->scratch, &at,
				    loader->diag);
		if (rc == 0)
			rc = place_check(&at, "a server", server_members, loader->diag);
		if (rc)
			return rc;
	}
	return 0;
}

static int load_root(struct loader *loader, const struct place *root)
{
	static const char *const versions[] = { "3.0.0", "3.1.0", NULL };
	struct place asyncapi = place_member(root, "asyncapi");
	struct place type = place_member(root, "defaultContentType");
	unsigned ignored;
	int rc;

	rc = place_object(root, loader->diag);
	if (rc == 0)
		rc = place_word(&asyncapi, versions, &ignored, loader->diag);
	if (rc == 0)
		rc = place_check(root, "the document", root_members, loader->diag);
	if (rc == 0)
		rc = load_info(loader, root);
	if (rc == 0)
		rc = messages_check_type(loader, &type);
	if (rc == 0)
		rc = channels_load_mode(loader, root, loader->contract->mode);
	if (rc == 0)
		rc = limits_load(loader, root, &loader->payload_max, &loader->rate,
				 &loader->contract->topic_limit);
	return rc ? rc : check_rest(loader, root);
}

/* Puts the addresses into the trie. Two channels with the same topics can't both be right. */
static int index_topics(struct loader *loader, const struct place *root)
{
	struct contract *contract = loader->contract;
	struct place channels = place_member(root, "channels");
	struct place brokers = place_member(root, "x-broker-topics");
	size_t levels = 0;

	for (size_t i = 0; i < contract->channel_count; i++)
		levels += address_levels(contract->channel[i].address);
	contract->topics = topics_new(levels);
	if (!contract->topics)
		return diag_nomem(loader->diag);
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		const struct contract_channel *other = topics_add(contract->topics, channel);
		struct place at;
		struct place address;

		if (!other)
			continue;
		at = place_member(i < loader->named_count ? &channels : &brokers, channel->name);
		address = place_member(&at, "address");
		return place_fail(&address, loader->diag, ERR_INVALID,
				  "the same topics as \"%s\" of \"%s\"", other->address,
				  other->name);
	}
	return 0;
}

static int load_document(struct loader *loader)
{
	typedef int step(struct loader *, const struct place *);
	static step *const steps[] = {
		load_root,     scopes_load,     transitions_load, entities_load,
		channels_make, operations_load, channels_load,    brokertopics_load,
		index_topics,  published_load,  content_compare,
	};
	struct sources *sources = &loader->contract->sources;
	struct place root = { .file = sources->file[0], .json = sources->file[0]->json };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(*steps); i++)
		rc = steps[i](loader, &root);
	return rc ? rc : sources_load_all(sources, loader->diag);
}

int contract_load(const char *path, struct contract **ret, struct diag *diag)
{
	struct contract *contract = calloc(1, sizeof(*contract));
	struct loader *loader = calloc(1, sizeof(*loader));
	int rc = ERR_NOMEM;

	if (!contract || !loader) {
		(void)diag_nomem(diag);
		goto out;
	}
	*loader = (struct loader){ .contract = contract,
				   .diag = diag,
				   .payload_max = CONTRACT_PAYLOAD_DEFAULT };
	rc = sources_open(&contract->sources, &contract->arena, path, diag);
	if (rc == 0)
		rc = load_document(loader);
	if (rc)
		goto out;
	*ret = contract;
	contract = NULL; /* handed over */
out:
	if (loader)
		arena_clear(&loader->scratch);
	free(loader);
	contract_free(contract);
	return rc;
}

void contract_free(struct contract *contract)
{
	if (!contract)
		return;
	topics_free(contract->topics);
	sources_clear(&contract->sources);
	arena_clear(&contract->arena);
	free(contract);
}

/* ---- asking ----------------------------------------------------------------------------- */

const char *contract_title(const struct contract *contract)
{
	return contract->title;
}

const char *contract_warning(const struct contract *contract, size_t i)
{
	return i < contract->warning_count ? contract->warning[i] : NULL;
}

const struct contract_topic_limit *contract_topic_limit(const struct contract *contract)
{
	return &contract->topic_limit;
}

const enum contract_mode *contract_mode(const struct contract *contract)
{
	return contract->mode;
}

const char *contract_version(const struct contract *contract)
{
	return contract->version;
}

size_t contract_channel_count(const struct contract *contract)
{
	return contract->channel_count;
}

const struct contract_channel *contract_channel(const struct contract *contract, size_t index)
{
	return &contract->channel[index];
}

const struct entity_plan *contract_plan(const struct contract *contract)
{
	return &contract->plan;
}

const struct contract_channel *contract_notices(const struct contract *contract)
{
	return contract->notices;
}

const struct contract_channel *contract_alerts(const struct contract *contract)
{
	return contract->alerts;
}

size_t contract_scope_count(const struct contract *contract)
{
	return contract->scope_count;
}

const char *contract_scope(const struct contract *contract, size_t scope)
{
	return contract->scope[scope];
}

size_t contract_document_count(const struct contract *contract)
{
	return contract->sources.count;
}

struct contract_document contract_document(const struct contract *contract, size_t index)
{
	const struct source *file = contract->sources.file[index];

	return (struct contract_document){ file->uri, file->name, file->json };
}

struct contract_match contract_match(const struct contract *contract, const char *topic, size_t len)
{
	return topics_match(contract->topics, topic, len);
}

bool contract_reach(const struct contract *contract, const char *filter, size_t len,
		    contract_visit *visit, void *ctx)
{
	return topics_reach(contract->topics, filter, len, visit, ctx);
}
