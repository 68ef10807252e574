#include "report/refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "report/quota.h"

struct refusals {
	size_t payload_bytes;
	struct decisionid ids;
	char id[DECISIONID_TEXT];
	struct quota *quota;
};

int refusals_new(const struct refusals_options *options, struct refusals **ret, struct diag *diag)
{
	struct refusals *refusals = calloc(1, sizeof(*refusals));
	uint32_t seed;
	int rc;

	if (!refusals)
		return diag_nomem(diag);
	rc = random_bytes(&seed, sizeof(seed), diag);
	if (rc == 0)
		rc = quota_new(options->notices_per_second, &refusals->quota, diag);
	if (rc) {
		refusals_free(refusals);
		return rc;
	}
	decisionid_init(&refusals->ids, seed);
	refusals->payload_bytes = options->payload_bytes;
	*ret = refusals;
	return 0;
}

void refusals_free(struct refusals *refusals)
{
	if (!refusals)
		return;
	quota_free(refusals->quota);
	free(refusals);
}

/* ---- in words --------------------------------------------------------------------------- */

static void begin(struct refusals *refusals, const struct refusals_client *client, int64_t now_ms,
		  struct refusal *ret)
{
	*ret = (struct refusal){
		.id = decisionid_next(&refusals->ids, now_ms, refusals->id),
		.time_ms = now_ms,
		.client_id = client->id,
		.principal = client->principal,
		.address = client->address,
		.pointer = "",
		.keyword = "",
		.message = "",
		.standing = "",
	};
}

static const char *action_name(const struct gate_request *request)
{
	switch (request->action) {
	case GATE_PUBLISH:
		return request->is_will ? "will" : "publish";
	case GATE_SUBSCRIBE:
		return "subscribe";
	case GATE_DELIVER:
		return "deliver";
	case GATE_UNSUBSCRIBE:
		return "unsubscribe";
	}
	return "request";
}

void refusals_describe(struct refusals *refusals, const struct gate_request *request,
		       const struct decision *decision, const struct refusals_client *client,
		       int64_t now_ms, struct refusal *ret)
{
	begin(refusals, client, now_ms, ret);
	ret->action = action_name(request);
	ret->reason = decision->reason;
	ret->is_observed = decision->is_observed;
	ret->topic = request->topic;
	ret->topic_len = request->topic_len;
	ret->qos = request->qos;
	ret->is_retained = request->is_retained;
	ret->pointer = decision->error.instance;
	ret->keyword = decision->error.keyword;
	ret->message = decision->error.message;
	ret->standing = decision->standing;
	ret->payload = request->payload;
	ret->payload_bytes = request->payload_len;
	ret->payload_len = request->payload_len < refusals->payload_bytes ? request->payload_len
									  : refusals->payload_bytes;
}

void refusals_describe_connect(struct refusals *refusals, const char *message,
			       const struct refusals_client *client, int64_t now_ms,
			       struct refusal *ret)
{
	begin(refusals, client, now_ms, ret);
	ret->action = "connect";
	ret->reason = REASON_IDENTITY_UNKNOWN;
	ret->message = message;
}

/* ---- notices ---------------------------------------------------------------------------- */

bool refusals_may_tell(struct refusals *refusals, const struct refusal *refusal)
{
	char level[CLIENTLEVEL_MAX + 1];
	size_t len;

	if (strcmp(refusal->action, "publish") != 0 && strcmp(refusal->action, "will") != 0)
		return false;
	len = clientlevel_print(refusal->client_id, level);
	return len > 0 && quota_take(refusals->quota, level, len, refusal->time_ms);
}

static void address(const char *level, struct refusals_notice *ret)
{
	(void)snprintf(ret->topic, sizeof(ret->topic), REFUSALS_TOPIC "%s", level);
}

void refusals_notice(const struct refusal *refusal, const struct schema_error *fault, size_t count,
		     struct refusals_notice *ret)
{
	char level[CLIENTLEVEL_MAX + 1];

	(void)clientlevel_print(refusal->client_id, level); /* it has one */
	address(level, ret);
	ret->len = notice_print(refusal, fault, count, ret->text);
}

bool refusals_held(struct refusals *refusals, int64_t now_ms, struct refusals_notice *ret)
{
	struct quota_held held;

	if (!quota_next_held(refusals->quota, now_ms, &held))
		return false;
	address(held.client, ret);
	ret->len = notice_print_held(held.client, held.count, now_ms, ret->text);
	return true;
}
