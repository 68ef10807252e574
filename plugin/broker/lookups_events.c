/* lookups_events.c -- one event: who may read it, and as what it is shown. */
#include <string.h>

#include "broker/lookups_internal.h"
#include "report/rowjson.h"

#define TOPIC_MAX 65536u

/* ---- one ----------------------------------------------------------------------------------- */

static const char *text_of(const struct query_row *row, const char *name, size_t *len)
{
	const struct query_cell *cell = query_cell(row, name);

	*len = cell && cell->type == VALUE_TEXT ? cell->len : 0;
	return *len > 0 ? cell->text : "";
}

bool lookups_may_read(struct lookup *lookup, const char *topic, size_t len)
{
	lookup->asks.message = (struct message){ .topic = topic, .topic_len = len };
	gate_decide(&lookup->gate, lookup->who.principal, &lookup->asks, &lookup->decision);
	lookup->asks.message = (struct message){ .topic = NULL };
	return lookup->decision.verdict == VERDICT_ALLOW;
}

static bool is_readable(struct lookup *lookup, const struct query_row *row)
{
	char topic[TOPIC_MAX];
	size_t len;
	const char *text = text_of(row, "topic", &len);

	if (len == 0 || len >= sizeof(topic) || memchr(text, '\0', len))
		return false;
	memcpy(topic, text, len);
	topic[len] = '\0';
	return lookups_may_read(lookup, topic, len);
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

json_t *lookups_event_json(const struct query_row *row)
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
	ret = lookups_event_json(row);
	if (!ret)
		lookup->is_failed = true;
	return ret;
}
