#include "broker/own_messages.h"

#include <string.h>

#include "base/jsonpointer.h"
#include "monitor/alerts.h"
#include "report/notice.h"
#include "schema/payload.h"

#define SAMPLE_MS INT64_C(1767225600000) /* 2026 */

struct sample {
	const struct rules *rules;
	const struct contract_channel *channel;
	struct payload_parser *parser;
	struct diag *diag;
};

static const struct schema *schema_of(const struct sample *sample, size_t message)
{
	return sample->rules->message[sample->channel->message[message].index].schema;
}

/* Is @value one of the channel's messages? *ret is what is wrong with the last. */
static bool is_message(const struct sample *sample, const struct payload_value *value,
		       struct schema_error *ret)
{
	enum schema_answer answer = SCHEMA_INVALID;

	for (size_t i = 0; answer != SCHEMA_VALID && i < sample->channel->message_count; i++)
		if (schema_of(sample, i))
			(void)schema_explain(schema_of(sample, i), value, ret, 1, &answer);
		else
			answer = SCHEMA_VALID;
	return answer == SCHEMA_VALID;
}

static int check(const struct sample *sample, const char *text, size_t len)
{
	struct payload_error broken;
	struct schema_error error = { .message = "too costly to check" };
	const struct payload_value *value = payload_parse(sample->parser, text, len, &broken);
	char name[DIAG_MAX / 4];

	if (!value)
		return diag_set(sample->diag, ERR_NOMEM, "out of memory");
	if (is_message(sample, value, &error))
		return 0;
	(void)jsonpointer_put(name, sizeof(name), sample->channel->name,
			      strlen(sample->channel->name));
	return diag_set(sample->diag, ERR_INVALID,
			"%s: /channels%s/messages: the schema refuses what the plugin publishes "
			"to %s: %s%s%s",
			sample->rules->contract->application[sample->channel->application].file,
			name, sample->channel->address, error.instance,
			error.instance[0] ? ": " : "", error.message);
}

/* Does some channel have several messages? Only then a notice names one. */
static bool has_several(const struct contract *contract)
{
	for (size_t i = 0; i < contract->channel_count; i++)
		if (contract->channel[i].message_count > 1)
			return true;
	return false;
}

/* All members that a notice may have, the fewest, and the one about those held back. */
static int check_notices(const struct sample *sample)
{
	static const struct schema_error fault = { .instance = "/status",
						   .keyword = "transition",
						   .message = "order is PLACED" };
	struct refusal refusal = {
		.id = "06c5w3z8m4k2x9ab",
		.time_ms = SAMPLE_MS,
		.action = "publish",
		.who = { .client_id = "client", .principal = "principal", .address = "" },
		.topic = "orders/1/status",
		.topic_len = 15,
		.message = "",
		.current_status = "PLACED",
		.message_name = "message",
		.is_one_of_several = has_several(sample->rules->contract),
		.is_observed = true
	};
	const char *types = sample->channel->problem_types;
	char text[NOTICE_MAX];
	int rc = check(sample, text,
		       notice_print_held(types, "principal/client", 7, SAMPLE_MS, text));

	for (int i = 0; rc == 0 && i < REASON_COUNT; i++) {
		refusal.reason = (enum reason)i;
		refusal.qos = (unsigned)i % 3;
		rc = check(sample, text, notice_print(types, &refusal, &fault, 1, text));
	}
	refusal.is_observed = false;
	refusal.current_status = "";
	refusal.is_one_of_several = false;
	return rc ? rc : check(sample, text, notice_print(types, &refusal, NULL, 0, text));
}

static int check_alert(const struct sample *sample, const struct alert *alert)
{
	char text[ALERTS_TEXT_MAX];
	size_t len = alert_print(alert, SAMPLE_MS, text);

	return len ? check(sample, text, len) : diag_nomem(sample->diag);
}

static int check_alerts(const struct sample *sample)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < ALERT_KINDS; i++) {
		struct alert alert = { .kind = (enum alert_kind)i,
				       .is_raised = true,
				       .count = 1,
				       .threshold = 1,
				       .window_s = 1 };

		rc = check_alert(sample, &alert);
		alert = (struct alert){ .kind = (enum alert_kind)i,
					.client = "client",
					.principal = "principal",
					.address = "192.0.2.1",
					.where = "channel",
					.detail = "detail",
					.threshold = 1,
					.window_s = 1,
					.has_numbers = true,
					.observed = 1.5,
					.response = ALERT_BAN,
					.response_s = 60 };
		rc = rc ? rc : check_alert(sample, &alert);
	}
	return rc;
}

static int check_channel(struct sample *sample, const struct contract_channel *channel,
			 int (*check_all)(const struct sample *))
{
	if (!channel || channel->message_count == 0)
		return 0;
	sample->channel = channel;
	return check_all(sample);
}

int own_messages_check(const struct rules *rules, struct diag *diag)
{
	struct payload_limits limits = { .max_bytes = NOTICE_MAX, .max_depth = 16 };
	struct sample sample = { .rules = rules, .diag = diag };
	int rc = payload_parser_new(&limits, &sample.parser, diag);

	if (rc == 0)
		rc = check_channel(&sample, rules->contract->notices, check_notices);
	if (rc == 0)
		rc = check_channel(&sample, rules->contract->alerts, check_alerts);
	payload_parser_free(sample.parser);
	return rc;
}
