/*
 * repeat.c -- messages that repeat the current status, or an event that is unique: is one the same,
 * and is it allowed?
 *
 * Two messages of a channel are the same where all their bytes are, except those of the times that
 * the contract names (struct contract_content). The ledger knows the last message; if it does not,
 * the new message counts as different.
 */
#include <stdio.h>
#include <string.h>

#include "base/wordhash.h"
#include "schema/jsonspan.h"
#include "gate/judgement.h"

/* The bytes of a time, which do not count. */
struct gap {
	size_t start, end;
};

struct gaps {
	size_t count;
	struct gap gap[CONTRACT_TIMES_MAX]; /* in the order of the text */
};

static void add_gap(struct gaps *gaps, struct gap gap)
{
	size_t at = gaps->count++;

	for (; at > 0 && gaps->gap[at - 1].start > gap.start; at--)
		gaps->gap[at] = gaps->gap[at - 1];
	gaps->gap[at] = gap;
}

/* A number for the text between the gaps: odd, under a seed that others don't know. */
static uint64_t number_of(const struct judgement *j, const char *text, size_t len,
			  const struct gaps *gaps)
{
	uint64_t number = j->match->channel->content->mark ^ ledger_seed(j->gate->ledger);
	size_t at = 0;

	for (size_t i = 0; i < gaps->count; i++) {
		number = wordhash(number, text + at, gaps->gap[i].start - at);
		at = gaps->gap[i].end;
	}
	return wordhash(number, text + at, len - at) | 1;
}

/* Of a message that is not parsed, as it was accepted once, @payload is NULL. */
static inline uint64_t content_of(const struct judgement *j, const struct payload_value *payload,
				  const char *text, size_t len)
{
	const struct contract_content *content = j->match->channel->content;
	struct gaps gaps = { 0 };
	struct gap gap;

	for (size_t i = 0; i < content->time_count; i++) {
		const char *name = content->time[i].name;
		size_t name_len = content->time[i].len;

		if (payload ? payload_span(j->gate->parser, payload, text, len, name, name_len,
					   &gap.start, &gap.end)
			    : jsonspan_find(text, len, name, name_len, &gap.start, &gap.end))
			add_gap(&gaps, gap);
	}
	return number_of(j, text, len, &gaps);
}

uint64_t repeat_content(const struct judgement *j)
{
	return content_of(j, j->payload, j->request->message.payload,
			  j->request->message.payload_len);
}

/* The content of what the channel said last of the entity; 0: not known. As ledger_find_last(). */
static int recall(const struct judgement *j, uint64_t *ret)
{
	const struct contract_channel *channel = j->match->channel;
	const struct contract_span *id = &j->match->param[channel->mapping->param];
	const struct ledger_last_query asked = {
		.entity = channel->mapping->entity->index,
		.id = id->text,
		.id_len = id->len,
		.topic = j->request->message.topic,
		.topic_len = j->request->message.topic_len,
		.mark = channel->content->mark,
		.is_shared = channel->content->is_shared,
		.revision = j->state.revision,
	};
	struct ledger_last_message last;
	int rc = ledger_find_last(j->gate->ledger, &asked, &last, NULL);

	*ret = rc ? 0 : last.content;
	if (rc || !last.payload)
		return rc;
	*ret = content_of(j, NULL, last.payload, last.payload_len);
	ledger_keep_content(j->gate->ledger, &asked, *ret);
	return 0;
}

struct newest {
	const struct judgement *j;
	uint64_t content; /* 0: there is no event */
};

static void read_newest(const struct ledger_retained *row, void *ctx)
{
	struct newest *newest = ctx;
	size_t len = row->message.payload_len;

	newest->content = len > 0 ? content_of(newest->j, NULL, row->message.payload, len) : 0;
}

bool repeat_is_last(struct judgement *j)
{
	const struct contract_mapping *mapping = j->match->channel->mapping;
	const struct contract_span *id = &j->match->param[mapping->param];
	struct newest newest = { .j = j };
	uint64_t own;

	j->mapping = mapping;
	if (!j->gate->ledger || !message_rules_json(j) ||
	    !judgement_look(j, mapping->entity, id->text, id->len, &j->state))
		return true;
	own = repeat_content(j);
	if (recall(j, &newest.content))
		return true;
	/* Others have filled its columns since: the event is there all the same. */
	if (newest.content == 0)
		diag_ignore(ledger_event_find(j->gate->ledger, j->request->message.topic,
					      j->request->message.topic_len, read_newest, &newest,
					      NULL));
	return newest.content == 0 || newest.content == own;
}

static bool refuse(struct judgement *j, const char *why)
{
	const char *status = j->mapping->transitions->status[j->to];

	(void)snprintf(j->decision->current_status, sizeof(j->decision->current_status), "%s",
		       status);
	judgement_point_member(j, j->mapping->status_member.name, "repeat");
	return judgement_refuse(j, REASON_TRANSITION_ILLEGAL, "%s is %s already: %s",
				j->mapping->entity->name, status, why);
}

/* What is repeated is an entity's status, which is in a ledger: there is one. */
bool repeat_check(struct judgement *j)
{
	enum contract_repeat rule = j->mapping->transitions->repeat;
	uint64_t last;
	int rc;

	j->decision->is_repeat = true;
	if (j->request->is_source) {
		j->is_same = true; /* nothing is said, and nothing kept */
		return true;
	}
	j->content = repeat_content(j);
	if (rule == CONTRACT_REPEAT_REFUSE)
		return refuse(j, "this status may be published only once");
	rc = recall(j, &last);
	j->is_same = last == j->content;
	if (rc) /* it may be one that is sent again, which would be kept twice */
		return judgement_refuse(j, REASON_STORE_UNAVAILABLE,
					"the store can't be asked now");
	if (rule == CONTRACT_REPEAT_UPDATE || j->is_same)
		return true;
	return refuse(j,
		      last ? "nothing but the time may differ from what was said last"
			   : "the last message about it is not known any more, and may not change");
}

void repeat_take_over(struct judgement *j)
{
	uint64_t last;

	j->decision->is_repeat = true;
	j->content = repeat_content(j);
	j->is_same = recall(j, &last) == 0 && last == j->content;
}

/* ---- unique events ------------------------------------------------------------------------- */

/*
 * Where a channel has x-unique, messages of one principal on one topic with the same values in
 * these members are one event, however often they come. A message that lacks one of the members, or
 * has a null, an array or an object in it, is an event of its own.
 */

/* What kind of value it is counts, too: "1" and 1 are two. False: of no kind that can be compared.
 */
static bool add_value(uint64_t *hash, const struct payload_value *value)
{
	char room[PAYLOAD_BIG_ROOM];
	const char *text;
	int64_t integer;
	double real;
	size_t len;
	bool truth;

	if (!value)
		return false;
	if (payload_string(value, &text, &len)) {
		*hash = wordhash(*hash ^ 's', text, len);
	} else if (payload_integer(value, &integer)) {
		*hash = wordhash(*hash ^ 'i', &integer, sizeof(integer));
	} else if (payload_big(value, room, &text, &len)) {
		*hash = wordhash(*hash ^ 'n', text, len);
	} else if (payload_number(value, &real)) {
		*hash = wordhash(*hash ^ 'r', &real, sizeof(real));
	} else if (payload_boolean(value, &truth)) {
		*hash = wordhash(*hash ^ 'b', truth ? "1" : "0", 1);
	} else {
		return false;
	}
	return true;
}

bool repeat_is_said(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	const char *name = j->principal->name;
	uint64_t hash;

	j->unique = 0;
	if (!j->payload || !j->gate->ledger)
		return false;
	hash = wordhash(ledger_seed(j->gate->ledger), name, strlen(name));
	hash = wordhash(hash, j->request->message.topic, j->request->message.topic_len);
	for (unsigned i = 0; i < channel->unique_count; i++)
		if (!add_value(&hash, payload_member(j->payload, channel->unique[i].name,
						     channel->unique[i].len)))
			return false;
	j->unique = hash ? hash : 1;
	return ledger_has_unique(j->gate->ledger, name, j->unique);
}
