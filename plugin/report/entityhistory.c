#include "report/entityhistory.h"

#include <stdio.h>
#include <string.h>

/* The events of one channel. */
struct channel_reading {
	const struct entityhistory *wanted;
	const struct contract_channel *channel;
	json_t *events; /* sorted by seq */
	size_t found;   /* of this channel */
};

/* Is the topic one of the channel's, about the entity? */
static bool is_about(const struct channel_reading *reading, const struct query_cell *topic)
{
	const struct contract_mapping *mapping = reading->channel->mapping;
	const char *id = reading->wanted->id;
	struct contract_match match;

	if (!topic || topic->type != VALUE_TEXT)
		return false;
	match = topics_match(reading->wanted->contract->topics, topic->text, topic->len);
	return match.channel == reading->channel && match.param[mapping->param].len == strlen(id) &&
	       memcmp(match.param[mapping->param].text, id, strlen(id)) == 0;
}

/* Events of one channel come in order; those of several are merged. */
static bool insert(struct channel_reading *reading, json_t *event)
{
	json_t *events = reading->events;
	size_t at = json_array_size(events), limit = reading->wanted->limit;
	json_int_t seq = json_integer_value(json_object_get(event, "seq"));

	while (at > 0 &&
	       json_integer_value(json_object_get(json_array_get(events, at - 1), "seq")) > seq)
		at--;
	if (json_array_insert_new(events, at, event))
		return false;
	if (limit > 0 && json_array_size(events) > limit)
		(void)json_array_remove(events, limit);
	return true;
}

static bool on_event(const struct query_row *row, void *ctx)
{
	struct channel_reading *reading = ctx;
	json_t *event;

	if (!is_about(reading, query_cell(row, "topic")))
		return true;
	event = reading->wanted->make(reading->wanted->ctx, row);
	if (!event)
		return true;
	reading->found++;
	return insert(reading, event) &&
	       (reading->wanted->limit == 0 || reading->found < reading->wanted->limit);
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

static int read_channel(struct query *query, struct channel_reading *reading, struct diag *diag)
{
	char topic[1024];
	struct query_filter filter[2] = { { .column = "topic", .text = topic },
					  { "seq", QUERY_AFTER, reading->wanted->after } };
	struct query_wanted ask = { .table = "events",
				    .filter_count = reading->wanted->after ? 2 : 1,
				    .filter = filter,
				    .order = "seq",
				    .text_max = reading->wanted->text_max };
	bool is_whole;

	topic_head(reading->channel, reading->wanted->id, topic, sizeof(topic), &is_whole);
	filter[0].test = is_whole ? QUERY_IS : QUERY_BEGINS;
	return query_rows(query, &ask, on_event, reading, diag);
}

int entityhistory_read(struct query *query, const struct entityhistory *wanted, json_t *ret,
		       struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < wanted->contract->channel_count; i++) {
		struct channel_reading reading = { .wanted = wanted,
						   .channel = &wanted->contract->channel[i],
						   .events = ret };

		if (reading.channel->mapping &&
		    strcmp(reading.channel->mapping->entity->table, wanted->table) == 0)
			rc = read_channel(query, &reading, diag);
	}
	return rc;
}
