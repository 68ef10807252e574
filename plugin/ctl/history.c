#include "ctl/history.h"

#include <stdio.h>
#include <string.h>

#include "ctl/cells.h"

struct history {
	const struct contract *contract;
	const struct contract_channel *channel;
	const char *id;
	json_t *events; /* sorted by seq */
};

/* Events of one channel come in order; those of several are merged. */
static bool on_event(const struct query_row *row, void *ctx)
{
	struct history *history = ctx;
	const struct query_cell *topic = query_cell(row, "topic");
	const struct contract_mapping *mapping = history->channel->mapping;
	struct contract_match match;
	size_t at = json_array_size(history->events);
	json_t *event;
	json_int_t seq;

	match = topics_match(history->contract->topics, topic->text, topic->len);
	if (match.channel != history->channel ||
	    match.param[mapping->param].len != strlen(history->id) ||
	    memcmp(match.param[mapping->param].text, history->id, strlen(history->id)) != 0)
		return true;
	event = cells_json(row);
	seq = json_integer_value(json_object_get(event, "seq"));
	while (at > 0 && json_integer_value(json_object_get(json_array_get(history->events, at - 1),
							    "seq")) > seq)
		at--;
	return json_array_insert_new(history->events, at, event) == 0;
}

/* The topic of @channel with @id in its place, up to a parameter that is something else. */
static void topic_head(const struct contract_channel *channel, const char *id, char *ret,
		       size_t cap, bool *is_whole)
{
	const char *name = channel->param[channel->mapping->param].name;
	const char *at = channel->address;
	size_t used = 0;

	*is_whole = true;
	while (*at && used + 1 < cap) {
		if (*at != '{') {
			ret[used++] = *at++;
			continue;
		}
		if (strncmp(at + 1, name, strlen(name)) != 0 || at[1 + strlen(name)] != '}') {
			*is_whole = false;
			break;
		}
		used += (size_t)snprintf(ret + used, cap - used, "%s", id);
		used = used < cap ? used : cap - 1;
		at += strlen(name) + 2;
	}
	ret[used] = '\0';
}

int history_add(struct query *query, const struct contract *contract, const char *table,
		const char *id, json_t *ret, struct diag *diag)
{
	struct history history = { .contract = contract, .id = id, .events = ret };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < contract->channel_count; i++) {
		char topic[1024];
		struct query_filter filter = { .column = "topic", .text = topic };
		struct query_wanted ask = {
			.table = "events", .filter_count = 1, .filter = &filter, .order = "seq"
		};
		bool is_whole;

		history.channel = &contract->channel[i];
		if (!history.channel->mapping ||
		    strcmp(history.channel->mapping->entity->table, table) != 0)
			continue;
		topic_head(history.channel, id, topic, sizeof(topic), &is_whole);
		filter.test = is_whole ? QUERY_IS : QUERY_BEGINS;
		rc = query_rows(query, &ask, on_event, &history, diag);
	}
	return rc;
}
