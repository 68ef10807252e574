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

int refusals_new(unsigned notices_per_second, size_t payload_bytes, struct refusals **ret,
		 struct diag *diag)
{
	struct refusals *refusals = calloc(1, sizeof(*refusals));
	uint32_t seed;
	int rc;

	if (!refusals)
		return diag_nomem(diag);
	rc = random_bytes(&seed, sizeof(seed), diag);
	if (rc)
		goto out;
	rc = quota_new(notices_per_second, &refusals->quota, diag);
	if (rc)
		goto out;
	decisionid_init(&refusals->ids, seed);
	refusals->payload_bytes = payload_bytes;
	*ret = refusals;
	refusals = NULL; /* handed over */
out:
	refusals_free(refusals);
	return rc;
}

void refusals_free(struct refusals *refusals)
{
	if (!refusals)
		return;
	quota_free(refusals->quota);
	free(refusals);
}

/* ---- in words --------------------------------------------------------------------------- */

static void begin(struct refusals *refusals, const struct who *who, int64_t now_ms,
		  struct refusal *ret)
{
	*ret = (struct refusal){
		.id = decisionid_next(&refusals->ids, now_ms, refusals->id),
		.time_ms = now_ms,
		.who = *who,
		.pointer = "",
		.keyword = "",
		.message = "",
		.current_status = "",
		.message_name = "",
	};
}

static const char *action_name(const struct gate_request *request)
{
	switch (request->action) {
	case GATE_PUBLISH:
		return request->message.is_will ? "will" : "publish";
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
		       const struct decision *decision, const struct who *who, int64_t now_ms,
		       struct refusal *ret)
{
	begin(refusals, who, now_ms, ret);
	ret->action = action_name(request);
	ret->reason = decision->reason;
	ret->is_observed = decision->is_observed;
	ret->topic = request->message.topic;
	ret->topic_len = request->message.topic_len;
	ret->qos = request->message.qos;
	ret->is_retained = request->message.is_retained;
	ret->pointer = decision->error.instance;
	ret->keyword = decision->error.keyword;
	ret->message = decision->error.message;
	ret->current_status = decision->current_status;
	ret->message_name = decision->kind ? decision->kind->name : "";
	ret->is_one_of_several = decision->kind && decision->channel->message_count > 1;
	ret->payload = request->message.payload;
	ret->payload_bytes = request->message.payload_len;
	ret->payload_len = request->message.payload_len < refusals->payload_bytes
				   ? request->message.payload_len
				   : refusals->payload_bytes;
}

void refusals_describe_connect(struct refusals *refusals, enum reason reason, const char *message,
			       const struct who *who, int64_t now_ms, struct refusal *ret)
{
	begin(refusals, who, now_ms, ret);
	ret->action = "connect";
	ret->reason = reason;
	ret->message = message;
}

/* ---- notices ---------------------------------------------------------------------------- */

/* "principal/client", as levels, to @ret. Returns its length, 0 where one of them has none. */
static size_t print_key(const struct refusal *refusal, char ret[static NOTICE_KEY_MAX + 1])
{
	size_t head = percent_level(refusal->who.principal, ret), tail;

	if (head == 0)
		return 0;
	ret[head++] = '/';
	tail = percent_level(refusal->who.client_id, ret + head);
	return tail > 0 ? head + tail : 0;
}

bool refusals_may_tell(struct refusals *refusals, const struct refusal *refusal)
{
	char key[NOTICE_KEY_MAX + 1];
	size_t len;

	if (!refusal->who.is_proved) /* a name that is only claimed is another's */
		return false;
	if (strcmp(refusal->action, "publish") != 0 && strcmp(refusal->action, "will") != 0)
		return false;
	len = print_key(refusal, key);
	return len > 0 && quota_take(refusals->quota, key, len, refusal->time_ms);
}

static void address(const char *key, struct refusals_notice *ret)
{
	(void)snprintf(ret->topic, sizeof(ret->topic), REFUSALS_TOPIC "%s", key);
}

void refusals_notice(const char *types, const struct refusal *refusal,
		     const struct schema_error *fault, size_t count, struct refusals_notice *ret)
{
	char key[NOTICE_KEY_MAX + 1];

	(void)print_key(refusal, key); /* it has one */
	address(key, ret);
	ret->len = notice_print(types, refusal, fault, count, ret->text);
}

bool refusals_held(struct refusals *refusals, const char *types, int64_t now_ms,
		   struct refusals_notice *ret)
{
	struct quota_held held;

	if (!quota_next_held(refusals->quota, now_ms, &held))
		return false;
	address(held.client, ret);
	ret->len = notice_print_held(types, held.client, held.count, now_ms, ret->text);
	return true;
}
