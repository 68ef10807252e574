/*
 * lint_examples.c -- the examples of messages (AsyncAPI 3.0, Message Example Object) that the
 * message's own schemas refuse.
 */
#include <jansson.h>

#include "base/config.h"
#include "ctl/lint.h"
#include "ctl/pairs.h"
#include "schema/jsontext.h"

/* One value of an example, and what it is held against. */
struct example_value {
	struct lint *lint;
	const struct config *example;
	const char *key; /* "payload" or "headers" */
	const struct schema *schema;
	unsigned types; /* of a text; 0: it is JSON */
};

static void add_contradiction(const struct example_value *sample, const char *at, const char *text)
{
	struct diag line;

	diag_init(&line);
	config_line(&line, sample->example, sample->key, "contradicts the schema: %s%s%s", at,
		    at[0] ? " " : "", text);
	lint_add(sample->lint, LINT_WARNING, "%s", line.text);
}

static void explain(const struct example_value *sample, const struct payload_value *value)
{
	enum schema_answer answer;
	struct schema_error error;

	if (schema_explain(sample->schema, value, &error, 1, &answer) > 0)
		add_contradiction(sample, error.instance, error.message);
}

static void check_json(const struct example_value *sample, const json_t *json)
{
	struct payload_parser *parser = NULL;
	const struct payload_value *value = NULL;
	struct diag why;

	diag_init(&why);
	if (jsontext_parse(json, NULL, NULL, &parser, &value, &why) == 0)
		explain(sample, value);
	else
		add_contradiction(sample, "", why.text);
	payload_parser_free(parser);
}

/* A string is the text of the message itself. */
static void check_text(const struct example_value *sample, const json_t *json)
{
	const struct payload_limits limits = { PAYLOAD_MAX_BYTES, PAYLOAD_MESSAGE_DEPTH };
	struct payload_parser *parser = NULL;
	const struct payload_value *value;
	struct payload_error error;

	if (payload_parser_new(&limits, &parser, NULL))
		return;
	value = payload_text(parser, json_string_value(json), json_string_length(json),
			     sample->types, &error);
	if (value)
		explain(sample, value);
	else
		add_contradiction(sample, "", error.text);
	payload_parser_free(parser);
}

static void check_sample(const struct example_value *sample)
{
	const struct config *at = config_member(sample->example, sample->key);
	json_t *json = at && sample->schema ? config_json(at) : NULL;

	if (json && sample->types && json_is_string(json))
		check_text(sample, json);
	else if (json)
		check_json(sample, json);
	json_decref(json);
}

/* Examples that were held against a schema, by both: pairs.h. Channels may share a message. */
struct checked {
	json_t *payloads, *headers;
};

static void check_message(struct lint *lint, const struct contract_message *message,
			  const struct rules_message *compiled, const struct checked *checked)
{
	const struct config *all = config_first(message->examples, CONFIG_ARRAY);
	struct example_value payload = {
		.lint = lint, .key = "payload", .schema = compiled->schema, .types = compiled->types
	};
	struct example_value headers = { .lint = lint,
					 .key = "headers",
					 .schema = compiled->headers };

	if (!all || pairs_seen(checked->payloads, all, payload.schema))
		payload.schema = NULL;
	if (!all || pairs_seen(checked->headers, all, headers.schema))
		headers.schema = NULL;
	config_foreach_item(each, message->examples) {
		payload.example = headers.example = each;
		check_sample(&payload);
		check_sample(&headers);
	}
}

void lint_examples(struct lint *lint, const struct rules *rules)
{
	const struct contract *contract = rules->contract;
	const struct checked checked = { json_object(), json_object() };

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			check_message(lint, &channel->message[m],
				      &rules->message[channel->message[m].index], &checked);
	}
	json_decref(checked.payloads);
	json_decref(checked.headers);
}
