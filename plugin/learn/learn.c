#include "learn/learn.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/configwrite.h"
#include "base/utf8.h"
#include "base/wholefile.h"
#include "learn/accounts.h"
#include "learn/channelof.h"
#include "learn/learned.h"
#include "learn/naming.h"
#include "learn/widen.h"

#define PAYLOAD_BYTES_MAX (16u << 20)
#define PARAM_LEVELS_MAX TOPICTREE_PARAMS_MAX

int learn_new(const char *title, struct learned **ret, struct diag *diag)
{
	const struct payload_limits limits = { .max_bytes = PAYLOAD_BYTES_MAX,
					       .max_depth = PAYLOAD_MESSAGE_DEPTH };
	struct learned *learned = calloc(1, sizeof(*learned));
	int rc;

	if (!learned)
		return diag_nomem(diag);
	rc = keyhash_init(&learned->scribe.hash, diag);
	if (rc == 0)
		rc = payload_parser_new(&limits, &learned->reader.parser, diag);
	if (rc) {
		learn_free(learned);
		return rc;
	}
	learned->title = title;
	learned->scribe.arena = &learned->arena;
	learned->reader.scribe = &learned->scribe;
	learned->maker.drafts.arena = &learned->arena;
	learned->tree.arena = &learned->arena;
	learned->tree.hash = &learned->scribe.hash;
	*ret = learned;
	return 0;
}

void learn_free(struct learned *learned)
{
	if (!learned)
		return;
	payload_parser_free(learned->reader.parser);
	arena_clear(&learned->arena);
	config_free(learned->given);
	free(learned->given_text);
	free(learned);
}

void learn_summary(const struct learned *learned, struct learned_summary *ret)
{
	*ret = learned->summary;
	ret->changes = learned->maker.changes;
}

/* ---- the three readings ------------------------------------------------------------------ */

struct learn_reading {
	struct learned *learned;
	struct diag *diag;
};

/* Is the message on a topic that can be a channel? No address has braces or controls in its levels.
 */
static bool is_learned(const struct traffic_message *message)
{
	const char *at = message->topic, *end = at + message->topic_len;

	if (*at == '$')
		return false;
	while (at < end) {
		uint32_t code = utf8_next(&at, end);

		if (code == '{' || code == '}' || utf8_is_control(code))
			return false;
	}
	return true;
}

static int check_memory(const struct learn_reading *reading, const struct traffic_place *place)
{
	if (reading->learned->arena.total <= LEARN_BYTES_MAX)
		return 0;
	return diag_set(reading->diag, ERR_LIMIT,
			"%s:%" PRIu64 ": what came until here differs too much: %zu MiB to keep; "
			"expected topics and payloads that are alike",
			place->name, place->line, LEARN_BYTES_MAX >> 20);
}

static int read_topic(void *ctx, const struct traffic_message *message,
		      const struct traffic_place *place)
{
	struct learn_reading *reading = ctx;
	struct learned *learned = reading->learned;
	int rc;

	if (!is_learned(message)) {
		learned->summary.system += message->topic[0] == '$';
		learned->summary.unnamed += message->topic[0] != '$';
		return 0;
	}
	learned->summary.messages++;
	learned->summary.has_nameless |= !message->publisher;
	rc = topictree_add(&learned->tree, message->topic, message->topic_len, place,
			   reading->diag);
	return rc ? rc : check_memory(reading, place);
}

/* The second and the third reading, each with its function. */
static int read_payload(struct learn_reading *reading, const struct traffic_message *message,
			const struct traffic_place *place,
			int (*add)(struct observed_reader *reader, struct observed *observed,
				   const struct traffic_message *message,
				   const struct topictree_value *value))
{
	struct learned *learned = reading->learned;
	struct topictree_value value[TOPICTREE_PARAMS_MAX];
	struct topictree_node *end;
	size_t count;
	int rc;

	if (!is_learned(message))
		return 0;
	end = topictree_find(&learned->tree, message->topic, message->topic_len, value, &count);
	if (!end || !end->channel || ((struct observed *)end->channel)->param_count != count)
		return 0; /* it came after the first reading */
	rc = add(&learned->reader, end->channel, message, value);
	if (rc)
		return diag_nomem(reading->diag);
	return check_memory(reading, place);
}

static int read_shape(void *ctx, const struct traffic_message *message,
		      const struct traffic_place *place)
{
	return read_payload(ctx, message, place, observed_add);
}

static int read_walk(void *ctx, const struct traffic_message *message,
		     const struct traffic_place *place)
{
	return read_payload(ctx, message, place, observed_follow);
}

static int read_all(struct learn_reading *reading, struct traffic *const *recording, size_t count,
		    traffic_visit *visit, struct traffic_passed *total)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct traffic_passed passed;

		rc = traffic_read(recording[i], visit, reading, &passed, reading->diag);
		if (rc || !total)
			continue;
		total->refused += passed.refused;
		total->cut += passed.cut;
		total->is_torn |= passed.is_torn;
	}
	return rc;
}

/* ---- channels --------------------------------------------------------------------------- */

/* A topictree_each() visit: the end of topics becomes a channel, or is one that was given. */
static int make_channel(void *ctx, struct topictree_node *end)
{
	struct learn_reading *reading = ctx;
	struct learned *learned = reading->learned;
	struct observed *observed = end->channel;
	size_t params = 0;
	bool has_word = false;

	if (end->messages == 0)
		return 0;
	if (learned->channels == LEARNED_CHANNELS_MAX)
		return diag_set(reading->diag, ERR_LIMIT,
				"%s:%" PRIu64 ": topics have no pattern: more than %u different "
				"ones; expected levels that stay the same, or ids",
				end->first.name, end->first.line, LEARNED_CHANNELS_MAX);
	if (!observed)
		observed = arena_alloc(&learned->arena, sizeof(*observed));
	for (const struct topictree_node *node = end; node->up; node = node->up) {
		params += !node->text;
		has_word |= node->text && node->text[0];
	}
	if (!has_word)
		return diag_set(reading->diag, ERR_INVALID,
				"%s:%" PRIu64 ": topics have no pattern: every level of them "
				"varies; expected a level that stays the same",
				end->first.name, end->first.line);
	if (params > PARAM_LEVELS_MAX)
		return diag_set(reading->diag, ERR_LIMIT,
				"%s:%" PRIu64 ": a topic with more than %u levels that vary",
				end->first.name, end->first.line, PARAM_LEVELS_MAX);
	if (observed)
		observed->param = arena_take(&learned->arena, params + 1, sizeof(*observed->param));
	if (!observed || !observed->param)
		return diag_nomem(reading->diag);
	observed->end = end;
	observed->param_count = params;
	end->channel = observed;
	learned->channel[learned->channels++] = observed;
	return 0;
}

/* A name that no channel has yet. */
static const char *new_key(struct learned *learned, const char *address)
{
	char key[NAMING_MAX];
	struct texttable_entry *entry;
	size_t len;

	naming_key(address, key);
	len = strlen(key);
	for (unsigned i = 2;; i++) {
		entry = texttable_add(&learned->key, &learned->arena, &learned->scribe.hash, key,
				      strlen(key));
		if (!entry || entry->count++ == 0)
			return entry ? entry->text : NULL;
		(void)snprintf(key + len, sizeof(key) - len, "%u", i);
	}
}

static int name_channel(struct learned *learned, struct observed *observed, struct diag *diag)
{
	naming_address(&learned->maker, observed);
	if (!observed->given)
		observed->key = new_key(learned, observed->address);
	return observed->key ? 0 : diag_nomem(diag);
}

/* Nothing can be learned from payloads that are all binary, or from none. */
static int check_found(const struct learned *learned, struct diag *diag)
{
	uint64_t readable = 0;

	if (learned->channels == 0)
		return diag_set(diag, ERR_INVALID,
				"there is no message to learn from: expected some on topics that "
				"do not begin with $");
	for (size_t i = 0; i < learned->channels; i++)
		readable += learned->channel[i]->count - learned->channel[i]->binary;
	if (readable == 0)
		return diag_set(diag, ERR_INVALID,
				"%s:%" PRIu64 ": all %" PRIu64 " payloads are binary: nothing can "
				"be learned from them; expected JSON or text",
				learned->channel[0]->end->first.name,
				learned->channel[0]->end->first.line, learned->summary.messages);
	return 0;
}

static int settle(struct learned *learned, struct diag *diag)
{
	int rc = check_found(learned, diag);

	for (size_t i = 0; rc == 0 && i < learned->channels; i++) {
		rc = name_channel(learned, learned->channel[i], diag);
		if (rc == 0 && observed_settle(&learned->reader, learned->channel[i]))
			rc = diag_nomem(diag);
		learned->summary.broken += learned->channel[i]->broken;
	}
	return rc;
}

static bool needs_third(const struct learned *learned)
{
	for (size_t i = 0; i < learned->channels; i++)
		if (learned->channel[i]->kind_member || learned->channel[i]->walk.members > 0)
			return true;
	return false;
}

int learn_read(struct learned *learned, struct traffic *const *recording, size_t count,
	       struct diag *diag)
{
	struct learn_reading reading = { learned, diag };
	int rc = learned->given ? widen_channels(learned, diag) : 0;

	if (rc == 0)
		rc = read_all(&reading, recording, count, read_topic, &learned->summary.passed);
	if (rc == 0 && topictree_fold(&learned->tree))
		rc = diag_nomem(diag);
	if (rc == 0)
		rc = topictree_each(&learned->tree.root, make_channel, &reading);
	if (rc == 0)
		rc = read_all(&reading, recording, count, read_shape, NULL);
	if (rc == 0)
		rc = settle(learned, diag);
	if (rc == 0 && needs_third(learned))
		rc = read_all(&reading, recording, count, read_walk, NULL);
	for (size_t i = 0; rc == 0 && i < learned->channels; i++)
		observed_finish(learned->channel[i]);
	learned->summary.channels = learned->channels;
	return rc;
}

/* ---- the contract ------------------------------------------------------------------------ */

static struct draft *put_head(struct learned *learned)
{
	struct maker *maker = &learned->maker;
	struct draft *root = draft_object(&maker->drafts), *info;

	maker_text(maker, root, "asyncapi", "3.0.0");
	maker_note_above(maker, root, "asyncapi",
			 "Learned from %" PRIu64 " recorded messages. Counts stand beside what was "
			 "guessed from them.\n"
			 "To widen it: petstorectl init --learn RECORDING --out FOLDER, again.",
			 learned->summary.messages);
	info = maker_object(maker, root, "info");
	maker_text(maker, info, "title", "%s", learned->title);
	maker_text(maker, info, "version", "0.1.0");
	maker_text(maker, root, "x-perspective", "client");
	maker_note(maker, root, "x-perspective", "operations are those of the broker's users");
	maker_text(maker, root, "x-mode", "enforce");
	maker_note(maker, root, "x-mode",
		   "observe: what breaks the contract passes, and is reported");
	maker_text(maker, root, "x-unlisted", "refuse");
	maker_note(maker, root, "x-unlisted", "observe: so do topics that no channel has");
	return root;
}

static struct draft *make_contract(struct learned *learned)
{
	struct maker *maker = &learned->maker;
	struct draft *root = put_head(learned), *components = draft_object(&maker->drafts);
	const struct channelof_document document = {
		.channels = maker_object(maker, root, "channels"),
		.operations = maker_object(maker, root, "operations"),
		.machines = draft_object(&maker->drafts),
		.entities = draft_object(&maker->drafts),
	};

	for (size_t i = 0; i < learned->channels; i++) {
		channelof_add(maker, &document, learned->channel[i], learned->scheme[i]);
		if (learned->scheme[i])
			accounts_put_scheme(maker, components, learned->scheme[i]);
	}
	if (draft_count(document.machines) > 0) {
		maker_put(maker, root, "x-state-machines", document.machines);
		maker_put(maker, root, "x-entities", document.entities);
	}
	if (draft_count(components) > 0)
		maker_put(maker, root, "components", components);
	return root;
}

int learn_write(struct learned *learned, FILE *file, struct diag *diag)
{
	const struct configwrite_old old = { learned->given, learned->given_text,
					     learned->given_len };
	const struct config *tree = NULL;
	struct draft *root = NULL;
	int rc = accounts_schemes(learned);

	if (rc == 0)
		root = learned->given ? widen_contract(learned) : make_contract(learned);
	if (rc == 0)
		tree = draft_freeze(&learned->maker.drafts, root, &learned->arena, "contract");
	if (!tree)
		return learned->maker.drafts.rc == ERR_LIMIT
			       ? diag_set(diag, ERR_LIMIT, "the contract would be too large")
			       : diag_nomem(diag);
	rc = configwrite_yaml_notes(tree, learned->given ? &old : NULL, file);
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	return rc ? diag_set(diag, rc, "the contract could not be written") : 0;
}

/* ---- what was there ------------------------------------------------------------------------- */

int learn_give(struct learned *learned, const char *path, struct diag *diag)
{
	const struct config *version, *channels;
	int rc = wholefile_read(path, CONFIG_BYTES_MAX, &learned->given_text, &learned->given_len,
				NULL, diag);

	if (rc == 0)
		rc = config_parse(path, learned->given_text, learned->given_len, &learned->given,
				  diag);
	if (rc)
		return rc;
	version = config_member(learned->given, "asyncapi");
	channels = config_member(learned->given, "channels");
	if (!version || version->kind != CONFIG_STRING || strncmp(version->text, "3.", 2) != 0 ||
	    !channels || channels->kind != CONFIG_OBJECT)
		return diag_set(diag, ERR_VERSION,
				"%s: can't be widened: expected an AsyncAPI document of version 3 "
				"with channels",
				path);
	return 0;
}

int learn_write_access(struct learned *learned, FILE *file, struct diag *diag)
{
	struct drafts *drafts = &learned->maker.drafts;
	struct draft *root = accounts_access(learned);
	const struct config *tree =
		root ? draft_freeze(drafts, root, &learned->arena, "access") : NULL;

	if (!tree && drafts->rc)
		return diag_nomem(diag);
	if (!tree)
		return diag_set(diag, ERR_INVALID, "the recording names no publishers");
	return configwrite_json(tree, file)
		       ? diag_set(diag, ERR_IO, "the access file could not be written")
		       : 0;
}
