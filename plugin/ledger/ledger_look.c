/*
 * ledger_look.c -- looks up an entity, or what was accepted before: in memory, else in the
 * database.
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"
#include "ledger/record.h"

/* ---- entities ------------------------------------------------------------------------------ */

__attribute__((cold)) static int fail_no_entity(unsigned entity, struct diag *diag)
{
	return diag_set(diag, ERR_INVALID, "the plan has no entity %u", entity);
}

static int check_id(const char *id, size_t len, struct diag *diag)
{
	if (len == 0 || len > ENTITY_ID_MAX || memchr(id, '\0', len))
		return diag_set(diag, ERR_LIMIT, "an id has 1 to %u bytes, none of them 0",
				ENTITY_ID_MAX);
	return 0;
}

int ledger_set_key(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		   struct diag *diag)
{
	struct entitykey *key = &l->key;

	if (entity >= l->entity_count)
		return fail_no_entity(entity, diag);
	if (id_len == key->len && key->table == l->entity[entity].layout.memory && id_len > 0 &&
	    memcmp(id, key->id, id_len) == 0)
		return 0;
	if (l->entity[entity].layout.memory == 0)
		return ledger_fail_lacking(l, entity, diag);
	if (check_id(id, id_len, diag))
		return ERR_LIMIT;
	memcpy(l->key_id, id, id_len);
	*key = entitykey_make(l->secret, l->entity[entity].number.table, l->key_id, id_len);
	key->table = l->entity[entity].layout.memory;
	return 0;
}

uint64_t ledger_seed(const struct ledger *l)
{
	return l->seed;
}

/* What is known of the entity under l->key. */
static int find(struct ledger *l, unsigned entity, struct state_facts **ret, struct diag *diag)
{
	const struct entitykey *key = &l->key;
	struct state_facts *facts;
	bool is_new;
	int rc;

	state_settle(l->state, writer_applied(l->writer));
	*ret = state_find(l->state, key);
	if (*ret) {
		l->hits++;
		return 0;
	}
	is_new = idfilter_is_new(l->idfilter, key);
	if (is_new) {
		l->hits++;
	} else {
		l->misses++;
		rc = store_reader_find(l->reader, entity, key->id, key->len, &l->scratch, diag);
		if (rc)
			return rc;
		if (l->is_shared)
			l->scratch.seen_ms = ledger_seen_ms();
	}
	facts = state_add(l->state, key);
	*ret = facts ? facts : &l->scratch;
	if (is_new)
		memset(*ret, 0, sizeof(**ret));
	else if (facts)
		*facts = l->scratch;
	return 0;
}

void ledger_expect(struct ledger *l, unsigned entity, const char *id, size_t id_len)
{
	if (l->is_reader || !ledger_catch_up(l) || ledger_set_key(l, entity, id, id_len, NULL) != 0)
		return;
	state_expect(l->state, &l->key);
	idfilter_expect(l->idfilter, &l->key);
}

void ledger_expect_more(struct ledger *l)
{
	if (l->key.len > 0)
		state_expect_more(l->state, &l->key);
}

/* For a reader without a store: the table may be missing, and no caller has checked the id. */
static int look_alone(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		      struct state_facts *ret, struct diag *diag)
{
	int rc = entity < l->entity_count ? check_id(id, id_len, diag)
					  : fail_no_entity(entity, diag);

	return rc ? rc : store_reader_find(l->reader, entity, id, id_len, ret, diag);
}

int ledger_find_facts(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		      struct state_facts **ret, struct diag *diag)
{
	int rc;

	*ret = &l->scratch;
	if (l->is_reader)
		return look_alone(l, entity, id, id_len, *ret, diag);
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	rc = ledger_set_key(l, entity, id, id_len, diag);
	return rc ? rc : find(l, entity, ret, diag);
}

static void show(const struct state_facts *facts, struct ledger_state *ret)
{
	ret->is_known = facts->is_known;
	ret->owner = facts->owner;
	ret->link = facts->link;
	for (size_t i = 0; i < ENTITY_SLOTS_MAX; i++)
		ret->status[i] = facts->status[i];
	ret->revision = facts->revision;
}

int ledger_look(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		struct ledger_state *ret, struct diag *diag)
{
	struct state_facts *facts;
	int rc = ledger_find_facts(l, entity, id, id_len, &facts, diag);

	if (rc == 0)
		show(facts, ret);
	return rc;
}

int ledger_look_stored(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		       struct ledger_state *ret, struct diag *diag)
{
	int rc = ledger_catch_up(l) ? ledger_set_key(l, entity, id, id_len, diag)
				    : ledger_fail_closed(l, diag);

	if (rc == 0)
		rc = store_reader_find(l->reader, entity, l->key.id, l->key.len, &l->scratch, diag);
	if (rc == 0)
		show(&l->scratch, ret);
	return rc;
}

int ledger_find_unchanged(struct ledger *l, const struct ledger_unchanged_query *asked,
			  ledger_unchanged_visit *visit, void *ctx, struct diag *diag)
{
	const struct ledger_entity *entity;

	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	entity = asked->entity < l->entity_count ? &l->entity[asked->entity] : NULL;
	if (!entity || asked->slot >= entity->entity->slot_count)
		return diag_set(diag, ERR_INVALID, "the plan has no such status");
	if (l->entity[asked->entity].layout.memory == 0 ||
	    (!l->has_all && !entity->is_timed[asked->slot]))
		return ledger_fail_lacking(l, asked->entity, diag);
	if (!entity->is_timed[asked->slot])
		return diag_set(diag, ERR_INVALID, "the plan has no such timed status");
	return store_reader_unchanged(l->reader, asked, visit, ctx, diag);
}

/* ---- the last message of a channel about an entity ----------------------------------------- */

/*
 * What is known of a channel is one number: odd, the content; even, with PLACE, where the journal
 * has or had the record; 0, that others have filled its columns since.
 */
enum { CONTENT = 1, PLACE = 2, FLAGS = 7 }; /* places are multiples of 8 */

/* Never 0. Where two channels of an entity have the same, each takes the place of the other. */
static uint16_t short_mark(uint64_t mark)
{
	uint16_t low = (uint16_t)mark;

	return low ? low : 1;
}

/* Where the channel is, or goes to: a free place, else one of the others'. */
static size_t place_of(const struct state_facts *facts, uint64_t mark)
{
	uint16_t wanted = short_mark(mark);

	for (size_t i = 0; i < LEDGER_LAST_MAX; i++)
		if (facts->mark[i] == wanted || facts->mark[i] == 0)
			return i;
	return wanted % LEDGER_LAST_MAX;
}

static void put(struct state_facts *facts, uint64_t mark, uint64_t last)
{
	size_t i = place_of(facts, mark);

	facts->mark[i] = short_mark(mark);
	facts->last[i] = last;
}

void ledger_keep_last(struct state_facts *facts, const struct ledger_write *write, uint64_t place)
{
	for (size_t i = 0; write->is_shared && i < LEDGER_LAST_MAX; i++)
		facts->last[i] = 0;
	if (write->mark)
		put(facts, write->mark, write->content ? write->content : place | PLACE);
}

void ledger_keep_last_step(struct state_facts *facts, const struct ledger_write *write)
{
	for (size_t i = 0; write->is_shared && i < LEDGER_LAST_MAX; i++)
		facts->last[i] = 0;
	if (write->mark)
		put(facts, write->mark, write->content);
}

/* From the journal. False where the record is not there any more. */
static bool reread(const struct ledger *l, uint64_t last, const struct ledger_last_query *asked,
		   struct ledger_last_message *ret)
{
	struct value value[ENTITY_COLUMNS_MAX];
	struct record record;
	size_t len;
	const void *body = journal_reread(l->journal, last & ~(uint64_t)FLAGS, &len);

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
static int read_back(struct ledger *l, const struct ledger_last_query *asked,
		     struct ledger_last_message *ret, struct diag *diag)
{
	uint64_t revision;
	int rc = store_reader_last(l->reader, asked->topic, asked->topic_len, &ret->payload,
				   &ret->payload_len, &revision, diag);

	if (rc == 0 && asked->is_shared && revision != asked->revision)
		ret->payload = NULL;
	return rc;
}

/*
 * A channel that is not known had no message since the entity was read from the database; but one
 * that others took the place of may have had some, and the last may be in the journal only.
 */
static bool may_be_forgotten(const struct ledger *l, const struct state_facts *facts)
{
	return facts->mark[LEDGER_LAST_MAX - 1] != 0 && facts != &l->scratch &&
	       state_is_pinned(l->state, facts);
}

int ledger_find_last(struct ledger *l, const struct ledger_last_query *asked,
		     struct ledger_last_message *ret, struct diag *diag)
{
	struct state_facts *facts;
	uint64_t last;
	size_t i;
	int rc;

	*ret = (struct ledger_last_message){ 0 };
	if (l->is_reader)
		return read_back(l, asked, ret, diag);
	rc = ledger_find_facts(l, asked->entity, asked->id, asked->id_len, &facts, diag);
	if (rc)
		return rc;
	i = place_of(facts, asked->mark);
	last = facts->last[i];
	if (facts->mark[i] != short_mark(asked->mark))
		return may_be_forgotten(l, facts) ? 0 : read_back(l, asked, ret, diag);
	ret->content = last & CONTENT ? last : 0;
	if (last == 0 || ret->content || reread(l, last, asked, ret))
		return 0;
	return read_back(l, asked, ret, diag);
}

void ledger_keep_content(struct ledger *l, const struct ledger_last_query *asked, uint64_t content)
{
	struct state_facts *facts;

	if (!l->is_reader &&
	    ledger_find_facts(l, asked->entity, asked->id, asked->id_len, &facts, NULL) == 0)
		put(facts, asked->mark, content);
}

/* ---- messages that come again -------------------------------------------------------------- */

bool ledger_has_unique(struct ledger *l, const char *publisher, uint64_t unique)
{
	return !l->is_reader && ledger_catch_up(l) &&
	       accepted_has(&l->unique, wordhash(l->seed, publisher, strlen(publisher)), unique,
			    UINT64_MAX);
}

void ledger_remember(struct ledger *l, uint64_t sender, uint64_t digest)
{
	/* The next number: for each present session, it was accepted after the session began. */
	if (!l->is_reader && ledger_catch_up(l))
		accepted_add(&l->accepted, sender, digest, l->last_seq + 1);
}

int ledger_was_accepted(struct ledger *l, const struct ledger_resend_query *asked, bool may_read,
			struct diag *diag)
{
	uint64_t until_seq = asked->until_seq;

	if (l->is_reader)
		return 0;
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	if (until_seq < l->opened_seq)
		until_seq = l->opened_seq; /* before the ledger was open, no message was accepted */
	if (asked->sender && accepted_has(&l->accepted, asked->sender, asked->digest, until_seq))
		return 1;
	return may_read ? store_reader_resent(l->reader, asked, until_seq, diag) : 0;
}

/* ---- what is retained ---------------------------------------------------------------------- */

static int read_rows(struct ledger *l, enum store_read rows, const char *topic, size_t topic_len,
		     unsigned limit, ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	int rc;

	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	rc = store_reader_visit(l->reader, rows, topic, topic_len, limit, visit, ctx, diag);
	return rc < 0 ? rc : rc == (int)limit;
}

int ledger_retained_find(struct ledger *l, const char *topic, size_t topic_len,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	return read_rows(l, STORE_READ_RETAINED, topic, topic_len, 1, visit, ctx, diag);
}

int ledger_retained_find_each(struct ledger *l, const struct ledger_topic *topic, size_t count,
			      ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_visit_each(l->reader, topic, count, visit, ctx, diag);
}

int ledger_event_find(struct ledger *l, const char *topic, size_t topic_len,
		      ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	if (l->is_reader)
		return 0;
	return read_rows(l, STORE_READ_EVENT, topic, topic_len, 1, visit, ctx, diag);
}

int ledger_retained_next(struct ledger *l, const char *topic, size_t topic_len, unsigned limit,
			 ledger_retained_visit *visit, void *ctx, struct diag *diag)
{
	return read_rows(l, STORE_READ_RETAINED_NEXT, topic, topic_len, limit, visit, ctx, diag);
}

int ledger_letter_find(struct ledger *l, const char *decision_id, ledger_letter_visit *visit,
		       void *ctx, struct diag *diag)
{
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	return store_reader_letter(l->reader, decision_id, visit, ctx, diag);
}

/* ---- how far the writer is ----------------------------------------------------------------- */

bool ledger_is_open(struct ledger *l)
{
	return ledger_catch_up(l);
}

uint64_t ledger_last(struct ledger *l)
{
	return ledger_catch_up(l) ? l->last_seq : 0;
}

uint64_t ledger_arrived(struct ledger *l)
{
	return ledger_catch_up(l) ? writer_applied(l->writer) : 0;
}

void ledger_hurry(struct ledger *l)
{
	if (ledger_catch_up(l))
		writer_wake(l->writer);
}

int ledger_flush(struct ledger *l, unsigned timeout_ms, struct diag *diag)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	int64_t until = clock_mono_ns() + timeout_ms * INT64_C(1000000);

	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	while (writer_applied(l->writer) < l->last_seq) {
		if (clock_mono_ns() > until)
			return diag_set(diag, ERR_BUSY,
					"%s: the database did not take all writes in %u ms",
					l->path, timeout_ms);
		writer_wake(l->writer);
		(void)nanosleep(&moment, NULL);
	}
	return 0;
}
