#include "learn/channelof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/entity.h"
#include "learn/naming.h"
#include "learn/schemaof.h"

#define BYTES_MIN 1024
#define BYTES_MAX (16 << 20) /* of x-limits */
#define RATE_MIN 16
#define PATTERN_VALUES_MIN 2u
#define RETAIN_TIMES_MIN 2u /* messages, before always or never is believed */

/* ---- parameters ------------------------------------------------------------------------- */

/* A pattern for the text in which # stands for a number. */
static const char *pattern_alike(struct maker *maker, const char *alike)
{
	char text[TOPICTREE_ALIKE_MAX * 8];
	size_t used = (size_t)snprintf(text, sizeof(text), "^");

	for (; *alike; alike++) {
		if (*alike == '#')
			used += (size_t)snprintf(text + used, sizeof(text) - used, "[0-9]+");
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c",
						 strchr("\\^$.|?*+()[]{}/", *alike) ? "\\" : "",
						 *alike);
	}
	return maker_format(maker, "%s$", text);
}

const char *channelof_pattern(struct maker *maker, const struct observed_param *param)
{
	if (param->value.count < PATTERN_VALUES_MIN)
		return NULL;
	switch (param->look) {
	case TOPICTREE_NUMBERS:
		return "^[0-9]+$";
	case TOPICTREE_UUIDS:
		return "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
	case TOPICTREE_HEX:
		return "^(0x)?[0-9a-fA-F]{8,}$";
	case TOPICTREE_ALIKE:
		return pattern_alike(maker, param->alike);
	case TOPICTREE_ANY:
		break;
	}
	return NULL;
}

static void put_params(struct maker *maker, struct draft *channel, const struct observed *observed)
{
	struct draft *params;

	if (observed->param_count == 0)
		return;
	params = maker_object(maker, channel, "parameters");
	for (size_t i = 0; i < observed->param_count; i++) {
		const struct observed_param *param = &observed->param[i];
		const char *location = naming_location(param);
		const char *pattern = channelof_pattern(maker, param);
		struct draft *object = maker_object(maker, params, param->name);
		char count[MAKER_COUNT_MAX];

		maker_note(maker, params, param->name, "%s%s", param->has_many ? "more than " : "",
			   maker_count(count, param->value.count, "value"));
		if (location && observed->objects == observed->count &&
		    strlen(location) < NAMING_MAX / 2 && !strpbrk(location, "/~#% "))
			maker_text(maker, object, "location", "$message.payload#/%s", location);
		maker_note(maker, object, "location", "the same in all of %" PRIu64,
			   observed->objects);
		if (pattern)
			maker_text(maker, object, "x-pattern", "%s", pattern);
	}
}

const char *const *channelof_ids(struct maker *maker, const struct observed *observed)
{
	const char **ids = arena_take(maker->drafts.arena, observed->param_count + 1, sizeof(*ids));
	size_t count = 0;

	for (size_t i = 0; ids && i < observed->param_count; i++)
		if (naming_location(&observed->param[i]))
			ids[count++] = naming_location(&observed->param[i]);
	return ids;
}

/* ---- messages --------------------------------------------------------------------------- */

void channelof_kind(struct maker *maker, struct draft *messages, const struct observed *observed,
		    const char *name, const struct shape_seen *shape, const char *kind)
{
	const struct schemaof_hints hints = { .id = channelof_ids(maker, observed),
					      .kind = kind ? observed->kind_member : NULL,
					      .kind_value = kind };
	struct draft *message = maker_object(maker, messages, name);
	char count[MAKER_COUNT_MAX];

	maker_note(maker, messages, name, "%s", maker_count(count, shape->count, "message"));
	maker_text(maker, message, "contentType", "application/json");
	maker_put(maker, message, "payload", schemaof(maker, shape, &hints));
}

void channelof_text(struct maker *maker, struct draft *messages, const struct observed *observed,
		    bool beside_json)
{
	struct draft *message = maker_object(maker, messages, "text");
	char count[MAKER_COUNT_MAX];

	maker_note(maker, messages, "text", "%s",
		   maker_count(count, observed->text.count, "message"));
	maker_text(maker, message, "contentType", "text/plain");
	maker_put(maker, message, "payload", schemaof_text(maker, &observed->text, beside_json));
}

void channelof_binary(struct maker *maker, struct draft *messages, const struct observed *observed)
{
	struct draft *message = maker_object(maker, messages, "binary");
	char count[MAKER_COUNT_MAX];

	maker_note(maker, messages, "binary", "%s, of which only the size is known",
		   maker_count(count, observed->binary, "message"));
	maker_text(maker, message, "contentType", "application/octet-stream");
}

void channelof_empty(struct maker *maker, struct draft *messages, const struct observed *observed)
{
	char count[MAKER_COUNT_MAX];

	(void)maker_object(maker, messages, "empty");
	maker_note(maker, messages, "empty", "%s without payload",
		   maker_count(count, observed->empty, "message"));
}

/* A message's name out of a value, one that is not there yet. */
static const char *kind_name(struct maker *maker, struct draft *messages, const char *value)
{
	char name[NAMING_MAX];
	size_t len;

	naming_word(value, name);
	len = strlen(name);
	for (unsigned i = 2; draft_get(&maker->drafts, messages, name); i++)
		(void)snprintf(name + len, sizeof(name) - len, "%u", i);
	return maker_format(maker, "%s", name);
}

static void put_messages(struct maker *maker, struct draft *channel,
			 const struct observed *observed)
{
	struct draft *messages = maker_object(maker, channel, "messages");

	for (size_t i = 0; observed->kind_member && i < observed->kind.count; i++) {
		const struct texttable_entry *kind = observed->kind.entry[i];
		const char *name = kind_name(maker, messages, kind->text);

		if (name)
			channelof_kind(maker, messages, observed, name, kind->value, kind->text);
	}
	if (!observed->kind_member && observed->json.count > 0)
		channelof_kind(maker, messages, observed, observed->key, &observed->json, NULL);
	if (observed->text.count > 0)
		channelof_text(maker, messages, observed, observed->json.count > 0);
	if (observed->binary > 0)
		channelof_binary(maker, messages, observed);
	if (observed->empty > 0)
		channelof_empty(maker, messages, observed);
}

/* ---- the channel's own members ---------------------------------------------------------- */

int64_t channelof_bytes(const struct observed *observed)
{
	int64_t room = maker_room(observed->bytes, BYTES_MIN);

	return room < BYTES_MAX ? room : BYTES_MAX;
}

int64_t channelof_rate(const struct observed *observed)
{
	return observed->busiest > 0 ? maker_room(observed->busiest, RATE_MIN) : 0;
}

static void put_limits(struct maker *maker, struct draft *channel, const struct observed *observed)
{
	struct draft *limits = maker_object(maker, channel, "x-limits");

	maker_integer(maker, limits, "payloadBytes", channelof_bytes(observed));
	maker_note(maker, limits, "payloadBytes", "the largest has %zu", observed->bytes);
	if (observed->busiest == 0)
		return;
	maker_integer(maker, limits, "messagesPerSecond", channelof_rate(observed));
	maker_note(maker, limits, "messagesPerSecond",
		   "of each user; the busiest second had %" PRIu64 " of all", observed->busiest);
}

/* A word that a broker mostly publishes for a client that is gone. */
static bool has_offline(const struct observed *observed)
{
	static const char *const words[] = { "offline", "lost", "disconnected", "unavailable",
					     "down" };

	for (size_t i = 0; i < observed->text.value.count; i++)
		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			if (strcasecmp(words[k], observed->text.value.entry[i]->text) == 0)
				return true;
	return false;
}

static void put_will(struct maker *maker, struct draft *channel, const struct observed *observed)
{
	char count[MAKER_COUNT_MAX];

	if (observed->wills == 0 && !has_offline(observed))
		return;
	maker_text(maker, channel, "x-will", "allowed");
	if (observed->wills > 0)
		maker_note(maker, channel, "x-will", "%s",
			   maker_count(count, observed->wills, "last will"));
	else
		maker_note(maker, channel, "x-will",
			   "a guess: last wills say such words; a recording does not show them");
}

/* ---- operations ------------------------------------------------------------------------- */

static void put_binding(struct maker *maker, struct draft *operation,
			const struct observed *observed)
{
	struct draft *mqtt =
		maker_object(maker, maker_object(maker, operation, "bindings"), "mqtt");
	bool is_always = observed->retained == observed->count;

	maker_integer(maker, mqtt, "qos", observed->qos_low);
	maker_note(maker, mqtt, "qos", "the least; the highest is %u", observed->qos_high);
	if ((is_always || observed->retained == 0) && observed->count >= RETAIN_TIMES_MIN) {
		maker_put(maker, mqtt, "retain", draft_boolean(&maker->drafts, is_always));
		maker_note(maker, mqtt, "retain", "%s of %" PRIu64, is_always ? "all" : "none",
			   observed->count);
	} else {
		maker_note(maker, mqtt, "", "retained: %" PRIu64 " of %" PRIu64, observed->retained,
			   observed->count);
	}
}

static struct draft *put_operation(struct maker *maker, struct draft *operations,
				   const struct observed *observed, const char *action)
{
	char name[NAMING_MAX + 32];
	struct draft *operation;
	size_t len;

	(void)snprintf(name, sizeof(name), "%s%c%s", action,
		       observed->key[0] >= 'a' && observed->key[0] <= 'z'
			       ? observed->key[0] - 'a' + 'A'
			       : observed->key[0],
		       observed->key + 1);
	len = strlen(name);
	for (unsigned i = 2; draft_get(&maker->drafts, operations, name); i++)
		(void)snprintf(name + len, sizeof(name) - len, "%u", i); /* a given one */
	operation = maker_object(maker, operations, name);
	maker_text(maker, operation, "action", "%s", action);
	maker_put(maker, operation, "channel",
		  maker_reference(maker, "/channels/%s", observed->key));
	return operation;
}

static void put_operations(struct maker *maker, struct draft *operations,
			   const struct observed *observed, const char *scheme)
{
	struct draft *send = put_operation(maker, operations, observed, "send");
	struct draft *security;
	char count[MAKER_COUNT_MAX];

	if (scheme) {
		security = draft_array(&maker->drafts);
		draft_add(&maker->drafts, security,
			  maker_reference(maker, "/components/securitySchemes/%s", scheme));
		maker_put(maker, send, "security", security);
		maker_note(maker, send, "security", "%s",
			   maker_count(count, observed->publisher.count, "publisher"));
	} else {
		maker_note(maker, send, "action", "who publishes is not recorded: every user may");
	}
	put_binding(maker, send, observed);
	maker_note(maker, put_operation(maker, operations, observed, "receive"), "action",
		   "who receives is not recorded: every user may");
}

/* ---- statuses --------------------------------------------------------------------------- */

static void add_step(struct maker *maker, struct draft *list, const char *to)
{
	draft_add(&maker->drafts, list, draft_string(&maker->drafts, to));
}

static void put_machine(struct maker *maker, struct draft *machines, const char *name,
			const struct statuswalk_member *member)
{
	struct draft *machine = maker_object(maker, machines, name), *next;
	struct draft *first = draft_array(&maker->drafts);

	maker_note(maker, machines, name, "%" PRIu64 " steps of %zu ids", member->steps,
		   member->walkers);
	for (size_t i = 0; i < member->values; i++)
		if (member->first[i] > 0)
			add_step(maker, first, member->value[i]);
	maker_put(maker, machine, "first", first);
	maker_note(maker, machine, "first", "also where the recording began in the middle");
	next = maker_object(maker, machine, "next");
	for (size_t from = 0; from < member->values; from++) {
		struct draft *list = draft_array(&maker->drafts);
		uint64_t steps = 0;

		for (size_t to = 0; to < member->values; to++) {
			steps += member->step[from][to];
			if (member->step[from][to] > 0)
				add_step(maker, list, member->value[to]);
		}
		maker_put(maker, next, member->value[from], list);
		maker_note(maker, next, member->value[from], "%" PRIu64 " steps", steps);
	}
}

static void put_entity(struct maker *maker, const struct channelof_document *document,
		       struct draft *channel, const struct observed *observed,
		       const struct statuswalk_member *member)
{
	struct draft *entity = maker_object(maker, document->entities, observed->key);
	struct draft *mapping = maker_object(maker, channel, "x-entity"), *column;
	char table[NAMING_MAX];

	naming_table(observed->key, table);
	put_machine(maker, document->machines, observed->key, member);
	maker_text(maker, entity, "table", "%s", table);
	column = maker_object(maker, maker_object(maker, entity, "columns"), "status");
	maker_text(maker, column, "stateMachine", "%s", observed->key);
	maker_text(maker, mapping, "entity", "%s", observed->key);
	maker_text(maker, mapping, "id", "%s", observed->param[0].name);
	maker_text(maker, maker_object(maker, mapping, "columns"), "status", "/%s", member->name);
}

static void put_status(struct maker *maker, const struct channelof_document *document,
		       struct draft *channel, const struct observed *observed)
{
	const struct statuswalk_member *member = statuswalk_status(&observed->walk);

	if (member && !strpbrk(member->name, "/~") &&
	    !draft_get(&maker->drafts, document->machines, observed->key) &&
	    !draft_get(&maker->drafts, document->entities, observed->key) &&
	    observed->param[0].longest <= ENTITY_ID_MAX) {
		put_entity(maker, document, channel, observed, member);
		return;
	}
	member = statuswalk_best(&observed->walk);
	if (member)
		maker_note_above(maker, document->channels, observed->key,
				 "%s changes: %" PRIu64 " steps of %zu ids, too few or too many "
				 "different ones for x-state-machines.",
				 member->name, member->steps, member->walkers);
}

void channelof_add(struct maker *maker, const struct channelof_document *document,
		   const struct observed *observed, const char *scheme)
{
	struct draft *channel = maker_object(maker, document->channels, observed->key);
	char count[MAKER_COUNT_MAX];

	maker_note(maker, document->channels, observed->key, "%s",
		   maker_count(count, observed->count, "message"));
	maker_put(maker, channel, "address", draft_string(&maker->drafts, observed->address));
	put_params(maker, channel, observed);
	put_messages(maker, channel, observed);
	put_will(maker, channel, observed);
	put_limits(maker, channel, observed);
	put_status(maker, document, channel, observed);
	put_operations(maker, document->operations, observed, scheme);
}
