/*
 * lookups_list.c -- listEvents: newest first, page by page.
 *
 * Numbers and topics are read first, of topics that who asks may read (lookups_reach.c); these are
 * judged, all of a batch together; and those that may be shown are read whole. Events that few
 * topics have are found by the index; for those of many the table is gone through, newest first, in
 * pieces, so that a page which takes long says how far it came.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/lookups_internal.h"

#define TOPIC_MAX 65536u
#define WHOLE_AT_ONCE                                                                              \
	16u /* rows that are read whole by one statement: an answer has no more of the largest */
#define STRETCH_MIN 4096              /* numbers that are gone through by one statement */
#define STRETCH_MAX 1048576           /* and at most */
#define STRETCH_NS INT64_C(100000000) /* one that took longer is followed by a shorter one */
#define NUMBER_TEXT 24u

/* Newest first. */
struct candidates {
	size_t count;
	struct lookups_candidate of[LOOKUPS_AT_ONCE];
};

struct event_list {
	struct lookup *lookup;
	struct lookups_reach reach;
	size_t filter_count; /* filters of all statements */
	struct query_filter filter[QUERY_FILTERS_MAX];
	char since[CLOCK_TEXT_MAX];
	bool is_recent; /* since then there are few */
	bool is_plain;  /* found by the filters alone */
	bool is_gone_through;
	int64_t below; /* events below this number are still to be looked at */
	size_t at_once;
	int64_t stretch; /* numbers that are gone through next */
	/* Those that the index has found and nobody has looked at yet; nothing else is between. */
	struct candidates few;
	size_t few_used;
	bool is_few_over; /* there are none behind them */
	struct candidates many;
	struct candidates batch;
	int64_t last; /* the number of the row that was shown last */
	bool is_full;
};

/* ---- reading numbers and topics -------------------------------------------------------------- */

static void clear(struct candidates *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->of[i].topic);
	list->count = 0;
}

struct numbers_reading {
	struct candidates *ret;
	size_t seen; /* rows; two spots may have the same */
	bool is_failed;
};

/* A topic that is none is kept as an empty one, which nobody may read. */
static bool on_candidate(const struct query_row *row, void *ctx)
{
	struct numbers_reading *reading = ctx;
	struct candidates *ret = reading->ret;
	const struct query_cell *seq = query_cell(row, "seq"), *topic = query_cell(row, "topic");
	bool is_topic = topic && topic->type == VALUE_TEXT && topic->len < TOPIC_MAX &&
			!memchr(topic->text, '\0', topic->len);
	char *text;

	reading->seen++;
	if (!seq || (ret->count > 0 && ret->of[ret->count - 1].seq == seq->integer))
		return true;
	text = strndup(is_topic ? topic->text : "", is_topic ? topic->len : 0);
	reading->is_failed = !text;
	if (text)
		ret->of[ret->count++] =
			(struct lookups_candidate){ .seq = seq->integer, .topic = text };
	return text && ret->count < LOOKUPS_AT_ONCE;
}

/*
 * Events from the number @from on, of those that are still to be looked at; wanted->limit and what
 * narrows it are set. Whether there may be more of them, in *is_cut. False: it failed, which is
 * said.
 */
static bool read_candidates(struct event_list *list, struct query_wanted *wanted, int64_t from,
			    struct candidates *ret, bool *is_cut)
{
	static const char *const column[] = { "seq", "topic" };
	struct query_filter filter[QUERY_FILTERS_MAX];
	char from_text[NUMBER_TEXT], below_text[NUMBER_TEXT];
	struct numbers_reading reading = { .ret = ret };
	size_t count = list->filter_count;

	memcpy(filter, list->filter, count * sizeof(filter[0]));
	(void)snprintf(from_text, sizeof(from_text), "%" PRId64, from);
	(void)snprintf(below_text, sizeof(below_text), "%" PRId64, list->below);
	if (from > INT64_MIN)
		filter[count++] = (struct query_filter){ "seq", QUERY_FROM, from_text };
	if (list->below < INT64_MAX)
		filter[count++] = (struct query_filter){ "seq", QUERY_BELOW, below_text };
	wanted->table = "events";
	wanted->filter_count = count;
	wanted->filter = filter;
	wanted->order = "seq";
	wanted->is_descending = true;
	wanted->column_count = 2;
	wanted->column = column;
	clear(ret);
	if (!lookups_read(list->lookup, wanted, on_candidate, &reading) || reading.is_failed)
		return false;
	*is_cut = reading.seen >= wanted->limit;
	return true;
}

static bool on_number(const struct query_row *row, void *ctx)
{
	const struct query_cell *seq = query_cell(row, "seq");

	*(int64_t *)ctx = seq ? seq->integer : INT64_MIN;
	return false;
}

/* The number of the newest event that is still to be looked at; INT64_MIN: there is none. */
static bool read_newest(struct event_list *list, int64_t *ret)
{
	static const char *const column[] = { "seq" };
	char text[NUMBER_TEXT];
	const struct query_filter filter = { "seq", QUERY_BELOW, text };
	const struct query_wanted wanted = { .table = "events",
					     .filter_count = list->below < INT64_MAX ? 1 : 0,
					     .filter = &filter,
					     .order = "seq",
					     .is_descending = true,
					     .by = "seq",
					     .limit = 1,
					     .column_count = 1,
					     .column = column };

	(void)snprintf(text, sizeof(text), "%" PRId64, list->below);
	*ret = INT64_MIN;
	return lookups_read(list->lookup, &wanted, on_number, ret);
}

/* ---- a batch --------------------------------------------------------------------------------- */

static int64_t last_of(const struct candidates *list)
{
	return list->count > 0 ? list->of[list->count - 1].seq : INT64_MIN;
}

/* By the index, unless some that it found are left. */
static bool read_few(struct event_list *list)
{
	struct query_wanted wanted = { .spot_count = list->reach.few_count,
				       .spot = list->reach.few,
				       .by = "topic",
				       .limit = LOOKUPS_AT_ONCE };
	bool is_cut = false;

	if (list->few_used < list->few.count || list->is_few_over)
		return true;
	list->few_used = 0;
	if (!read_candidates(list, &wanted, INT64_MIN, &list->few, &is_cut))
		return false;
	list->is_few_over = !is_cut;
	return true;
}

/* A stretch that took long is followed by a shorter one. */
static void set_stretch(struct event_list *list, int64_t took_ns)
{
	if (took_ns > STRETCH_NS && list->stretch > STRETCH_MIN)
		list->stretch /= 4;
	else if (took_ns < STRETCH_NS / 4 && list->stretch < STRETCH_MAX)
		list->stretch *= 4;
}

/* The next stretch of the table; *floor: down to which number it is looked at then. */
static bool read_stretch(struct event_list *list, int64_t *floor)
{
	struct query_wanted wanted = { .spot_count = list->reach.many_count,
				       .spot = list->reach.many,
				       .by = "seq",
				       .limit = list->at_once };
	int64_t newest, began_ns = clock_mono_ns();
	bool is_cut;

	clear(&list->many);
	if (!read_newest(list, &newest))
		return false;
	*floor = newest > INT64_MIN + list->stretch ? newest - list->stretch + 1 : INT64_MIN;
	if (newest == INT64_MIN)
		return true;
	if (!read_candidates(list, &wanted, *floor, &list->many, &is_cut))
		return false;
	if (is_cut)
		*floor = last_of(&list->many);
	else
		set_stretch(list, clock_mono_ns() - began_ns);
	return true;
}

/* All in one: nothing is narrowed but by the filters. */
static bool read_plain(struct event_list *list, int64_t *floor)
{
	struct query_wanted wanted = { .by = list->is_recent ? "received_at" : NULL,
				       .limit = list->at_once };
	bool is_cut;

	if (!read_candidates(list, &wanted, INT64_MIN, &list->many, &is_cut))
		return false;
	*floor = is_cut ? last_of(&list->many) : INT64_MIN;
	return true;
}

/* Those of both that are not below @floor, newest first, go to list->batch. */
static void merge(struct event_list *list, int64_t floor)
{
	struct candidates *few = &list->few, *many = &list->many;
	size_t used = 0;

	clear(&list->batch);
	while (list->batch.count < LOOKUPS_AT_ONCE) {
		struct lookups_candidate *a =
			list->few_used < few->count ? &few->of[list->few_used] : NULL;
		struct lookups_candidate *b = used < many->count ? &many->of[used] : NULL;
		struct lookups_candidate *next = !b || (a && a->seq >= b->seq) ? a : b;

		if (!next || next->seq < floor)
			break;
		list->few_used += next == a;
		used += next == b || (a && b && a->seq == b->seq);
		list->batch.of[list->batch.count++] = *next;
		next->topic = NULL; /* handed over */
	}
}

/* The next events that are judged. *floor: nothing from there on is left; INT64_MIN: nothing is. */
static bool read_batch(struct event_list *list, int64_t *floor)
{
	int64_t few_floor;

	*floor = INT64_MIN;
	if (list->is_plain ? !read_plain(list, floor)
			   : (list->is_gone_through && !read_stretch(list, floor)))
		return false;
	if (!list->is_plain && !read_few(list))
		return false;
	few_floor = list->is_few_over ? INT64_MIN : last_of(&list->few);
	if (few_floor > *floor)
		*floor = few_floor;
	merge(list, *floor);
	if (list->batch.count == LOOKUPS_AT_ONCE && last_of(&list->batch) > *floor)
		*floor = last_of(&list->batch);
	return true;
}

/* ---- judging and showing --------------------------------------------------------------------- */

static bool on_event(const struct query_row *row, void *ctx)
{
	struct event_list *list = ctx;
	const struct query_cell *seq = query_cell(row, "seq");

	if (!seq)
		return true;
	if (!lookups_add_take(list->lookup, lookups_event_json(row))) {
		list->is_full = true;
		return false;
	}
	list->last = seq->integer;
	return true;
}

static bool show(struct event_list *list, size_t count, const char *const text[])
{
	const struct query_list numbers = { .column = "seq", .count = count, .text = text };
	const struct query_wanted wanted = { .table = "events",
					     .list = &numbers,
					     .order = "seq",
					     .is_descending = true,
					     .limit = WHOLE_AT_ONCE,
					     .text_max = LOOKUPS_PAYLOAD_MAX + 1 };

	return count == 0 ||
	       (lookups_read(list->lookup, &wanted, on_event, list) && !list->lookup->is_failed);
}

/* False: it failed, which is said. */
static bool show_batch(struct event_list *list)
{
	struct lookup *lookup = list->lookup;
	char number[WHOLE_AT_ONCE][NUMBER_TEXT];
	const char *text[WHOLE_AT_ONCE];
	size_t count = 0;
	bool is_shown = true;

	lookup->batch = list->batch.of;
	lookup->batch_count = list->batch.count;
	for (size_t i = 0; i < list->batch.count && is_shown && !list->is_full; i++) {
		const struct lookups_candidate *at = &list->batch.of[i];

		if (!lookup->members.is_mine &&
		    !lookups_may_read(lookup, at->topic, strlen(at->topic)))
			continue;
		(void)snprintf(number[count], NUMBER_TEXT, "%" PRId64, at->seq);
		text[count] = number[count];
		if (++count == WHOLE_AT_ONCE) {
			is_shown = show(list, count, text);
			count = 0;
		}
	}
	if (is_shown && !list->is_full)
		is_shown = show(list, count, text);
	lookup->batch_count = 0;
	return is_shown && !lookup->is_failed;
}

/* Batch by batch until the answer is full, all was looked at or it took long enough. */
static bool list_events(struct event_list *list)
{
	struct lookup *lookup = list->lookup;
	int64_t floor;

	do {
		if (!read_batch(list, &floor) || !show_batch(list))
			return false;
		if (!list->is_full && floor == INT64_MIN)
			return true; /* there are no more */
		list->below = list->is_full ? list->last : floor;
		list->at_once = LOOKUPS_AT_ONCE;
	} while (!list->is_full && !lookups_is_enough(lookup));
	(void)snprintf(lookup->next, sizeof(lookup->next), "%" PRId64, list->below);
	return true;
}

/* ---- what is asked --------------------------------------------------------------------------- */

static void add_filter(struct event_list *list, const char *column, enum query_test test,
		       const char *text)
{
	list->filter[list->filter_count++] = (struct query_filter){ column, test, text };
}

/* Are there few events since then? They are found by their time. */
static bool find_recent(struct event_list *list)
{
	static const char *const column[] = { "received_at" };
	const struct query_filter filter = { "received_at", QUERY_FROM, list->since };
	const struct query_wanted wanted = { .table = "events",
					     .filter_count = 1,
					     .filter = &filter,
					     .by = "received_at",
					     .column_count = 1,
					     .column = column };
	bool has_many = false;

	if (!list->since[0])
		return true;
	if (!lookups_is_many(list->lookup, &wanted, &has_many))
		return false;
	list->is_recent = !has_many;
	return true;
}

/* How the events are found. False: it failed, which is said. */
static bool choose_way(struct event_list *list)
{
	const struct control_members *asked = &list->lookup->members;

	if (!find_recent(list))
		return false;
	list->is_plain = asked->topic || list->is_recent;
	if (list->is_plain || asked->is_mine)
		list->reach.is_all = true;
	else if (!lookups_find_reach(list->lookup, asked->prefix ? asked->prefix : "",
				     &list->reach))
		return false;
	if (list->reach.is_all && !asked->is_mine && !list->since[0])
		list->is_plain = true;
	list->is_gone_through = list->reach.is_all || list->reach.many_count > 0;
	list->is_few_over = list->reach.few_count == 0;
	return true;
}

static void set_filters(struct event_list *list)
{
	const struct lookup *lookup = list->lookup;
	const struct control_members *asked = &lookup->members;

	if (asked->topic)
		add_filter(list, "topic", QUERY_IS, asked->topic);
	if (asked->prefix && asked->prefix[0])
		add_filter(list, "topic", QUERY_BEGINS, asked->prefix);
	if (list->since[0])
		add_filter(list, "received_at", QUERY_FROM, list->since);
	if (asked->is_mine) {
		add_filter(list, "publisher", QUERY_IS, lookup->who.principal->name);
		add_filter(list, "client_id", QUERY_IS, lookup->who.client_id);
	}
}

static bool list_all(struct event_list *list)
{
	struct lookup *lookup = list->lookup;
	const struct control_members *asked = &lookup->members;

	/* Of one topic the answer is the same for all of its events. */
	if (asked->topic && !asked->is_mine &&
	    !lookups_may_read(lookup, asked->topic, strlen(asked->topic)))
		return !lookup->is_failed;
	if (asked->after)
		list->below = strtoll(asked->after, NULL, 10);
	set_filters(list);
	return choose_way(list) && list_events(list);
}

json_t *lookups_list_events(struct lookup *lookup)
{
	const struct control_members *asked = &lookup->members;
	struct event_list *list;
	bool is_listed;

	if (asked->prefix && strlen(asked->prefix) >= TOPIC_MAX) {
		(void)lookups_fail(lookup, NULL, "prefix: is longer than a topic");
		return NULL;
	}
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	list->lookup = lookup;
	list->below = INT64_MAX;
	list->stretch = STRETCH_MIN;
	list->at_once = lookup->limit < LOOKUPS_AT_ONCE ? lookup->limit + 1 : LOOKUPS_AT_ONCE;
	is_listed = lookups_is_place(lookup, asked->after) &&
		    (!asked->since || lookups_time(lookup, "since", asked->since, list->since)) &&
		    list_all(list);
	clear(&list->few);
	clear(&list->many);
	clear(&list->batch);
	free(list);
	return is_listed ? lookups_page(lookup, "rows") : NULL;
}
