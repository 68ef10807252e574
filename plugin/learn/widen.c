#include "learn/widen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "learn/accounts.h"
#include "learn/channelof.h"
#include "learn/learned.h"
#include "learn/naming.h"
#include "learn/widen_messages.h"
#include "learn/widen_schema.h"
#include "learn/widen_status.h"
#include "schema/pattern.h"

/* ---- what the given contract says ---------------------------------------------------------- */

static int give_channel(struct learned *learned, const struct config *channel)
{
	const char *address = widen_text(channel, "address"), *machine;
	struct observed *observed = arena_alloc(&learned->arena, sizeof(*observed));
	struct texttable_entry *key =
		texttable_add(&learned->key, &learned->arena, &learned->scribe.hash, channel->key,
			      strlen(channel->key));
	struct topictree_node *end;

	if (!observed || !key)
		return ERR_NOMEM;
	key->count++;
	end = address ? topictree_give(&learned->tree, address) : NULL;
	if (!end || end->channel)
		return 0; /* what no level is, or another channel has */
	observed->given = channel;
	observed->key = channel->key;
	observed->kind_member = widen_kind_member(config_member(channel, "messages"));
	observed->status = widen_status_member(learned->given, channel, &machine);
	end->channel = observed;
	return 0;
}

int widen_channels(struct learned *learned, struct diag *diag)
{
	config_foreach_member(channel, config_member(learned->given, "channels"))
		if (give_channel(learned, channel))
			return diag_nomem(diag);
	return 0;
}

/* ---- parameters ---------------------------------------------------------------------------- */

/* Do all values that were seen have a match for @text? */
static bool have_match(const struct observed_param *param, const char *text)
{
	struct pattern *pattern = NULL;
	struct diag ignored;
	bool do_all = !param->has_many;

	if (pattern_compile(text, strlen(text), &pattern, &ignored))
		return false;
	for (size_t i = 0; do_all && i < param->value.count; i++) {
		int64_t work = PATTERN_MAX_WORK;

		do_all = pattern_search(pattern, param->value.entry[i]->text,
					param->value.entry[i]->len, &work) == PATTERN_YES;
	}
	pattern_free(pattern);
	return do_all;
}

static void widen_values(struct maker *maker, struct draft *object, const struct config *old,
			 const struct observed_param *param)
{
	const struct config *list = config_member(old, "enum");
	struct draft *made = draft_alias(&maker->drafts, list);
	size_t added = 0;

	if (!list)
		return;
	if (param->has_many) {
		draft_remove(&maker->drafts, object, "enum");
		widen_note(maker, object, "", "values are many");
		return;
	}
	for (size_t i = 0; i < param->value.count; i++) {
		bool is_there = false;

		config_foreach_item(item, list)
			is_there |= config_is(item, param->value.entry[i]->text);
		if (is_there)
			continue;
		draft_add(&maker->drafts, made,
			  draft_string(&maker->drafts, param->value.entry[i]->text));
		added++;
	}
	if (added > 0) {
		maker_put(maker, object, "enum", made);
		widen_note(maker, object, "enum", "%zu values more", added);
	}
}

static void widen_location(struct maker *maker, struct draft *object, const struct config *old,
			   const struct observed *observed, const struct observed_param *param)
{
	static const char head[] = "$message.payload#/";
	const char *location = widen_text(old, "location");

	if (!location || observed->objects == 0 || strncmp(location, head, strlen(head)) != 0 ||
	    strpbrk(location + strlen(head), "/~%"))
		return;
	for (size_t i = 0; i < param->locations; i++)
		if (strcmp(param->location[i], location + strlen(head)) == 0)
			return;
	draft_remove(&maker->drafts, object, "location");
	widen_note(maker, object, "", "%s is not always the same", location + strlen(head));
}

static void widen_params(struct maker *maker, struct draft *channel,
			 const struct observed *observed)
{
	const struct config *params = config_member(observed->given, "parameters");
	struct draft *made = draft_get(&maker->drafts, channel, "parameters");

	for (size_t i = 0; i < observed->param_count; i++) {
		const struct observed_param *param = &observed->param[i];
		const struct config *old = config_member(params, param->name);
		const char *pattern = widen_text(old, "x-pattern");
		struct draft *object = draft_get(&maker->drafts, made, param->name);

		if (!old || config_member(old, "$ref"))
			continue;
		if (pattern && !have_match(param, pattern)) {
			draft_remove(&maker->drafts, object, "x-pattern");
			widen_note(maker, object, "", "values do not have the pattern %s", pattern);
		}
		widen_values(maker, object, old, param);
		widen_location(maker, object, old, observed, param);
	}
}

/* ---- limits, last wills, operations --------------------------------------------------------- */

static void widen_limit(struct maker *maker, struct draft *limits, const struct config *old,
			const char *name, int64_t seen, int64_t room)
{
	const struct config *limit = config_member(old, name);

	if (!limit || limit->kind != CONFIG_INTEGER || limit->integer >= seen)
		return;
	maker_integer(maker, limits, name, room);
	widen_note(maker, limits, name, "%" PRId64 " were seen", seen);
}

static void widen_limits(struct maker *maker, struct draft *channel,
			 const struct observed *observed)
{
	const struct config *old = config_member(observed->given, "x-limits");
	struct draft *limits = draft_get(&maker->drafts, channel, "x-limits");

	widen_limit(maker, limits, old, "payloadBytes", (int64_t)observed->bytes,
		    channelof_bytes(observed));
	widen_limit(maker, limits, old, "messagesPerSecond", (int64_t)observed->busiest,
		    channelof_rate(observed));
	if (observed->wills > 0 &&
	    !config_is(config_member(observed->given, "x-will"), "allowed")) {
		maker_text(maker, channel, "x-will", "allowed");
		widen_note(maker, channel, "x-will", "%" PRIu64 " last wills", observed->wills);
	}
}

static void widen_binding(struct maker *maker, struct draft *mqtt, const struct config *old,
			  const struct observed *observed)
{
	const struct config *qos = config_member(old, "qos"),
			    *retain = config_member(old, "retain");

	if (qos && qos->kind == CONFIG_INTEGER && qos->integer > observed->qos_low) {
		maker_integer(maker, mqtt, "qos", observed->qos_low);
		widen_note(maker, mqtt, "qos", "%u was seen", observed->qos_low);
	}
	if (!retain || retain->kind != CONFIG_BOOLEAN ||
	    observed->retained == (retain->boolean ? observed->count : 0))
		return;
	draft_remove(&maker->drafts, mqtt, "retain");
	widen_note(maker, mqtt, "", "retained or not: %" PRIu64 " of %" PRIu64 " are",
		   observed->retained, observed->count);
}

/* Of a document that its application wrote, what that receives is what others publish. */
static void widen_operations(struct maker *maker, struct draft *operations,
			     const struct config *old, const struct observed *observed,
			     bool is_client)
{
	char reference[NAMING_MAX * 2];

	(void)snprintf(reference, sizeof(reference), "#/channels/%s", observed->key);
	config_foreach_member(operation, old) {
		const struct config *bindings = config_member(operation, "bindings");
		struct draft *made = draft_get(&maker->drafts, operations, operation->key);

		if ((is_client && !config_is(config_member(operation, "action"), "send")) ||
		    !config_is(config_member(config_member(operation, "channel"), "$ref"),
			       reference) ||
		    !config_member(bindings, "mqtt"))
			continue;
		made = draft_get(&maker->drafts, made, "bindings");
		widen_binding(maker, draft_get(&maker->drafts, made, "mqtt"),
			      config_member(bindings, "mqtt"), observed);
	}
}

/* ---- the contract -------------------------------------------------------------------------- */

static void widen_channel(struct learned *learned, struct draft *root,
			  const struct observed *observed)
{
	struct maker *maker = &learned->maker;
	struct draft *channel = draft_get(
		&maker->drafts, draft_get(&maker->drafts, root, "channels"), observed->key);

	widen_params(maker, channel, observed);
	widen_messages(learned, draft_get(&maker->drafts, channel, "messages"), observed);
	widen_limits(maker, channel, observed);
	widen_operations(maker, draft_get(&maker->drafts, root, "operations"),
			 config_member(learned->given, "operations"), observed,
			 config_is(config_member(learned->given, "x-perspective"), "client"));
	widen_machine(learned, root, observed);
}

struct draft *widen_contract(struct learned *learned)
{
	struct maker *maker = &learned->maker;
	struct draft *root = draft_alias(&maker->drafts, learned->given), *components;
	const struct channelof_document document = {
		.channels = maker_member(maker, root, "channels"),
		.operations = maker_member(maker, root, "operations"),
		.machines = maker_member(maker, root, "x-state-machines"),
		.entities = maker_member(maker, root, "x-entities"),
	};

	for (size_t i = 0; i < learned->channels; i++) {
		const struct observed *observed = learned->channel[i];

		if (observed->given) {
			widen_channel(learned, root, observed);
			continue;
		}
		channelof_add(maker, &document, observed, learned->scheme[i]);
		maker->changes++;
		components = learned->scheme[i] ? maker_member(maker, root, "components") : NULL;
		if (components)
			accounts_put_scheme(maker, components, learned->scheme[i]);
	}
	if (maker->changes > 0)
		maker_note_above(maker, root, "asyncapi",
				 "Widened by %" PRIu64 " messages more, in %u places.",
				 learned->summary.messages, maker->changes);
	if (draft_count(document.machines) == 0)
		draft_remove(&maker->drafts, root, "x-state-machines");
	if (draft_count(document.entities) == 0)
		draft_remove(&maker->drafts, root, "x-entities");
	return root;
}
