#include "contract/contract.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/contract_internal.h"

void loader_warn(struct loader *loader, const struct config *at, const char *key,
		 const char *format, ...)
{
	struct contract *contract = loader->contract;
	struct diag what, line;
	const char *text;
	va_list args;

	if (loader->warning_count == CONTRACT_WARNINGS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(what.text, sizeof(what.text), format, args);
	va_end(args);
	config_line(&line, at, key, "%s", what.text);
	for (size_t i = 0; i < loader->warning_count; i++)
		if (strcmp(contract->warning[i], line.text) == 0)
			return;
	if (loader->warning_count == CONTRACT_WARNINGS_MAX - 1)
		config_line(&line, at, key, "and further warnings: no more than %u are shown",
			    CONTRACT_WARNINGS_MAX - 1);
	text = arena_text(&contract->arena, line.text, strlen(line.text));
	if (text)
		contract->warning[loader->warning_count++] = text;
	else
		(void)config_nomem(loader->report);
}

/* What a typed reader finds doubtful. */
static void warn(void *ctx, const struct config *at, const char *key, const char *text)
{
	loader_warn(ctx, at, key, "%s", text);
}

const struct limits contract_no_limits;
const struct contract_content contract_no_content;

/* ---- the document itself ---------------------------------------------------------------- */

static bool is_below(const char *address, const char *first)
{
	size_t len = strlen(first);

	return address && strncmp(address, first, len) == 0 && address[len] == '/';
}

/* Is the document about notices and alerts only? */
static bool is_plugins(const struct config *root)
{
	const struct config *channels = config_member(root, "channels");

	if (!channels || channels->kind != CONFIG_OBJECT || channels->count == 0)
		return false;
	config_foreach_member(at, channels) {
		const char *address = config_string(config_member(at, "address"));

		if (!is_below(address, CONTRACT_NOTICES) && !is_below(address, CONTRACT_ALERTS))
			return false;
	}
	return true;
}

static void load_root(struct loader *loader)
{
	static const char *const groups[] = { "channels", "operations", NULL };
	struct contract_channel *defaults = &loader->doc->defaults;

	shapes_check(loader);
	for (const char *const *group = groups; *group; group++)
		if (!config_member(loader->doc->root, *group))
			loader_warn(loader, loader->doc->root, NULL,
				    "has no \"%s\": no client may publish or receive", *group);
	defaults->payload_max = CONTRACT_PAYLOAD_DEFAULT;
	defaults->limits = &contract_no_limits;
	defaults->content = &contract_no_content;
	channels_load_mode(loader, applications_member(loader, "x-mode"), defaults->mode);
	channels_load_limits(loader, loader->doc->root, defaults);
	loader->doc->is_plugins = is_plugins(loader->doc->root);
}

/* Says what is wrong with the address of pair->channel, if it is about a certain one. */
static void fail_topics(struct loader *loader, enum topics_fault fault,
			const struct topics_pair *pair)
{
	const struct config *at =
		pair->channel ? loader->at[pair->channel->index] : loader->doc->root;
	const char *key = pair->channel ? "address" : "channels";

	if (fault == TOPICS_SAME)
		(void)config_fail(loader->report, at, key, ERR_INVALID,
				  "the same topics as \"%s\" of \"%s\"", pair->other->address,
				  pair->other->name);
	else if (fault == TOPICS_TIE)
		(void)config_fail(
			loader->report, at, key, ERR_INVALID,
			"\"%s\" has topics of \"%s\" of \"%s\", and neither is preferred: "
			"what is before their difference is the same",
			pair->channel->address, pair->other->address, pair->other->name);
	else if (fault == TOPICS_CROWDED)
		(void)config_fail(
			loader->report, at, key, ERR_LIMIT,
			"more than %u addresses have a level with parts, like dev-{id}, in "
			"this place, between texts of different lengths or the same texts",
			TOPICS_TRIED_MAX);
	else if (fault == TOPICS_COSTLY)
		(void)config_fail(
			loader->report, at, key, ERR_LIMIT,
			"so many addresses overlap that it takes more than %u steps to find "
			"a topic's channel, or to see which of them wins",
			TOPICS_STEPS_MAX);
	else if (fault)
		(void)config_nomem(loader->report);
}

/* Puts the addresses into the trie. Two channels with the same topics can't both be right. */
static void index_topics(struct loader *loader)
{
	struct contract *contract = loader->contract;
	struct topics_pair pair = { 0 };
	enum topics_fault fault;
	size_t levels = 0;

	for (size_t i = 0; i < contract->channel_count; i++)
		levels += address_levels(contract->channel[i].address);
	contract->topics = topics_new(levels);
	if (!contract->topics) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < contract->channel_count; i++) {
		pair.channel = &contract->channel[i];
		fault = topics_add(contract->topics, pair.channel, &pair.other);
		if (fault)
			fail_topics(loader, fault, &pair);
		if (fault && fault != TOPICS_SAME)
			return;
	}
	pair = (struct topics_pair){ 0 };
	fault = topics_check(contract->topics, &pair);
	fail_topics(loader, fault, &pair);
	if (!fault && !topics_settle(contract->topics))
		(void)config_nomem(loader->report);
}

/* Which channels have one message that every publish is: see struct contract_channel. */
static void find_sole_messages(struct loader *loader)
{
	for (size_t i = 0; i < loader->contract->channel_count; i++) {
		struct contract_channel *channel = &loader->channel[i];

		if (channel->message_count == 1 && channel->message->schema_uri &&
		    channel->message->format == CONTRACT_JSON &&
		    !channel->message->is_cloudevents && channel->send_count == 1 &&
		    channel->send->message_count == 1)
			channel->sole = channel->message;
	}
}

/* The smaller of two limits, of which 0 is none. */
static uint32_t narrower(uint32_t a, uint32_t b)
{
	return a == 0 || (b > 0 && b < a) ? b : a;
}

static void join_limits(struct limits *to, const struct limits *from)
{
	uint32_t rate = narrower(to->messages_per_second, from->messages_per_second);

	if (rate != to->messages_per_second)
		to->burst = from->burst;
	else if (rate == from->messages_per_second)
		to->burst = narrower(to->burst, from->burst);
	to->messages_per_second = rate;
	to->bytes_per_second = narrower(to->bytes_per_second, from->bytes_per_second);
	to->topic_levels = narrower(to->topic_levels, from->topic_levels);
	to->topic_bytes = narrower(to->topic_bytes, from->topic_bytes);
	if (from->clients < to->clients)
		to->clients = from->clients;
}

/* A topic without a channel is nobody's: what one document enforces there is enforced. */
static void join_defaults(struct loader *loader)
{
	struct contract_channel *joined = &loader->contract->defaults;
	struct limits *limits = loader_take(loader, 1, sizeof(*limits));
	bool is_said = false;

	if (!limits)
		return;
	*joined = loader->document[0].defaults;
	*limits = *joined->limits;
	joined->limits = limits;
	for (size_t i = 0; i < loader->document_count; i++) {
		const struct contract_channel *its = &loader->document[i].defaults;

		loader->doc = &loader->document[i];
		join_limits(limits, its->limits);
		if (applications_leaves(loader, "x-mode"))
			continue;
		for (unsigned group = 0; group < CONTRACT_GROUPS; group++)
			if (!is_said || its->mode[group] < joined->mode[group])
				joined->mode[group] = its->mode[group];
		is_said = true;
	}
	loader->doc = loader->document;
}

typedef void step(struct loader *);

static void for_each_document(struct loader *loader, step *run)
{
	for (size_t i = 0; i < loader->document_count; i++) {
		loader->doc = &loader->document[i];
		run(loader);
	}
	loader->doc = loader->document;
}

static void load_documents(struct loader *loader)
{
	static step *const own[] = { load_root, scopes_load, servers_load, transitions_load };
	static step *const joined[] = { entities_load, join_defaults,   unlisted_load, members_load,
					messages_load, operations_load, channels_load };
	/* These are about the channels as they are when all are loaded. */
	static step *const last[] = {
		index_topics,    channels_load_published, dead_letters_load,
		content_compare, consistency_compare,     find_sole_messages
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own) && loader->report->rc != ERR_NOMEM; i++)
		for_each_document(loader, own[i]);
	for (size_t i = 0; i < sizeof(joined) / sizeof(*joined); i++) {
		if (loader->report->rc == ERR_NOMEM)
			return;
		loader->doc = loader->document;
		joined[i](loader);
		if (joined[i] == members_load && !loader->channel)
			return;
	}
	for_each_document(loader, channels_load_broker);
	for (size_t i = 0; i < sizeof(last) / sizeof(*last) && loader->report->count == 0; i++)
		last[i](loader);
	sources_load_all(&loader->contract->sources);
}

static void take_warning(void *ctx, const struct config *at, const char *text)
{
	loader_warn(ctx, at, NULL, "%s", text);
}

int contract_open(const struct sources_place *place, const struct config *settings,
		  struct contract **ret, struct diag_list *all, struct diag *diag)
{
	struct contract *contract = calloc(1, sizeof(*contract));
	struct loader loader = { .contract = contract, .drafts.arena = &loader.scratch };
	const struct config_doubts doubts = { .warn = warn,
					      .ctx = &loader,
					      .extensions = LOADER_EXTENSIONS };
	struct config_report report = { .diag = diag, .all = all, .doubts = &doubts };

	if (!contract)
		return diag_nomem(diag);
	loader.report = &report;
	contract->sources.warn = take_warning;
	contract->sources.warn_ctx = &loader;
	if (sources_open(&contract->sources, &contract->arena, place, &report) &&
	    applications_load(&loader, settings))
		load_documents(&loader);
	arena_clear(&loader.scratch);
	contract->sources.report = NULL;
	contract->sources.warn = NULL;
	if (report.rc)
		contract_free(contract);
	else
		*ret = contract;
	return report.rc;
}

int contract_load(const char *path, struct contract **ret, struct diag_list *all, struct diag *diag)
{
	const struct sources_place place = { .count = 1, .path = &path };

	return contract_open(&place, NULL, ret, all, diag);
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

const char *contract_group_name(enum contract_group group)
{
	static const char *const name[CONTRACT_GROUPS] = { [CONTRACT_PERMISSION] = "permission",
							   [CONTRACT_SCHEMA] = "schema",
							   [CONTRACT_TRANSITION] = "transition",
							   [CONTRACT_LIMITS] = "limits" };

	return (unsigned)group < CONTRACT_GROUPS ? name[group] : "";
}
