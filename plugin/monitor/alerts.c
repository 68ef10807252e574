#include "monitor/alerts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SECOND_NS INT64_C(1000000000)

struct alerts {
	struct alert *active[ALERT_KINDS]; /* ALERTS_ACTIVE_MAX each, the standing ones first */
	struct alert *queue;               /* a ring of ALERTS_QUEUE_MAX */
	size_t first;
	size_t queued;
	struct alerts_counts counts;
};

static const struct {
	const char *code;
	const char *title;
} kinds[ALERT_KINDS] = {
#define X(kind, code, title) [kind] = { code, title },
	ALERT_TABLE(X)
#undef X
};

const char *alert_code(enum alert_kind kind)
{
	return (unsigned)kind < ALERT_KINDS ? kinds[kind].code : "";
}

const char *alert_title(enum alert_kind kind)
{
	return (unsigned)kind < ALERT_KINDS ? kinds[kind].title : "";
}

enum alert_kind alert_kind(const char *code)
{
	unsigned kind = 0;

	while (kind < ALERT_KINDS && strcmp(kinds[kind].code, code) != 0)
		kind++;
	return (enum alert_kind)kind;
}

const char *alert_response_name(enum alert_response response)
{
	static const char *const names[] = { "report", "limit", "disconnect", "ban" };

	return (unsigned)response < sizeof(names) / sizeof(*names) ? names[response] : "";
}

/* ---- life -------------------------------------------------------------------------------- */

int alerts_new(struct alerts **ret, struct diag *diag)
{
	struct alerts *alerts = calloc(1, sizeof(*alerts));
	bool is_whole = alerts != NULL;

	if (!alerts)
		return diag_nomem(diag);
	alerts->queue = calloc(ALERTS_QUEUE_MAX, sizeof(*alerts->queue));
	is_whole = alerts->queue != NULL;
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++) {
		alerts->active[kind] = calloc(ALERTS_ACTIVE_MAX, sizeof(struct alert));
		is_whole = is_whole && alerts->active[kind];
	}
	if (!is_whole) {
		alerts_free(alerts);
		return diag_nomem(diag);
	}
	*ret = alerts;
	return 0;
}

void alerts_free(struct alerts *alerts)
{
	if (!alerts)
		return;
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		free(alerts->active[kind]);
	free(alerts->queue);
	free(alerts);
}

/* ---- raising and clearing ---------------------------------------------------------------- */

/* As much of @from as fits, not cut inside a character. */
static void copy_text(char *to, size_t cap, const char *from)
{
	size_t len = strnlen(from, cap);

	if (len == cap) {
		len--;
		while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(to, from, len);
	to[len] = '\0';
}

static struct alert *find(struct alerts *alerts, enum alert_kind kind, uint64_t subject)
{
	for (uint32_t i = 0; i < alerts->counts.standing[kind]; i++)
		if (alerts->active[kind][i].subject == subject)
			return &alerts->active[kind][i];
	return NULL;
}

static void enqueue(struct alerts *alerts, const struct alert *alert)
{
	if (alerts->queued == ALERTS_QUEUE_MAX) {
		alerts->counts.lost++;
		return;
	}
	alerts->queue[(alerts->first + alerts->queued) % ALERTS_QUEUE_MAX] = *alert;
	alerts->queued++;
}

/* The newest numbers; what it is about stays as it was when it was raised. */
static void update(struct alert *alert, const struct alert_evidence *evidence, int64_t now_ns)
{
	alert->count += evidence->count;
	alert->times++;
	alert->observed = evidence->observed;
	alert->expected = evidence->expected;
	alert->seen_ns = now_ns;
}

static void fill(struct alert *alert, const struct alert_evidence *evidence, int64_t now_ns)
{
	*alert = (struct alert){
		.kind = evidence->kind,
		.is_raised = true,
		.subject = evidence->subject,
		.threshold = evidence->threshold,
		.window_s = evidence->window_s,
		.has_numbers = evidence->has_numbers,
		.response = evidence->response,
		.response_s = evidence->response_s,
		.is_lasting = evidence->is_lasting,
		.quiet_s = evidence->quiet_s,
		.raised_ns = now_ns,
	};
	copy_text(alert->client, sizeof(alert->client), evidence->client);
	copy_text(alert->principal, sizeof(alert->principal), evidence->principal);
	copy_text(alert->other, sizeof(alert->other), evidence->other);
	copy_text(alert->address, sizeof(alert->address), evidence->address);
	copy_text(alert->where, sizeof(alert->where), evidence->where);
	copy_text(alert->detail, sizeof(alert->detail), evidence->detail);
	update(alert, evidence, now_ns);
}

bool alerts_see(struct alerts *alerts, const struct alert_evidence *evidence, int64_t now_ns)
{
	enum alert_kind kind = evidence->kind;
	struct alert *alert = find(alerts, kind, evidence->subject);

	if (alert) {
		update(alert, evidence, now_ns);
		return false;
	}
	if (alerts->counts.standing[kind] == ALERTS_ACTIVE_MAX) {
		alerts->counts.crowded++;
		return false;
	}
	alert = &alerts->active[kind][alerts->counts.standing[kind]++];
	alerts->counts.raised[kind]++;
	fill(alert, evidence, now_ns);
	enqueue(alerts, alert);
	return true;
}

static void clear(struct alerts *alerts, struct alert *alert, int64_t now_ns)
{
	enum alert_kind kind = alert->kind;
	struct alert *last = &alerts->active[kind][alerts->counts.standing[kind] - 1];

	alert->is_raised = false;
	alert->seen_ns = now_ns;
	enqueue(alerts, alert);
	*alert = *last;
	alerts->counts.standing[kind]--;
}

void alerts_clear(struct alerts *alerts, enum alert_kind kind, uint64_t subject, int64_t now_ns)
{
	struct alert *alert = find(alerts, kind, subject);

	if (alert)
		clear(alerts, alert, now_ns);
}

void alerts_tick(struct alerts *alerts, int64_t now_ns)
{
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		for (uint32_t i = alerts->counts.standing[kind]; i-- > 0;) {
			struct alert *alert = &alerts->active[kind][i];

			if (!alert->is_lasting &&
			    now_ns - alert->seen_ns >= alert->quiet_s * SECOND_NS)
				clear(alerts, alert, now_ns);
		}
}

bool alerts_next(struct alerts *alerts, struct alert *ret)
{
	if (alerts->queued == 0)
		return false;
	*ret = alerts->queue[alerts->first];
	alerts->first = (alerts->first + 1) % ALERTS_QUEUE_MAX;
	alerts->queued--;
	return true;
}

const struct alert *alerts_standing(const struct alerts *alerts, size_t index)
{
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++) {
		if (index < alerts->counts.standing[kind])
			return &alerts->active[kind][index];
		index -= alerts->counts.standing[kind];
	}
	return NULL;
}

const struct alerts_counts *alerts_counts(const struct alerts *alerts)
{
	return &alerts->counts;
}

/* ---- in words ---------------------------------------------------------------------------- */

/* Only what there is to say. A text that is not UTF-8 is left out by Jansson's rules. */
static int add_text(json_t *to, const char *name, const char *text)
{
	json_t *value;

	if (!text[0])
		return 0;
	value = json_string(text);
	return value ? json_object_set_new(to, name, value) : 0;
}

static json_t *describe(const struct alert *alert, int64_t time_ms)
{
	char time[CLOCK_TEXT_MAX];
	json_t *evidence = json_pack("{sIsisi}", "count", (json_int_t)alert->count, "threshold",
				     (int)alert->threshold, "windowSeconds", (int)alert->window_s);
	json_t *json =
		json_pack("{ss ss ss ss so* ss}", "kind", alert_code(alert->kind), "state",
			  alert->is_raised ? "raised" : "cleared", "title",
			  alert_title(alert->kind), "time", clock_print(time_ms, time), "evidence",
			  evidence, "response", alert_response_name(alert->response));
	int rc = json && evidence ? 0 : -1;

	rc = rc ? rc : add_text(json, "clientId", alert->client);
	rc = rc ? rc : add_text(json, "principal", alert->principal);
	rc = rc ? rc : add_text(json, "otherPrincipal", alert->other);
	rc = rc ? rc : add_text(json, "address", alert->address);
	rc = rc ? rc : add_text(json, "where", alert->where);
	rc = rc ? rc : add_text(json, "detail", alert->detail);
	if (!rc && alert->has_numbers)
		rc = json_object_set_new(evidence, "observed", json_real(alert->observed)) ||
		     json_object_set_new(evidence, "expected", json_real(alert->expected));
	if (!rc && !alert->is_raised)
		rc = json_object_set_new(
			json, "lastedSeconds",
			json_integer((alert->seen_ns - alert->raised_ns) / SECOND_NS));
	if (!rc && alert->response > ALERT_REPORT)
		rc = json_object_set_new(json, "responseSeconds",
					 json_integer((json_int_t)alert->response_s));
	if (rc) {
		json_decref(json);
		return NULL;
	}
	return json;
}

size_t alert_print(const struct alert *alert, int64_t time_ms, char *ret)
{
	json_t *json = describe(alert, time_ms);
	size_t len = 0;

	if (json)
		len = json_dumpb(json, ret, ALERTS_TEXT_MAX - 1,
				 JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(json);
	if (len >= ALERTS_TEXT_MAX)
		len = 0; /* the bounds of its texts keep it shorter */
	ret[len] = '\0';
	return len;
}
