/*
 * What is known of a channel is one number: odd, the content; even, with PLACE, where the journal
 * has or had the record; 0, that others have filled its columns since.
 */
#include "ledger/said.h"

#include <string.h>

#include "ledger/ledger_internal.h"
#include "ledger/record.h"

enum { CONTENT = 1, PLACE = 2, FLAGS = 7 }; /* places are multiples of 8 */

/* Never 0. Where two channels of an entity have the same, each takes the place of the other. */
static uint16_t short_mark(uint64_t mark)
{
	uint16_t low = (uint16_t)mark;

	return low ? low : 1;
}

/* Where the channel is, or goes to: a free place, else one of the others'. */
static size_t find(const struct state_facts *facts, uint64_t mark)
{
	uint16_t wanted = short_mark(mark);

	for (size_t i = 0; i < LEDGER_SAID_MAX; i++)
		if (facts->mark[i] == wanted || facts->mark[i] == 0)
			return i;
	return wanted % LEDGER_SAID_MAX;
}

static void put(struct state_facts *facts, uint64_t mark, uint64_t said)
{
	size_t i = find(facts, mark);

	facts->mark[i] = short_mark(mark);
	facts->said[i] = said;
}

void said_keep(struct state_facts *facts, const struct ledger_write *write, uint64_t place)
{
	for (size_t i = 0; write->is_shared && i < LEDGER_SAID_MAX; i++)
		facts->said[i] = 0;
	if (write->mark)
		put(facts, write->mark, write->content ? write->content : place | PLACE);
}

/* From the journal. False where the record is not there any more. */
static bool reread(const struct ledger *l, uint64_t said, const struct ledger_said *asked,
		   struct ledger_recalled *ret)
{
	struct value value[ENTITY_COLUMNS_MAX];
	struct record record;
	size_t len;
	const void *body = journal_reread(l->journal, said & ~(uint64_t)FLAGS, &len);

	if (!body || record_decode(body, len, value, &record, NULL) != 0)
		return false;
	/* Another channel's, of the same short mark: of this one nothing is known. */
	if (record.topic.len == asked->topic_len &&
	    memcmp(record.topic.text, asked->topic, asked->topic_len) == 0) {
		ret->payload = record.payload.text;
		ret->payload_len = record.payload.len;
	}
	return true;
}

/* From the database. Where others fill the same columns, only if it was the entity's last write. */
static int read_back(struct ledger *l, const struct ledger_said *asked, struct ledger_recalled *ret,
		     struct diag *diag)
{
	uint64_t revision;
	int rc = store_reader_said(l->reader, asked->topic, asked->topic_len, &ret->payload,
				   &ret->payload_len, &revision, diag);

	if (rc == 0 && asked->is_shared && revision != asked->revision)
		ret->payload = NULL;
	return rc;
}

/*
 * A channel that is not known said nothing since the entity was read from the database; but one
 * that others took the place of may have, and what it said may be in the journal only.
 */
static bool may_be_forgotten(const struct ledger *l, const struct state_facts *facts)
{
	return facts->mark[LEDGER_SAID_MAX - 1] != 0 && facts != &l->scratch &&
	       state_is_pinned(l->state, facts);
}

int ledger_recall(struct ledger *l, const struct ledger_said *asked, struct ledger_recalled *ret,
		  struct diag *diag)
{
	struct state_facts *facts;
	uint64_t said;
	size_t i;
	int rc;

	*ret = (struct ledger_recalled){ 0 };
	if (l->is_reader)
		return read_back(l, asked, ret, diag);
	rc = ledger_find_facts(l, asked->entity, asked->id, asked->id_len, &facts, diag);
	if (rc)
		return rc;
	i = find(facts, asked->mark);
	said = facts->said[i];
	if (facts->mark[i] != short_mark(asked->mark))
		return may_be_forgotten(l, facts) ? 0 : read_back(l, asked, ret, diag);
	ret->content = said & CONTENT ? said : 0;
	if (said == 0 || ret->content || reread(l, said, asked, ret))
		return 0;
	return read_back(l, asked, ret, diag);
}

void ledger_keep_recalled(struct ledger *l, const struct ledger_said *asked, uint64_t content)
{
	struct state_facts *facts;

	if (!l->is_reader &&
	    ledger_find_facts(l, asked->entity, asked->id, asked->id_len, &facts, NULL) == 0)
		put(facts, asked->mark, content);
}
