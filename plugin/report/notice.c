#include "report/notice.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/percent.h"
#include "contract/contract.h"
#include "report/jsonout.h"

/* Bytes of output that a text takes at most. Their sum and the names stay below NOTICE_MAX. */
#define WORD_MAX 64u
#define TYPE_MAX (CONTRACT_PROBLEM_TYPES_MAX + WORD_MAX)
#define TOPIC_MAX 768u
#define FIELD_MAX 512u
#define SENTENCE_MAX 1024u
#define MESSAGE_MAX 512u /* of a fault, which is half as long before it is escaped */

static const struct {
	const char *name; /* the end of its type */
	const char *title;
	unsigned status;
} problems[] = {
	[PROBLEM_BROKEN] = { "internal-server-error", "Internal Server Error", 500 },
	[PROBLEM_UNAUTHORIZED] = { "unauthorized", "Unauthorized", 401 },
	[PROBLEM_FORBIDDEN] = { "forbidden", "Forbidden", 403 },
	[PROBLEM_NOT_FOUND] = { "not-found", "Not Found", 404 },
	[PROBLEM_INVALID] = { "validation-error", "Validation Error", 422 },
	[PROBLEM_TOO_MANY] = { "rate-limit-exceeded", "Too Many Requests", 429 },
};

static void text(struct jsonout *out, const char *name, const char *value, size_t max)
{
	jsonout_text(out, name, value, strlen(value), max);
}

static void print_problem(struct jsonout *out, const char *types, enum reason_problem problem)
{
	char type[TYPE_MAX + 1] = "about:blank"; /* RFC 9457, 4.2.1: the status says it all */

	if (types)
		(void)snprintf(type, sizeof(type), "%s%s", types, problems[problem].name);
	text(out, "type", type, TYPE_MAX);
	text(out, "title", problems[problem].title, WORD_MAX);
	jsonout_number(out, "status", problems[problem].status);
}

/* The topic as a relative reference: a path (RFC 3986, 3.3), ':' of its first segment left out. */
static void print_instance(struct jsonout *out, const char *topic, size_t len)
{
	char uri[TOPIC_MAX];

	(void)percent_encode(uri, sizeof(uri), topic, len, "!$&'()*+,;=@/");
	jsonout_text(out, "instance", uri, strlen(uri), TOPIC_MAX);
}

static void print_errors(struct jsonout *out, const struct schema_error *fault, size_t count)
{
	if (count == 0)
		return;
	jsonout_open(out, "errors", '[');
	for (size_t i = 0; i < count && i < NOTICE_FAULTS_MAX; i++) {
		jsonout_open(out, NULL, '{');
		text(out, "field", fault[i].instance, FIELD_MAX);
		text(out, "code", fault[i].keyword, WORD_MAX);
		text(out, "message", fault[i].message, MESSAGE_MAX);
		jsonout_close(out, '}');
	}
	jsonout_close(out, ']');
}

static void print_time(struct jsonout *out, int64_t time_ms)
{
	char time[CLOCK_TEXT_MAX];

	text(out, "time", clock_print(time_ms, time), CLOCK_TEXT_MAX);
}

static size_t end(struct jsonout *out)
{
	size_t len;

	jsonout_close(out, '}');
	len = jsonout_end(out);
	assert(len > 0); /* NOTICE_MAX is the sum of all bounds and more */
	return len;
}

size_t notice_print(const char *types, const struct refusal *refusal,
		    const struct schema_error *fault, size_t count, char *ret)
{
	const char *detail = refusal->message[0] ? refusal->message : reason_title(refusal->reason);
	struct jsonout out;

	jsonout_begin(&out, ret, NOTICE_MAX);
	jsonout_open(&out, NULL, '{');
	print_problem(&out, types, reason_problem(refusal->reason));
	text(&out, "detail", detail, SENTENCE_MAX);
	print_instance(&out, refusal->topic, refusal->topic_len);
	print_errors(&out, fault, count);
	text(&out, "reason", reason_code(refusal->reason), WORD_MAX);
	text(&out, "decisionId", refusal->id, WORD_MAX);
	jsonout_text(&out, "topic", refusal->topic, refusal->topic_len, TOPIC_MAX);
	jsonout_number(&out, "qos", refusal->qos);
	print_time(&out, refusal->time_ms);
	if (refusal->current_status[0])
		text(&out, "currentStatus", refusal->current_status, 2 * WORD_MAX);
	if (refusal->is_one_of_several)
		text(&out, "messageName", refusal->message_name, 2 * WORD_MAX);
	if (refusal->is_observed)
		jsonout_true(&out, "observed");
	if (refusal->is_closed)
		jsonout_true(&out, "closed");
	return end(&out);
}

size_t notice_print_held(const char *types, const char *key, uint64_t count, int64_t time_ms,
			 char *ret)
{
	char topic[sizeof(CONTRACT_NOTICES "/") + NOTICE_KEY_MAX], detail[128];
	struct jsonout out;

	(void)snprintf(topic, sizeof(topic), CONTRACT_NOTICES "/%s", key);
	(void)snprintf(detail, sizeof(detail), "%" PRIu64 " more refusal%s not reported one by one",
		       count, count == 1 ? " was" : "s were");
	jsonout_begin(&out, ret, NOTICE_MAX);
	jsonout_open(&out, NULL, '{');
	print_problem(&out, types, PROBLEM_TOO_MANY);
	text(&out, "detail", detail, SENTENCE_MAX);
	print_instance(&out, topic, strlen(topic));
	text(&out, "reason", "notices-held-back", WORD_MAX);
	jsonout_number(&out, "heldBack", count);
	print_time(&out, time_ms);
	return end(&out);
}
