/*
 * lint_contract.c -- what a contract may have but probably should not: state machines that nothing
 * uses, channels that no client may use, schemas that accept a misspelt member.
 */
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "ctl/deref.h"
#include "base/commands.h"
#include "ctl/lint.h"
#include "ctl/pairs.h"

#define OPEN_NAMED 5u  /* objects of a payload that a line names */
#define DEPTH_MAX 600u /* of a schema without references: references and levels */

/* ---- state machines ---------------------------------------------------------------------- */

static const char *step_to(const json_t *step)
{
	return json_string_value(json_is_object(step) ? json_object_get(step, "to") : step);
}

/* Adds what @steps lead to; true where that is new. */
static bool add_steps(const json_t *steps, json_t *reached)
{
	bool is_more = false;
	const json_t *step;
	size_t i;

	json_array_foreach(steps, i, step) {
		const char *to = step_to(step);

		if (!to || json_object_get(reached, to))
			continue;
		(void)json_object_set_new(reached, to, json_true());
		is_more = true;
	}
	return is_more;
}

/* Whoever may correct reaches each of them. */
static void check_statuses(struct lint *lint, const struct config *at, const json_t *machine)
{
	json_t *next = json_object_get(machine, "next");
	json_t *reached = json_object();
	bool is_more = add_steps(json_object_get(machine, "first"), reached);
	const char *status;
	json_t *steps;

	while (is_more) {
		is_more = false;
		json_object_foreach(next, status, steps) {
			if (json_object_get(reached, status))
				is_more = add_steps(steps, reached) || is_more;
		}
	}
	json_object_foreach(next, status, steps) {
		if (!json_object_get(reached, status))
			lint_add_at(lint, LINT_WARNING,
				    config_member(config_member(at, "next"), status),
				    "no steps lead to it from \"first\"");
	}
	json_decref(reached);
}

/* Is a column of some entity under the machine? */
static bool is_used(json_t *entities, const char *machine)
{
	const char *key;
	json_t *entity;

	json_object_foreach(entities, key, entity) {
		const char *column_name;
		json_t *column;

		json_object_foreach(json_object_get(entity, "columns"), column_name, column) {
			const char *name =
				json_string_value(json_object_get(column, "stateMachine"));

			if (name && strcmp(name, machine) == 0)
				return true;
		}
	}
	return false;
}

/* A misspelt name is legal there, and silent. */
static void check_machines(struct lint *lint, struct sources_file *file)
{
	const struct config *root = file->original;
	const struct config *all = config_member(root, "x-state-machines");
	const struct config *columns = config_member(root, "x-entities");
	json_t *machines = all ? config_json(all) : NULL;
	json_t *entities = columns ? config_json(columns) : NULL;
	const char *name;
	json_t *machine;

	json_object_foreach(machines, name, machine) {
		const struct config *at = config_member(all, name);

		if (!is_used(entities, name))
			lint_add_at(lint, LINT_WARNING, at,
				    "no column of x-entities has it as \"stateMachine\"");
		if (!json_object_get(machine, "correct"))
			check_statuses(lint, at, machine);
	}
	json_decref(machines);
	json_decref(entities);
}

/* ---- channels ---------------------------------------------------------------------------- */

static bool begins(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

/* The groups of rules that are in @mode on the channel, in one line. */
static void add_modes(struct lint *lint, const struct config *at,
		      const struct contract_channel *channel, enum contract_mode mode,
		      const char *what)
{
	char groups[128] = "";

	for (int g = 0; g < CONTRACT_GROUPS; g++)
		if (channel->mode[g] == mode)
			(void)snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups),
				       "%s%s", groups[0] ? ", " : "",
				       contract_group_name((enum contract_group)g));
	if (groups[0])
		lint_add_at(lint, LINT_WARNING, at, "x-mode: %s: %s", groups, what);
}

/* Does the plugin publish there, or would it? */
static bool is_published(const struct contract *contract, const struct contract_channel *channel)
{
	for (size_t i = 0; i < contract->dead_letter_count; i++)
		if (contract->dead_letter[i] == channel)
			return true;
	return begins(channel->address, CONTRACT_NOTICES "/") ||
	       begins(channel->address, CONTRACT_ALERTS "/");
}

static void check_channel(struct lint *lint, const struct contract *contract,
			  const struct contract_channel *channel)
{
	const struct config *at = contract_channel_at(contract, channel);

	if (channel->address[0] == '$')
		return; /* the broker's, or a plugin's: one direction, any bytes */
	if (channel->send_count == 0 && channel->receive_count == 0)
		lint_add_at(lint, LINT_WARNING, at,
			    "no operation reaches it: nobody may publish or receive there");
	else if (channel->receive_count == 0)
		lint_add_at(lint, LINT_WARNING, at, "has no receive operation: nobody receives it");
	else if (channel->send_count == 0 && !is_published(contract, channel))
		lint_add_at(lint, LINT_WARNING, at,
			    "has no send operation: nobody publishes there");
	add_modes(lint, at, channel, CONTRACT_OBSERVE, "only observed");
	add_modes(lint, at, channel, CONTRACT_OFF, "not looked at");
}

/* What is meant for the plugin's own messages and is not theirs, and commands that are anyone's. */
static void check_own_topic(struct lint *lint, const struct contract *contract,
			    const struct contract_channel *channel)
{
	const struct config *at = contract_channel_at(contract, channel);
	bool is_notice = begins(channel->address, CONTRACT_NOTICES "/");
	bool is_alert = begins(channel->address, CONTRACT_ALERTS "/");
	const struct config *address = config_member(at, "address");

	if ((is_notice && !contract->notices) || (is_alert && !contract->alerts))
		lint_add_at(lint, LINT_WARNING, address ? address : at,
			    "nothing is published here; for %s expected %s, a receive operation "
			    "and no send operation",
			    is_notice ? "notices" : "alerts",
			    is_notice ? CONTRACT_NOTICES "/{principal}/{clientId}"
				      : CONTRACT_ALERTS "/{kind}");
	if (begins(channel->address, "$CONTROL/") &&
	    strcmp(channel->address, COMMANDS_TOPIC) != 0 && channel->send_count > 0 &&
	    channel->send->party == CONTRACT_ANYBODY && channel->send->alternative_count == 0)
		lint_add_at(lint, LINT_WARNING, at,
			    "every client may give commands; expected \"security\"");
}

static bool asks_nothing(const struct contract_operation *operation, size_t count,
			 unsigned application)
{
	for (size_t i = 0; i < count; i++)
		if (operation[i].application == application && operation[i].alternative_count > 0)
			return false;
	return true;
}

/* Is there an operation for anybody, and none of the application's that asks for anything? */
static void check_security(struct lint *lint, const struct contract *contract, unsigned application)
{
	const struct config *root = contract->sources.file[application]->root;

	if (!contract->application[application].is_client)
		return; /* grants decide */
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (!asks_nothing(channel->send, channel->send_count, application) ||
		    !asks_nothing(channel->receive, channel->receive_count, application))
			return;
	}
	if (contract->application[application].operation_count > 0)
		lint_add_at(lint, LINT_WARNING, config_member(root, "operations"),
			    "none has \"security\": every client that may log in may publish and "
			    "receive everything");
}

/* Nobody notices a mistyped topic then: who asks for a scope says from whom that is accepted. */
static void check_unlisted(struct lint *lint, const struct contract *contract)
{
	const struct contract_unlisted *unlisted = &contract->unlisted;
	const struct config *root = contract->sources.file[0]->root;
	const struct config *at = config_member(root, "x-unlisted");

	if (unlisted->mode == CONTRACT_UNLISTED_PASS && unlisted->send.needs_entry)
		lint_add_at(lint, LINT_WARNING, at ? at : root,
			    "x-unlisted passes topics that no channel has, mistyped ones too, of "
			    "every user: expected scopes, as in { \"mode\": \"pass\", \"send\": "
			    "[\"write:other\"], \"receive\": [\"read:other\"] }");
}

void lint_contract(struct lint *lint, const struct contract *contract)
{
	check_unlisted(lint, contract);
	for (unsigned i = 0; i < contract->application_count; i++) {
		check_machines(lint, contract->sources.file[i]);
		check_security(lint, contract, i);
	}
	for (size_t i = 0; i < contract->channel_count; i++) {
		check_channel(lint, contract, &contract->channel[i]);
		lint_messages(lint, contract, &contract->channel[i]);
		check_own_topic(lint, contract, &contract->channel[i]);
	}
}

/* ---- payloads that take members which their schema does not name --------------------------- */

/* Can the value be no object at all? */
static bool excludes_objects(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");

	if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
		return true; /* one by one */
	if (json_is_array(type))
		return !lint_lists(type, "object");
	return type && strcmp(json_string_value(type), "object") != 0;
}

/* A schema that is walked over; what stands in several places of it is looked at once. */
struct survey {
	struct lint *lint;
	const struct config *at; /* the channel */
	json_t *closed;          /* by schema, see pairs.h */
	json_t *walked;
	size_t open_count; /* objects that take any member; the first OPEN_NAMED of them */
	bool is_root_open;
	char places[DIAG_MAX / 3];
};

static bool is_closed(struct survey *survey, const json_t *schema);

static bool are_closed(struct survey *survey, const json_t *list, bool is_one_enough)
{
	size_t closed = 0, count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
		closed += is_closed(survey, json_array_get(list, i));
	return is_one_enough ? closed > 0 : count > 0 && closed == count;
}

static bool is_closed_at_all(struct survey *survey, const json_t *schema)
{
	const json_t *additional = json_object_get(schema, "additionalProperties");

	return excludes_objects(schema) || json_object_get(schema, "$ref") || /* a circle */
	       json_is_false(additional) || json_is_object(additional) ||
	       json_is_false(json_object_get(schema, "unevaluatedProperties")) ||
	       are_closed(survey, json_object_get(schema, "allOf"), true) ||
	       are_closed(survey, json_object_get(schema, "anyOf"), false) ||
	       are_closed(survey, json_object_get(schema, "oneOf"), false);
}

/* Does it take only members that it says something of? */
static bool is_closed(struct survey *survey, const json_t *schema)
{
	const json_t *known = pairs_get(survey->closed, schema, NULL);
	bool ret;

	if (!json_is_object(schema))
		return json_is_false(schema);
	if (known)
		return json_is_true(known);
	ret = is_closed_at_all(survey, schema);
	pairs_put(survey->closed, schema, NULL, json_boolean(ret));
	return ret;
}

static void walk_schema(struct survey *survey, const json_t *schema, const struct config *path,
			unsigned depth);

/* What stands below @schema, of which allOf and the like are parts. */
static void walk_members(struct survey *survey, const json_t *schema, const struct config *path,
			 unsigned depth)
{
	static const char *const parts[] = { "allOf", "anyOf", "oneOf", "then", "else" };
	const json_t *items = json_object_get(schema, "items");
	struct config at = { .up = path, .key = "*" };
	json_t *value;

	if (depth == 0 || !json_is_object(schema) || pairs_seen(survey->walked, schema, NULL))
		return;
	json_object_foreach(json_object_get(schema, "properties"), at.key, value)
		walk_schema(survey, value, &at, depth - 1);
	at.key = "*";
	if (items && !json_is_array(items))
		walk_schema(survey, items, &at, depth - 1);
	for (size_t i = 0; i < json_array_size(items); i++) /* of draft 07 and older */
		walk_schema(survey, json_array_get(items, i), &at, depth - 1);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *part = json_object_get(schema, parts[i]);

		walk_members(survey, part, path, depth - 1); /* then, else */
		for (size_t k = 0; k < json_array_size(part); k++)
			walk_members(survey, json_array_get(part, k), path, depth - 1);
	}
}

/* Notes an open object; the payload itself is the empty pointer. */
static void add_open(struct survey *survey, const struct config *path)
{
	char pointer[DIAG_MAX / 4];
	size_t used = strlen(survey->places);

	(void)config_pointer(path, NULL, pointer, sizeof(pointer));
	survey->is_root_open |= !pointer[0];
	if (survey->open_count++ < OPEN_NAMED)
		(void)snprintf(survey->places + used, sizeof(survey->places) - used, "%s%s",
			       used ? ", " : "", pointer[0] ? pointer : "itself");
}

/* One line for all of a message. */
static void say_open(const struct survey *survey)
{
	char where[DIAG_MAX / 2] = "";

	if (survey->open_count > 1)
		(void)snprintf(where, sizeof(where), " in %zu places (%s%s)", survey->open_count,
			       survey->places, survey->open_count > OPEN_NAMED ? ", ..." : "");
	else if (!survey->is_root_open)
		(void)snprintf(where, sizeof(where), " at %s", survey->places);
	if (survey->open_count > 0)
		lint_add_at(survey->lint, LINT_WARNING, survey->at,
			    "the payload%s takes members that it does not name (a misspelt one "
			    "passes): set additionalProperties or unevaluatedProperties to false",
			    where);
}

static void walk_schema(struct survey *survey, const json_t *schema, const struct config *path,
			unsigned depth)
{
	if (!is_closed(survey, schema))
		add_open(survey, path);
	walk_members(survey, schema, path, depth);
}

static void check_schema(struct lint *lint, const struct contract *contract,
			 const struct contract_channel *channel,
			 const struct contract_message *message)
{
	const struct config root = { .up = NULL };
	struct survey survey = { .lint = lint,
				 .at = channel->message_count > 1
					       ? message->at
					       : contract_channel_at(contract, channel),
				 .closed = json_object(),
				 .walked = json_object() };
	struct deref_result result;
	json_t *schema = deref_schema(contract, message->schema_uri, true, &result);

	if (result.extent == DEREF_STOPPED)
		lint_add_at(lint, LINT_WARNING, survey.at,
			    "the payload's schema refers to itself in too many ways to be looked "
			    "at (more than %u parts): whether it is closed is not known",
			    DEREF_MAX);
	else
		walk_schema(&survey, schema, &root, DEPTH_MAX);
	say_open(&survey);
	json_decref(survey.closed);
	json_decref(survey.walked);
	json_decref(schema);
}

void lint_schemas(struct lint *lint, const struct contract *contract)
{
	json_t *seen = json_object(); /* what several messages share is looked at once */

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		for (size_t m = 0; m < channel->message_count && channel->send_count > 0; m++) {
			const char *uri = channel->message[m].schema_uri;

			if (!uri || json_object_get(seen, uri))
				continue;
			(void)json_object_set_new(seen, uri, json_true());
			check_schema(lint, contract, channel, &channel->message[m]);
		}
	}
	json_decref(seen);
}
