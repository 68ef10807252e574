/* rules_channels.c -- the patterns of topics, and what channels and messages ask for once all is
 * compiled. */
#include <stdlib.h>
#include <string.h>

#include "gate/rules_internal.h"

/* What a message must have, and that 2.0 shows it of no last will. */
static void settle_message(struct rules *rules, const struct contract_channel *channel,
			   const struct contract_message *message,
			   const struct payload_value *nothing)
{
	const struct contract_properties *its = message->properties;
	struct rules_message *ret = &rules->parts->message[message->index];
	bool is_event = message->is_cloudevents && ret->schema;
	struct diag text;

	if (!its)
		return;
	ret->needs_headers = ret->headers && schema_check(ret->headers, nothing) != SCHEMA_VALID;
	ret->needs_properties = ret->needs_headers || is_event || its->correlation_header ||
				its->correlation_pointer;
	rules->has_events |= is_event;
	rules->has_property_schemas |= ret->headers || ret->correlation || ret->response_topic;
	rules->has_property_rules |= rules->has_property_schemas || ret->needs_properties;
	if (!channel->is_will_allowed || !(ret->needs_headers || its->correlation_header))
		return;
	diag_init(&text);
	config_line(&text, contract_channel_at(rules->contract, channel), "x-will",
		    "message \"%s\" needs user properties: Mosquitto 2.0 shows none of a last "
		    "will, and there one is refused (will-forbidden)",
		    message->name);
	rules_add_warning(rules, text.text);
}

/* Warns of parameters whose location no valid message of this kind has: each one is refused. */
static void warn_of_locations(struct rules *rules, const struct contract_channel *channel,
			      const struct contract_message *message)
{
	const unsigned comparable = PAYLOAD_TYPE_STRING | PAYLOAD_TYPE_BOOLEAN |
				    PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER;
	const struct schema *schema = rules->message[message->index].schema;
	int64_t work = PATTERN_MAX_WORK;

	if (!schema || channel->send_count == 0 || message->is_cloudevents)
		return;
	for (size_t i = 0; i < channel->param_count; i++) {
		const struct contract_param *param = &channel->param[i];
		struct diag text;

		if (!param->location ||
		    schema_types_at(schema, param->location, &work) & comparable)
			continue;
		diag_init(&text);
		config_line(&text, param->at, "location",
			    "the schema of message \"%s\" allows no text, number or boolean there: "
			    "each such message is refused (id-mismatch)",
			    message->name);
		rules_add_warning(rules, text.text);
	}
}

/* Looks which messages need properties (their headers' schema refuses {}), and what none can have.
 */
static int settle_messages(struct rules *rules, struct diag *diag)
{
	const struct payload_limits limits = { .max_bytes = 2, .max_depth = 1 };
	struct payload_parser *parser = NULL;
	struct payload_error ignored;
	const struct payload_value *nothing;
	int rc = payload_parser_new(&limits, &parser, diag);

	if (rc)
		return rc;
	nothing = payload_parse(parser, "{}", 2, &ignored);
	for (size_t i = 0; nothing && i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++) {
			settle_message(rules, channel, &channel->message[m], nothing);
			warn_of_locations(rules, channel, &channel->message[m]);
		}
	}
	payload_parser_free(parser);
	return nothing ? 0 : diag_nomem(diag);
}

/* The values of "default" and "examples" that the pattern would refuse. */
static void warn_of_samples(struct rules *rules, const struct contract_param *param,
			    const struct pattern *pattern)
{
	int64_t work = PATTERN_MAX_WORK;

	for (size_t i = 0; i < param->sample_count; i++) {
		const char *sample = param->sample[i];
		struct diag text;

		if (pattern_search(pattern, sample, strlen(sample), &work) != PATTERN_NO)
			continue;
		diag_init(&text);
		config_line(&text, param->at, "x-pattern",
			    "\"%s\", of default or examples, does not match it", sample);
		rules_add_warning(rules, text.text);
	}
}

/* Compiles the pattern of a topic's parameter. */
static int compile_pattern(struct rules *rules, const struct contract_param *param,
			   struct pattern **ret, struct diag *diag)
{
	struct diag fault, text;
	int rc;

	diag_init(&fault);
	diag_init(&text);
	rc = pattern_compile(param->pattern, strlen(param->pattern), ret, &fault);
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	if (rc == 0)
		warn_of_samples(rules, param, *ret);
	if (rc == 0 && pattern_is_linear(*ret))
		return 0;
	config_line(&text, param->at, "x-pattern", "%s",
		    rc ? fault.text
		       : "the pattern looks around or refers back: an id that takes too long to "
			 "match is refused (schema-limit)");
	if (rc)
		return diag_set(diag, rc, "%s", text.text);
	rules_add_warning(rules, text.text);
	return 0;
}

/* The patterns of @param, the channel's parameters or an operation's, into *ret. */
static int compile_patterns(struct rules *rules, const struct contract_channel *channel,
			    const struct contract_param *param, struct pattern ***ret,
			    struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; i < channel->param_count && rc == 0; i++) {
		if (!param[i].pattern)
			continue;
		if (!*ret)
			*ret = calloc(channel->param_count, sizeof(**ret));
		rc = *ret ? compile_pattern(rules, &param[i], &(*ret)[i], diag) : diag_nomem(diag);
	}
	return rc;
}

static int compile_own_patterns(struct rules *rules, const struct contract_channel *channel,
				struct diag *diag)
{
	struct pattern ****ret = &rules->parts->channel[channel->index].own_pattern;
	int rc = 0;

	if (!channel->has_own_params)
		return 0;
	*ret = calloc(channel->send_count, sizeof(**ret));
	if (!*ret)
		return diag_nomem(diag);
	for (size_t i = 0; i < channel->send_count && rc == 0; i++)
		if (channel->send[i].param)
			rc = compile_patterns(rules, channel, channel->send[i].param, &(*ret)[i],
					      diag);
	return rc;
}

/* Warns of more time members than are excluded when messages are compared: a repeat with another
 * time in one of the others counts as a change. */
static void warn_of_times(struct rules *rules, const struct contract_channel *channel)
{
	struct diag text;

	if (!channel->content->surplus)
		return;
	diag_init(&text);
	config_line(&text, contract_channel_at(rules->contract, channel), NULL,
		    "more than %u members of the message are times: a repeat with another "
		    "\"%s\" is a change; x-time says which one is the time",
		    CONTRACT_TIMES_MAX, channel->content->surplus);
	rules_add_warning(rules, text.text);
}

/* Members that a channel names and no message has. */
static void warn_of_members(struct rules *rules)
{
	const char *text;

	for (size_t i = 0; (text = rules->contract->warning[i]); i++)
		rules_add_warning(rules, text);
}

int rules_compile_channels(struct rules *rules, struct diag *diag)
{
	size_t count = rules->contract->channel_count;
	struct diag text;
	int rc, first = 0;

	rules->parts->channel = calloc(count + 1, sizeof(*rules->parts->channel));
	if (!rules->parts->channel)
		return diag_nomem(diag);
	rules->channel = rules->parts->channel;
	rules->payload_max = 1;
	for (size_t i = 0; i < count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		warn_of_times(rules, channel);
		if (channel->send_count > 0 && channel->payload_max > rules->payload_max)
			rules->payload_max = channel->payload_max;
		rc = compile_patterns(rules, channel, channel->param,
				      &rules->parts->channel[channel->index].pattern, &text);
		if (rc == 0)
			rc = compile_own_patterns(rules, channel, &text);
		if (rc)
			rules_add_error(rules, rc, &text, &first, diag);
		if (first == ERR_NOMEM)
			return first;
	}
	warn_of_members(rules);
	rc = rules_compile_schemas(rules, first ? NULL : diag);
	if (rc == 0 && !first)
		rc = settle_messages(rules, diag);
	return first && rc != ERR_NOMEM ? first : rc;
}
