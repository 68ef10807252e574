#include "monitor/alerts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SECOND_NS INT64_C(1000000000)

#define SERVED_MAX 32u

struct alerts {
	struct alert active[ALERT_KINDS][ALERTS_ACTIVE_MAX]; /* the active ones first */
	struct alert queue[ALERTS_QUEUE_MAX];                /* the oldest first */
	size_t queued;
	uint64_t served[SERVED_MAX]; /* owners in the order in which they were, the last one last */
	struct alerts_counts counts;
	struct portions dropped; /* only counts, by owner: no owner has a portion */
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

bool alert_is_proved(enum alert_kind kind, const char *principal)
{
	return principal[0] && kind != ALERT_USER_ATTACK;
}

const char *alert_response_name(enum alert_response response)
{
	static const char *const names[] = { "report", "limit", "disconnect", "ban" };

	return (unsigned)response < sizeof(names) / sizeof(*names) ? names[response] : "";
}

/* ---- life -------------------------------------------------------------------------------- */

int alerts_new(struct alerts **ret, struct diag *diag)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : diag_nomem(diag);
}

void alerts_free(struct alerts *alerts)
{
	free(alerts);
}

/* ---- raising and clearing ---------------------------------------------------------------- */

static struct alert *find(struct alerts *alerts, enum alert_kind kind, uint64_t subject)
{
	for (uint32_t i = 0; i < alerts->counts.active[kind]; i++)
		if (alerts->active[kind][i].subject == subject)
			return &alerts->active[kind][i];
	return NULL;
}

static size_t count_of(const struct alert *alert, size_t count, uint64_t owner)
{
	size_t owned = 0;

	for (size_t i = 0; i < count; i++)
		owned += alert[i].owner == owner;
	return owned;
}

/*
 * The one to give up among @count: the last of the owner who has most, if that is more than
 * @owner has; or NULL.
 */
static struct alert *find_excess(struct alert *alert, size_t count, uint64_t owner)
{
	size_t most = count_of(alert, count, owner);
	struct alert *excess = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t owned = excess && alert[i].owner == excess->owner
				       ? most
				       : count_of(alert, count, alert[i].owner);

		if (owned > most || (excess && alert[i].owner == excess->owner)) {
			most = owned;
			excess = &alert[i];
		}
	}
	return excess;
}

static void drop(struct alerts *alerts, struct alert *queued)
{
	size_t at = (size_t)(queued - alerts->queue);

	memmove(queued, queued + 1, (alerts->queued - at - 1) * sizeof(*queued));
	alerts->queued--;
}

static void count_dropped(struct alerts *alerts, const struct alert *alert)
{
	struct who who = { .principal = alert->principal,
			   .address = alert->address,
			   .is_proved = alert_is_proved(alert->kind, alert->principal) };

	(void)portions_take(&alerts->dropped, &who, 1, 0);
}

static void enqueue(struct alerts *alerts, const struct alert *alert)
{
	struct alert *excess;

	if (alerts->queued == ALERTS_QUEUE_MAX) {
		alerts->counts.lost++;
		excess = find_excess(alerts->queue, alerts->queued, alert->owner);
		count_dropped(alerts, excess ? excess : alert);
		if (!excess)
			return;
		drop(alerts, excess);
	}
	alerts->queue[alerts->queued++] = *alert;
}

static void clear(struct alerts *alerts, struct alert *alert, int64_t now_ns)
{
	enum alert_kind kind = alert->kind;
	struct alert *last = &alerts->active[kind][alerts->counts.active[kind] - 1];

	alert->is_raised = false;
	alert->seen_ns = now_ns;
	enqueue(alerts, alert);
	*alert = *last;
	alerts->counts.active[kind]--;
}

/* The newest numbers; what it is about stays as it was when it was raised. */
static void update(struct alert *alert, const struct alert *seen, int64_t now_ns)
{
	alert->count += seen->count;
	alert->times++;
	alert->observed = seen->observed;
	alert->expected = seen->expected;
	alert->seen_ns = now_ns;
}

bool alerts_see(struct alerts *alerts, const struct alert *seen, int64_t now_ns)
{
	enum alert_kind kind = seen->kind;
	struct alert *alert = find(alerts, kind, seen->subject);

	if (alert) {
		update(alert, seen, now_ns);
		return false;
	}
	if (alerts->counts.active[kind] == ALERTS_ACTIVE_MAX) {
		alerts->counts.crowded++;
		alert = find_excess(alerts->active[kind], ALERTS_ACTIVE_MAX, seen->owner);
		count_dropped(alerts, alert ? alert : seen);
		if (!alert)
			return false;
		clear(alerts, alert, now_ns);
	}
	alert = &alerts->active[kind][alerts->counts.active[kind]++];
	alerts->counts.raised[kind]++;
	*alert = *seen;
	alert->is_raised = true;
	alert->times = 1;
	alert->raised_ns = alert->seen_ns = now_ns;
	enqueue(alerts, alert);
	return true;
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
		for (uint32_t i = alerts->counts.active[kind]; i-- > 0;) {
			struct alert *alert = &alerts->active[kind][i];

			if (!alert->is_lasting &&
			    now_ns - alert->seen_ns >= alert->quiet_s * SECOND_NS)
				clear(alerts, alert, now_ns);
		}
}

/* How long ago @owner was served: SERVED_MAX stands for longer than anybody else. */
static size_t age_of(const struct alerts *alerts, uint64_t owner)
{
	size_t age = 0;

	while (age < SERVED_MAX && alerts->served[SERVED_MAX - 1 - age] != owner)
		age++;
	return age;
}

static void note_served(struct alerts *alerts, uint64_t owner)
{
	size_t age = age_of(alerts, owner);
	size_t at = age < SERVED_MAX ? SERVED_MAX - 1 - age : 0;

	memmove(&alerts->served[at], &alerts->served[at + 1],
		(SERVED_MAX - 1 - at) * sizeof(alerts->served[0]));
	alerts->served[SERVED_MAX - 1] = owner;
}

bool alerts_next(struct alerts *alerts, struct alert *ret)
{
	struct alert *next = NULL;
	size_t oldest = 0;

	for (size_t i = 0; i < alerts->queued && oldest < SERVED_MAX; i++) {
		size_t age = age_of(alerts, alerts->queue[i].owner);

		if (!next || age > oldest) {
			next = &alerts->queue[i];
			oldest = age;
		}
	}
	if (!next)
		return false;
	*ret = *next;
	drop(alerts, next);
	note_served(alerts, ret->owner);
	return true;
}

const struct alert *alerts_active(const struct alerts *alerts, size_t index)
{
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++) {
		if (index < alerts->counts.active[kind])
			return &alerts->active[kind][index];
		index -= alerts->counts.active[kind];
	}
	return NULL;
}

const struct alerts_counts *alerts_counts(const struct alerts *alerts)
{
	return &alerts->counts;
}

bool alerts_dropped(struct alerts *alerts, struct portions_held *ret)
{
	return portions_held(&alerts->dropped, ret);
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
