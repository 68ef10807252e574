/*
 * ledger_step.c -- writes that a shared database has before they are acknowledged, and reads that
 * confirm what is known of an entity.
 *
 * Nothing in memory is trusted for such a write: the database takes it only where the row is still
 * what it was decided on. Where it is not, the row is read, and the caller decides again.
 *
 * A write whose outcome is unknown stays known here by its sender and its digest, with the number
 * that it was given. When the message comes again it gets the same number: the table of events
 * takes each number once, so that the message is kept once, whatever became of the first try.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"
#include "ledger/pg_live.h"
#include "ledger/pg_watch.h"
#include "ledger/record.h"

/* When the database is asked what became of a message that nobody sends again, or has not yet. */
#define LOOK_NS INT64_C(1000000000)
#define LOOK_LATER_NS INT64_C(60000000000)
#define LOOKS 10u

static const uint64_t took_bounds[] = { 250,   500,   1000,   2000,   5000,   10000,
					20000, 50000, 100000, 200000, 500000, 1000000 };

bool ledger_shares_database(const struct ledger *l)
{
	return l->is_shared;
}

uint64_t ledger_last_step(const struct ledger *l)
{
	return atomic_load(&l->steps.last);
}

uint32_t ledger_seen_ms(void)
{
	uint32_t ms = (uint32_t)(clock_mono_ns() / 1000000);

	return ms ? ms : 1;
}

int ledger_step_open(struct ledger *l, struct store_reader *reader, struct diag *diag)
{
	struct pg_live *live = store_reader_live(reader);
	uint64_t last = 0;
	int rc;

	l->steps.took.bound = took_bounds;
	l->steps.took.bounds = sizeof(took_bounds) / sizeof(took_bounds[0]);
	rc = store_reader_step_last(reader, l->broker, &last, diag);
	if (rc == 0)
		atomic_store(&l->steps.last, last);
	if (rc == 0 && l->strict_ms > 0)
		pg_live_set_wait(live, l->strict_ms);
	return rc;
}

/* ---- figures --------------------------------------------------------------------------------- */

#define PROBES 20u

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

bool ledger_step_line(struct ledger *l, struct diag *ret)
{
	uint64_t us[PROBES], sum = 1;

	if (!l->is_shared || l->steps.is_probed || store_probe(l->store, PROBES, us, NULL) != 0)
		return false; /* what is wrong is said by the next batch; then it is tried again */
	l->steps.is_probed = true;
	for (size_t i = 0; i < PROBES; i++)
		sum += us[i];
	qsort(us, PROBES, sizeof(us[0]), compare);
	(void)diag_set(ret, 0, "%s: strict steps: about %llu a second (p50 %.1f ms, p95 %.1f ms)",
		       l->path, (unsigned long long)(PROBES * 1000000 / sum),
		       (double)us[PROBES / 2] / 1000, (double)us[PROBES - 2] / 1000);
	return true;
}

void ledger_step_facts(struct ledger *l, bool is_open, struct ledger_facts *ret)
{
	if (!l->is_shared)
		return;
	ret->is_shared = true;
	ret->steps_kept = l->steps.kept;
	ret->steps_stale = l->steps.stale;
	ret->steps_doubts = l->steps.doubts;
	ret->steps_refused = l->steps.refused;
	ret->step_us = is_open ? &l->steps.took : NULL;
	ret->is_away = !is_open || !pg_live_is_up(store_reader_live(l->reader));
}

/* ---- what the database has of an entity ----------------------------------------------------- */

static bool take_text(char *to, const char *from, size_t size)
{
	if (strcmp(to, from) == 0)
		return false;
	(void)memcpy(to, from, size);
	return true;
}

/*
 * Where writes of the entity wait in the journal, the database does not have all that is known: of
 * the statuses those count that never go through the journal. Owner and link keep their first
 * value.
 */
static bool take_row(const struct ledger *l, const struct entity *entity,
		     const struct state_facts *row, struct state_facts *facts)
{
	bool is_pinned = facts != &l->scratch && state_is_pinned(l->state, facts);
	bool is_changed = false;

	for (size_t i = 0; i < entity->slot_count; i++)
		if (!is_pinned || entity->is_strict[i])
			is_changed |=
				take_text(facts->status[i], row->status[i], sizeof(row->status[i]));
	if (!is_pinned || row->owner[0])
		is_changed |= take_text(facts->owner, row->owner, sizeof(row->owner));
	if (!is_pinned || row->link[0])
		is_changed |= take_text(facts->link, row->link, sizeof(row->link));
	if (!is_pinned) {
		is_changed |= facts->revision != row->revision;
		facts->revision = row->revision;
		facts->is_known = row->is_known;
	} else {
		facts->is_known |= row->is_known;
	}
	facts->seen_ms = ledger_seen_ms();
	if (!is_changed)
		return false;
	/* The last messages: the database has them, or it is not known which are. */
	memset(facts->last, 0, sizeof(facts->last));
	if (!is_pinned)
		memset(facts->mark, 0, sizeof(facts->mark));
	return true;
}

/* Reads the row of the entity under l->key. 1: something else is known now; 0; or an error. */
static int read_row(struct ledger *l, unsigned entity, struct state_facts *facts, struct diag *diag)
{
	struct state_facts row;
	bool was_known = facts->is_known;
	int rc = store_reader_find(l->reader, entity, l->key.id, l->key.len, &row, diag);

	if (rc)
		return rc;
	rc = take_row(l, l->entity[entity].entity, &row, facts);
	if (facts->is_known && !was_known)
		idfilter_add(l->idfilter, &l->key);
	return rc;
}

int ledger_confirm(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		   unsigned age_ms, struct diag *diag)
{
	struct state_facts *facts;
	int rc;

	if (!l->is_shared)
		return 0;
	rc = ledger_find_facts(l, entity, id, id_len, &facts, diag);
	if (rc)
		return rc;
	if (facts->seen_ms && ledger_seen_ms() - facts->seen_ms < age_ms)
		return 0;
	return read_row(l, entity, facts, diag);
}

/* ---- messages in doubt ---------------------------------------------------------------------- */

/* The number under which the message may be kept, or 0. */
static uint64_t find_doubt(const struct ledger *l, const struct ledger_write *write)
{
	for (size_t i = 0; write->sender && i < LEDGER_DOUBTS; i++)
		if (l->steps.doubt[i].number && l->steps.doubt[i].sender == write->sender &&
		    l->steps.doubt[i].digest == write->digest)
			return l->steps.doubt[i].number;
	return 0;
}

static void forget_doubt(struct ledger *l, uint64_t number)
{
	for (size_t i = 0; i < LEDGER_DOUBTS; i++)
		if (l->steps.doubt[i].number == number)
			l->steps.doubt[i].number = 0;
}

static void note_doubt(struct ledger *l, const struct ledger_write *write, uint64_t number)
{
	struct ledger_doubt *doubt = &l->steps.doubt[l->steps.next_doubt];

	l->steps.doubts++;
	forget_doubt(l, number);
	l->steps.next_doubt = (l->steps.next_doubt + 1) % LEDGER_DOUBTS;
	*doubt = (struct ledger_doubt){ .number = number,
					.sender = write->sender,
					.digest = write->digest };
	doubt->look_ns = clock_mono_ns() + (write->sender ? LOOK_LATER_NS : LOOK_NS);
	if (write->message.topic_len < sizeof(doubt->topic)) {
		doubt->topic_len = write->message.topic_len;
		memcpy(doubt->topic, write->message.topic, doubt->topic_len);
	}
}

/* Where the database does not have it by then, its server has long given it up. */
static bool look_again(struct ledger *l, struct ledger_doubt *doubt)
{
	int rc = store_reader_step_find(l->reader, l->broker, doubt->number, NULL);

	doubt->look_ns = clock_mono_ns() + LOOK_LATER_NS;
	if (rc == 1 || (rc == 0 && ++doubt->looks == LOOKS))
		doubt->number = 0;
	return rc == 1;
}

bool ledger_settled(struct ledger *l, const char **topic, size_t *len)
{
	int64_t now_ns;

	if (l->steps.doubts == 0 || !ledger_catch_up(l))
		return false;
	now_ns = clock_mono_ns();
	for (size_t i = 0; i < LEDGER_DOUBTS; i++) {
		struct ledger_doubt *doubt = &l->steps.doubt[i];

		if (doubt->number == 0 || doubt->look_ns > now_ns)
			continue;
		if (!look_again(l, doubt) || doubt->topic_len == 0)
			return false; /* one read in a turn */
		*topic = doubt->topic;
		*len = doubt->topic_len;
		return true;
	}
	return false;
}

/* ---- the write ------------------------------------------------------------------------------ */

/* A write on its way: what the functions below share. */
struct stepping {
	struct ledger *l;
	const struct ledger_write *write;
	struct state_facts *facts; /* NULL: of no entity */
	struct record record;
	struct store_step step;
	bool is_again; /* it was in doubt */
};

static void remember(struct stepping *s, uint64_t revision)
{
	struct ledger *l = s->l;
	struct state_facts *facts = s->facts;
	bool is_pinned = facts && facts != &l->scratch && state_is_pinned(l->state, facts);

	if (s->write->unique)
		accepted_add(&l->unique,
			     wordhash(l->seed, s->record.publisher.text, s->record.publisher.len),
			     s->write->unique, l->last_seq);
	if (s->write->sender && s->write->is_unrecorded)
		accepted_add(&l->accepted, s->write->sender, s->write->digest, l->last_seq + 1);
	if (!facts)
		return;
	facts->seen_ms = ledger_seen_ms();
	if (s->write->is_guard)
		return;
	if (!facts->is_known)
		idfilter_add(l->idfilter, &l->key);
	ledger_move_on(&l->entity[s->write->entity], s->write, &s->record, facts);
	if (!is_pinned) /* else it counts those, too, which the database does not have yet */
		facts->revision = revision;
	ledger_keep_last_step(facts, s->write);
}

/* The journal knows, so that a start looks for it: see ledger_files.c. */
static void note_kept(struct ledger *l, uint64_t number)
{
	if (number <= atomic_load_explicit(&l->steps.last_kept, memory_order_relaxed))
		return;
	atomic_store_explicit(&l->steps.last_kept, number, memory_order_relaxed);
	journal_note(l->journal, JOURNAL_NOTE_KEPT, number);
}

/* It is in the database: other brokers hear of it there, and peers by what ledger_kept() says. */
static void count_kept(struct stepping *s, uint64_t revision)
{
	if (!s->write->is_unrecorded)
		note_kept(s->l, s->step.number);
	s->l->steps.kept++;
	s->l->others.kept = (struct others_kept){ -(int64_t)s->step.number, revision };
	pg_watch_carried(s->l->others.watch);
}

/* It is kept, by this try or the one before. */
static int keep(struct stepping *s, uint64_t revision)
{
	if (s->is_again)
		forget_doubt(s->l, s->step.number);
	count_kept(s, revision);
	remember(s, revision);
	return 0;
}

/* It was kept when it was sent first: what the entity is now is read. */
static int keep_before(struct stepping *s, struct diag *diag)
{
	int rc = s->facts ? read_row(s->l, s->write->entity, s->facts, diag) : 0;

	if (rc < 0)
		return rc;
	forget_doubt(s->l, s->step.number);
	count_kept(s, s->facts ? s->facts->revision : 0);
	return 0;
}

/* Some other process has given the broker's numbers. */
static int fail_number(struct stepping *s, struct diag *diag)
{
	uint64_t last = 0;
	int rc = store_reader_step_last(s->l->reader, s->l->broker, &last, diag);

	if (rc == 0)
		atomic_store(&s->l->steps.last, last);
	return rc ? rc
		  : diag_set(diag, ERR_BUSY, "a number was taken by another broker called %s",
			     s->l->broker);
}

static int fail_stale(struct stepping *s, struct diag *diag)
{
	int rc;

	s->l->steps.stale++;
	rc = read_row(s->l, s->write->entity, s->facts, NULL);
	if (rc < 0)
		return diag_set(diag, ERR_BUSY, "the database can't be asked now");
	return diag_set(diag, ERR_STALE, "another broker was first: decide again");
}

static int commit(struct stepping *s, struct diag *diag)
{
	int64_t began_ns = clock_mono_ns();
	uint64_t revision = 0;
	int rc = 0;

	if (s->is_again) {
		rc = store_reader_step_find(s->l->reader, s->l->broker, s->step.number, diag);
		if (rc != 0)
			return rc < 0 ? rc : keep_before(s, diag);
	}
	rc = store_reader_step(s->l->reader, &s->step, &revision, diag);
	if (rc == 0) {
		histogram_add(&s->l->steps.took, (uint64_t)(clock_mono_ns() - began_ns) / 1000);
		return keep(s, revision);
	}
	if (rc == 1)
		return s->is_again ? keep_before(s, diag) : fail_number(s, diag);
	if (rc == ERR_STALE)
		return fail_stale(s, diag);
	if (rc == ERR_DOUBT)
		note_doubt(s->l, s->write, s->step.number);
	else
		s->l->steps.refused++;
	return rc;
}

static void describe(struct stepping *s, unsigned column[static ENTITY_COLUMNS_MAX])
{
	const struct ledger_write *write = s->write;
	uint64_t number = find_doubt(s->l, write);

	for (size_t i = 0; i < write->value_count; i++)
		column[i] = write->value[i].column;
	s->is_again = number != 0;
	s->step = (struct store_step){
		.broker = s->l->broker,
		.number = number ? number : atomic_fetch_add(&s->l->steps.last, 1) + 1,
		.record = &s->record,
		.column = column,
		.slot = -1,
		.decided = s->facts,
		.is_forced = write->is_adopted || write->is_taken_over,
		.is_guard = write->is_guard,
	};
	if (!s->facts)
		return;
	s->step.entity = s->l->entity[write->entity].entity;
	s->step.slot = write->slot;
}

int ledger_step(struct ledger *l, const struct ledger_write *write, struct diag *diag)
{
	struct value value[ENTITY_COLUMNS_MAX];
	unsigned column[ENTITY_COLUMNS_MAX];
	struct stepping s = { .l = l, .write = write, .record = { .value = value } };
	int rc = ledger_catch_up(l) ? 0 : ledger_fail_closed(l, diag);

	if (rc == 0 && write->entity != ENTITY_NONE)
		rc = ledger_find_facts(l, write->entity, write->id, write->id_len, &s.facts, diag);
	if (rc == 0)
		rc = ledger_fill_record(l->entity, write, &s.record, diag);
	if (rc)
		return rc;
	describe(&s, column);
	return commit(&s, diag);
}
