/* lookups_refusals.c -- refusals: listRefusals and countRefusals, for who may read all notices. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "broker/lookups_internal.h"
#include "report/rowjson.h"

#define TABLE "refusals"
#define PREFIX_MAX 65536u

/* One that may read its own notices alone sees none here. */
static bool may_read(struct lookup *lookup)
{
	const struct contract_channel *channel = lookup->who.rules->contract->notices;

	if (channel &&
	    gate_receives_all(&lookup->gate, lookup->who.principal, &lookup->asks, channel))
		return true;
	return lookups_fail_scope(lookup, channel ? channel->receive : NULL, "all refusals");
}

struct refusal_list {
	struct lookup *lookup;
	int64_t last;
	bool is_full;
};

static void rename_member(json_t *row, const char *from, const char *to)
{
	json_t *value = json_object_get(row, from);

	if (value)
		(void)json_object_set(row, to, value);
	(void)json_object_del(row, from);
}

static bool on_refusal(const struct query_row *row, void *ctx)
{
	struct refusal_list *list = ctx;
	const struct query_cell *seq = query_cell(row, "seq");
	json_t *json = rowjson(row, LOOKUPS_TEXT_MAX);

	(void)json_object_del(json, "share");
	rename_member(json, "message", "detail");
	if (!lookups_add_take(list->lookup, json)) {
		list->is_full = true;
		return false;
	}
	list->last = seq ? seq->integer : 0;
	return true;
}

static bool set_filters(struct lookup *lookup, char since[CLOCK_TEXT_MAX],
			char until[CLOCK_TEXT_MAX], char end[PREFIX_MAX],
			struct query_filter filter[QUERY_FILTERS_MAX], size_t *count)
{
	const struct control_members *asked = &lookup->members;

	if ((asked->since && !lookups_time(lookup, "since", asked->since, since)) ||
	    (asked->until && !lookups_time(lookup, "until", asked->until, until)) ||
	    !lookups_is_place(lookup, asked->after))
		return false;
	if (asked->topic && strlen(asked->topic) >= PREFIX_MAX)
		return lookups_fail(lookup, NULL, "topic: is longer than a topic");
	if (asked->reason)
		filter[(*count)++] = (struct query_filter){ "reason", QUERY_IS, asked->reason };
	if (asked->client)
		filter[(*count)++] = (struct query_filter){ "client_id", QUERY_IS, asked->client };
	if (asked->principal)
		filter[(*count)++] =
			(struct query_filter){ "principal", QUERY_IS, asked->principal };
	if (asked->topic && asked->topic[0])
		*count += lookups_range("topic", asked->topic, end, &filter[*count]);
	if (since[0])
		filter[(*count)++] = (struct query_filter){ "time", QUERY_FROM, since };
	if (until[0])
		filter[(*count)++] = (struct query_filter){ "time", QUERY_UNTIL, until };
	if (asked->after)
		filter[(*count)++] = (struct query_filter){ "seq", QUERY_BELOW, asked->after };
	return true;
}

json_t *lookups_list_refusals(struct lookup *lookup)
{
	char since[CLOCK_TEXT_MAX] = "", until[CLOCK_TEXT_MAX] = "", end[PREFIX_MAX];
	struct query_filter filter[QUERY_FILTERS_MAX];
	struct query_wanted wanted = { .table = TABLE,
				       .filter = filter,
				       .order = "seq",
				       .is_descending = true,
				       .limit = lookup->limit + 1,
				       .text_max = LOOKUPS_TEXT_MAX + 1 };
	struct refusal_list list = { .lookup = lookup };

	if (!may_read(lookup) ||
	    !set_filters(lookup, since, until, end, filter, &wanted.filter_count) ||
	    !lookups_read(lookup, &wanted, on_refusal, &list))
		return NULL;
	if (list.is_full)
		(void)snprintf(lookup->next, sizeof(lookup->next), "%" PRId64, list.last);
	return lookups_page(lookup, "rows");
}

struct counting {
	struct lookup *lookup;
	const char *column;
};

static bool on_group(const struct query_row *row, void *ctx)
{
	struct counting *counting = ctx;
	json_t *json = rowjson(row, LOOKUPS_TEXT_MAX);

	rename_member(json, counting->column, "value");
	return lookups_add_take(counting->lookup, json);
}

json_t *lookups_count_refusals(struct lookup *lookup)
{
	static const char *const columns[] = { "reason", "client_id", "principal", "topic" };
	struct counting counting = { .lookup = lookup };
	char since[CLOCK_TEXT_MAX] = "";
	const struct query_filter filter = { "time", QUERY_FROM, since };
	struct query_wanted wanted = { .table = TABLE, .filter = &filter };
	struct diag diag;
	int rc;

	if (!may_read(lookup))
		return NULL;
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (strcmp(lookup->members.by, columns[i]) == 0)
			counting.column = columns[i];
	if (!counting.column) {
		(void)lookups_fail(lookup, NULL,
				   "by: expected reason, client_id, principal or topic");
		return NULL;
	}
	if (lookup->members.since && !lookups_time(lookup, "since", lookup->members.since, since))
		return NULL;
	wanted.filter_count = since[0] ? 1 : 0;
	lookup->limit = wanted.limit = lookup->members.limit ? lookup->members.limit : 20;
	diag_init(&diag);
	rc = query_groups(lookup->query, &wanted, counting.column, "time", on_group, &counting,
			  &diag);
	if (rc && !lookups_fail_read(lookup, rc, &diag))
		return NULL;
	return lookup->is_failed ? NULL : json_pack("{sO}", "rows", lookup->rows);
}
