/* lookups_events.c -- events: listEvents, and the history of getEntity. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "broker/lookups_internal.h"
#include "report/entityhistory.h"
#include "report/rowjson.h"

/* A list is answered with what it has after so long; the next page goes on. */
#define ENOUGH_MS (LOOKUPS_MS / 2)
#define TOPIC_MAX 65536u
#define AT_ONCE 200u /* rows that are read by one statement */

/* ---- one ----------------------------------------------------------------------------------- */

static const char *text_of(const struct query_row *row, const char *name, size_t *len)
{
	const struct query_cell *cell = query_cell(row, name);

	*len = cell && cell->type == VALUE_TEXT ? cell->len : 0;
	return *len > 0 ? cell->text : "";
}

static bool is_text(const struct query_row *row, const char *name, const char *wanted)
{
	size_t len;
	const char *text = text_of(row, name, &len);

	return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

/* May who asks read it, as a message that is delivered now? */
static bool is_readable(struct lookup *lookup, const struct query_row *row)
{
	char topic[TOPIC_MAX];
	size_t len;
	const char *text = text_of(row, "topic", &len);

	if (len == 0 || len >= sizeof(topic) || memchr(text, '\0', len))
		return false;
	memcpy(topic, text, len);
	topic[len] = '\0';
	lookup->asks.message = (struct message){ .topic = topic, .topic_len = len };
	gate_decide(&lookup->gate, lookup->who.principal, &lookup->asks, &lookup->decision);
	lookup->asks.message = (struct message){ .topic = NULL };
	return lookup->decision.verdict == VERDICT_ALLOW;
}

/* Published by the principal that asks, under its client id? */
static bool is_own(const struct lookup *lookup, const struct query_row *row)
{
	return is_text(row, "publisher", lookup->who.principal->name) &&
	       is_text(row, "client_id", lookup->who.client_id);
}

static const struct {
	const char *column, *name;
	enum { AS_IS, AS_FLAG, IF_SET } how;
} members[] = {
	{ "seq", "seq", AS_IS },
	{ "received_at", "received_at", AS_IS },
	{ "topic", "topic", AS_IS },
	{ "publisher", "publisher", AS_IS },
	{ "client_id", "client_id", AS_IS },
	{ "qos", "qos", AS_IS },
	{ "retained", "retain", AS_FLAG },
	{ "will", "will", IF_SET },
	{ "correction", "correction", IF_SET },
	{ "adopted", "adopted", IF_SET },
	{ "taken_over", "taken_over", IF_SET },
	{ "overruled", "overruled", IF_SET },
	{ "revision", "revision", AS_IS },
	{ "origin", "origin", AS_IS },
	{ "message", "message", AS_IS },
	{ "peer_publisher", "peer_publisher", AS_IS },
};

static json_t *event_json(const struct query_row *row)
{
	const struct query_cell *payload = query_cell(row, "payload");
	json_t *ret = json_object();
	bool is_cut = false;
	int rc = ret ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < sizeof(members) / sizeof(members[0]); i++) {
		const struct query_cell *cell = query_cell(row, members[i].column);
		bool is_there = cell && cell->type != VALUE_NULL, is_set;

		is_set = is_there && (cell->type != VALUE_INTEGER || cell->integer != 0);
		if (members[i].how != AS_IS ? members[i].how == AS_FLAG || is_set : is_there)
			rc = json_object_set_new(
				ret, members[i].name,
				members[i].how == AS_IS
					? rowjson_cell(cell, LOOKUPS_TEXT_MAX, &is_cut)
					: json_boolean(is_set));
	}
	is_cut = false;
	if (rc == 0 && payload)
		rc = json_object_set_new(ret, "payload",
					 rowjson_cell(payload, LOOKUPS_PAYLOAD_MAX, &is_cut));
	if (rc == 0 && is_cut)
		rc = json_object_set_new(ret, "cut", json_true());
	if (rc == 0)
		return ret;
	json_decref(ret);
	return NULL;
}

json_t *lookups_event(struct lookup *lookup, const struct query_row *row)
{
	json_t *ret;

	if (!is_readable(lookup, row))
		return NULL;
	ret = event_json(row);
	if (!ret)
		lookup->is_failed = true;
	return ret;
}

/* ---- many ---------------------------------------------------------------------------------- */

struct event_list {
	struct lookup *lookup;
	int64_t last; /* the number of the row that was looked at last */
	size_t seen;  /* rows of this statement */
	bool is_full;
};

static bool on_event(const struct query_row *row, void *ctx)
{
	struct event_list *list = ctx;
	struct lookup *lookup = list->lookup;
	const struct query_cell *seq = query_cell(row, "seq");
	json_t *event = NULL;

	list->seen++;
	if (!seq)
		return true;
	if (lookup->members.is_mine ? is_own(lookup, row) : is_readable(lookup, row)) {
		event = event_json(row);
		if (!lookups_add_take(lookup, event)) {
			list->is_full = true;
			return false;
		}
	}
	list->last = seq->integer;
	return true;
}

/* What all pages of the list have in common. Returns how many filters there are. */
static size_t set_filters(const struct lookup *lookup, const char *since, char *end,
			  struct query_filter filter[QUERY_FILTERS_MAX])
{
	const struct control_members *asked = &lookup->members;
	size_t count = 0;

	if (asked->topic)
		filter[count++] = (struct query_filter){ "topic", QUERY_IS, asked->topic };
	if (asked->prefix && asked->prefix[0])
		count += lookups_range("topic", asked->prefix, end, &filter[count]);
	if (since[0])
		filter[count++] = (struct query_filter){ "received_at", QUERY_FROM, since };
	if (asked->is_mine) {
		filter[count++] =
			(struct query_filter){ "publisher", QUERY_IS, lookup->who.principal->name };
		filter[count++] =
			(struct query_filter){ "client_id", QUERY_IS, lookup->who.client_id };
	}
	return count;
}

/* Page by page until the answer is full, all was looked at or it took long enough. */
static bool list_events(struct lookup *lookup, struct query_filter *filter, size_t count)
{
	struct event_list list = { .lookup = lookup };
	char after[24] = "";
	struct query_wanted wanted = { .table = "events",
				       .filter = filter,
				       .order = "seq",
				       .is_descending = true,
				       .limit = AT_ONCE,
				       .text_max = LOOKUPS_PAYLOAD_MAX + 1 };
	int64_t enough_ns = lookup->until_ns - INT64_C(1000000) * (LOOKUPS_MS - ENOUGH_MS);

	if (lookup->members.after)
		(void)snprintf(after, sizeof(after), "%s", lookup->members.after);
	if (lookup->limit < AT_ONCE)
		wanted.limit = lookup->limit + 1; /* mostly all of them may be read */
	do {
		wanted.filter_count = count;
		if (after[0])
			filter[wanted.filter_count++] =
				(struct query_filter){ "seq", QUERY_BELOW, after };
		list.seen = 0;
		if (!lookups_read(lookup, &wanted, on_event, &list) || lookup->is_failed)
			return false;
		if (!list.is_full && list.seen < wanted.limit)
			return true; /* there are no more */
		(void)snprintf(after, sizeof(after), "%" PRId64, list.last);
		wanted.limit = AT_ONCE;
	} while (!list.is_full && clock_mono_ns() < enough_ns);
	(void)snprintf(lookup->next, sizeof(lookup->next), "%s", after);
	return true;
}

json_t *lookups_list_events(struct lookup *lookup)
{
	const struct control_members *asked = &lookup->members;
	struct query_filter filter[QUERY_FILTERS_MAX];
	char since[CLOCK_TEXT_MAX] = "";
	char end[TOPIC_MAX];
	size_t count;

	if (asked->prefix && strlen(asked->prefix) >= sizeof(end)) {
		(void)lookups_fail(lookup, NULL, "prefix: is longer than a topic");
		return NULL;
	}
	if (!lookups_is_place(lookup, asked->after) ||
	    (asked->since && !lookups_time(lookup, "since", asked->since, since)))
		return NULL;
	count = set_filters(lookup, since, end, filter);
	return list_events(lookup, filter, count) ? lookups_page(lookup, "rows") : NULL;
}
