/*
 * ledger_files.c -- the writer's thread cares for the files: it matches database and journal, syncs
 * and checks them, and acts when database, WAL or journal are not what they were.
 *
 * The database says with which journal it is in use (store_facts.ring), from before the first
 * write is accepted until its broker is stopped with an empty journal. In between, that journal may
 * have records that are nowhere else, and no other journal is put in its place.
 *
 * A journal that is broken is emptied into the database and made anew. If the file at a path is not
 * the one that is open (replay_check()), the ledger is shut: it accepts nothing more, and answers
 * nothing from a database that was replaced. The broker's thread closes its connection at its next
 * call. Then the files at the paths are opened again as at a start: the journal has what was
 * accepted since the last good check, and is replayed into the database that it belongs to.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

#define MS INT64_C(1000000)
#define SYNC_EVERY_MS 500 /* what "process" durability risks when the power fails, halved */
#define CHECK_EVERY_MS 1000

/* ---- the journal --------------------------------------------------------------------------- */

/*
 * A sync that fails is no trouble of the store: power writes are refused until it is made good
 * (journal_takes_power()), the others go on, as the page cache has them.
 */
static void sync_journal(struct ledger *l)
{
	int64_t began_ns = clock_mono_ns();
	int rc;

	pace_begin(&l->pace, began_ns);
	rc = journal_sync(l->journal, NULL);
	/* There may have been nothing to sync. */
	if (rc == 0 && pace_must_probe(&l->pace) && clock_mono_ns() - began_ns < PACE_SLOW_MS * MS)
		rc = journal_probe(l->journal, NULL);
	pace_end(&l->pace, clock_mono_ns(), rc == 0);
}

void ledger_tend_journal(struct ledger *l)
{
	int64_t now = clock_mono_ns();

	if (now >= l->check_at_ns) {
		l->check_at_ns = now + CHECK_EVERY_MS * MS;
		diag_ignore(journal_check(l->journal, NULL)); /* breaks it where it has to */
	}
	if (journal_is_broken(l->journal))
		return;
	if (now >= l->sync_at_ns || journal_must_sync(l->journal)) {
		sync_journal(l);
		l->sync_at_ns = clock_mono_ns() + SYNC_EVERY_MS * MS;
	}
	journal_prefault(l->journal); /* after the sync, which leaves its pages write-protected */
}

/* As store_set_ring(); where another broker came in between, the files are opened again. */
static int set_ring(struct ledger *l, const uint64_t *before, const uint64_t *number,
		    uint64_t applied, struct diag *diag)
{
	int rc = store_set_ring(l->store, before, number, applied, diag);

	l->is_pair_wrong = l->is_pair_wrong || rc == ERR_STALE;
	return rc;
}

/* Once for each broken journal: fails with the line that says what is missing. */
static int salvage(struct ledger *l, struct diag *diag)
{
	int rc = journal_salvage(l->journal, diag);

	return rc == 1 ? 0 : rc ? rc : ERR_INVALID;
}

int ledger_repair(struct ledger *l, uint64_t *applied, struct diag *diag)
{
	struct journal_facts facts;
	int rc = salvage(l, diag);

	if (rc)
		return rc;
	/* Blank: the step after this one failed. */
	if (!journal_is_blank(l->journal)) {
		rc = replay_batch(&l->replay, applied, diag);
		if (rc)
			return rc < 0 ? rc : 1; /* what follows is still to be done */
	}
	journal_inspect(l->journal, &facts);
	/* In between none is in use, so that a start takes whichever it finds. */
	rc = set_ring(l, &facts.number, NULL, facts.next_seq - 1, diag);
	if (rc)
		return rc;
	*applied = facts.next_seq - 1; /* what is missing is not waited for */
	rc = journal_renew(l->journal, diag);
	if (rc)
		return rc;
	return ledger_mark_journal(l, facts.next_seq - 1, diag);
}

/* ---- files that are not those that are open ------------------------------------------------ */

void ledger_shut_where_wrong(struct ledger *l)
{
	if (store_fault(l->store) == STORE_FINE && !l->replay.is_journal_gone && !l->is_pair_wrong)
		return;
	l->is_given_up = true;
	atomic_store_explicit(&l->has_let_go, false, memory_order_relaxed);
	atomic_store_explicit(&l->is_open, false, memory_order_release);
}

static void close_store(struct ledger *l)
{
	store_close(l->store);
	l->store = l->replay.store = l->idfilter_fill.store = NULL;
	l->is_store_ours = false;
}

static void close_journal(struct ledger *l)
{
	journal_close(l->journal);
	l->journal = l->replay.journal = NULL;
	l->is_journal_ours = false;
}

static bool is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) != 0 && errno == ENOENT;
}

/* The database that the journal belongs to is open, and well: no copy that is older. */
static bool is_store_right(struct ledger *l, struct store_facts *ret)
{
	return l->is_store_ours && store_check(l->store, NULL) == 0 &&
	       store_peek(l->store, ret, NULL) == 0;
}

/*
 * What the journal has goes into the database while the journal itself can't be used, since a
 * process that is killed now leaves nothing of a file that has no name. From then on the database
 * needs no journal, and takes whichever stands at the path at the next start.
 */
static void empty_journal(struct ledger *l)
{
	struct journal_facts journal;
	struct store_facts store;
	uint64_t applied = 0;
	int rc;

	if (!is_store_right(l, &store))
		return; /* the next attempt asks again */
	l->replay.is_journal_given_up = true;
	rc = replay_all(&l->replay, &applied, NULL);
	l->replay.is_journal_given_up = false;
	journal_inspect(l->journal, &journal);
	if (rc == 0 && store.ring != STORE_RING_NONE)
		diag_ignore(store_set_ring(l->store, &journal.number, NULL, journal.next_seq - 1,
					   NULL));
}

/* Closes the store that was given up, or whose file is not at its path any more. */
static int give_up_store(struct ledger *l, struct diag *diag)
{
	int rc = store_check(l->store, diag);
	enum store_fault fault = store_fault(l->store);

	if (fault == STORE_FINE && !l->is_given_up)
		return 0;
	if (fault == STORE_SPOILT)
		return rc;
	if (fault == STORE_MOVED || fault == STORE_WAL_GONE) {
		struct diag *why = fault == STORE_MOVED ? NULL : diag;
		int let_go = store_let_go(l->store, why);

		/* Nobody else has it any more: it stays open until there is another. */
		if (let_go || (fault == STORE_MOVED && is_missing(l->asked_path)))
			return fault == STORE_MOVED ? rc : let_go;
	}
	l->begins_anew = l->begins_anew || fault == STORE_UNSURE;
	close_store(l);
	return 0;
}

/* The journal's file where it belongs, with all that it had. */
static int bring_back_journal(struct ledger *l, struct diag *diag)
{
	int rc = journal_check(l->journal, diag);

	if (journal_is_broken(l->journal)) {
		journal_stop(l->journal);
		return salvage(l, diag);
	}
	if (rc == 0)
		return 0;
	if (is_missing(l->journal_path))
		rc = journal_put_back(l->journal, diag);
	if (rc) {
		empty_journal(l);
		return rc;
	}
	l->is_put_back = true;
	close_journal(l);
	return 0;
}

int ledger_prepare(struct ledger *l, struct diag *diag)
{
	int rc = 0;

	if (!atomic_load_explicit(&l->has_let_go, memory_order_acquire))
		return diag_set(diag, ERR_BUSY, "%s: its files are looked for", l->asked_path);
	/* One that nothing was written to yet: what stands at the path now may be another. */
	if (l->journal && !l->is_journal_ours)
		close_journal(l);
	/* The journal first: it has what may be nowhere else. */
	if (l->journal)
		rc = bring_back_journal(l, diag);
	if (rc == 0 && l->store)
		rc = give_up_store(l, diag);
	if (rc == 0 && l->is_pair_wrong && l->store) {
		store_leave_empty(l->store);
		close_store(l); /* it may be put right as well */
	}
	if (rc == 0)
		l->is_pair_wrong = l->is_given_up = false;
	return rc;
}

/* ---- do database and journal belong together? ----------------------------------------------- */

/* While the broker runs it goes on with the database that it began with. */
static int check_identity(const struct ledger *l, const struct store_facts *store,
			  struct diag *diag)
{
	if (!l->has_identity || memcmp(l->identity, store->identity, sizeof(store->identity)) == 0)
		return 0;
	return diag_set(diag, ERR_INVALID,
			"%s: another database was put in its place while it was in use: put the "
			"right one back, or restart the broker",
			l->path);
}

/* Is it the journal that the database was in use with? */
static int check_ring(const struct ledger *l, const struct journal_facts *journal,
		      const struct store_facts *store, struct diag *diag)
{
	bool is_blank = journal_is_blank(l->journal);

	if (store->ring != STORE_RING_IN_USE ||
	    (!is_blank && journal->number == store->ring_number))
		return 0;
	return diag_set(
		diag, ERR_INVALID,
		"%s: is %s, though %s is in use with one (another broker's?): " LEDGER_GO_ON,
		l->journal_path, is_blank ? "empty" : "another journal", l->path);
}

/* May what the journal holds go into this database? */
static int check_origin(const struct ledger *l, const struct journal_facts *journal,
			const struct store_facts *store, struct diag *diag)
{
	unsigned long long count = journal->next_seq - journal->first_seq;
	bool is_same = memcmp(journal->identity, store->identity, sizeof(store->identity)) == 0;

	if (!is_same && count > 0)
		return diag_set(diag, ERR_INVALID,
				"%s: holds %llu writes of another database than %s: put the right "
				"one back, or go on without its writes: petstorectl restored",
				l->journal_path, count, l->path);
	/* An older plugin's, that is empty, may be ahead of a copy that was put in place. */
	if (!is_same || journal->first_seq <= store->applied_seq + 1 ||
	    (count == 0 && store->ring == STORE_RING_UNKNOWN))
		return 0;
	return diag_set(diag, ERR_INVALID,
			"%s: begins at write %llu but %s ends at %llu%s%s: an older copy of the "
			"database, or %s; put the right one back, or go on without the %llu writes "
			"between: petstorectl restored",
			l->journal_path, (unsigned long long)journal->first_seq, l->path,
			(unsigned long long)store->applied_seq, l->is_shared ? " of broker " : "",
			l->is_shared ? l->broker : "",
			l->is_shared ? "a standby that lacked them" : "its -wal was removed",
			(unsigned long long)(journal->first_seq - store->applied_seq - 1));
}

/*
 * The broker's row says which strict step it gave last, in a sign of each second; the journal has
 * noted what it said, and the last step that was kept. A later one is missing for certain where
 * events have an older one, since the oldest are removed first.
 */
uint64_t ledger_lost_steps(const struct journal *j, const struct store_facts *store)
{
	uint64_t known = journal_noted(j, JOURNAL_NOTE_SIGNED);
	uint64_t kept = journal_noted(j, JOURNAL_NOTE_KEPT);

	if (store->has_steps && kept > known)
		known = kept;
	return known > store->last_step ? known - store->last_step : 0;
}

static int check_steps(const struct ledger *l, const struct journal_facts *journal,
		       const struct store_facts *store, struct diag *diag)
{
	uint64_t lost = ledger_lost_steps(l->journal, store);

	if (lost == 0 || !l->is_shared ||
	    memcmp(journal->identity, store->identity, sizeof(store->identity)) != 0)
		return 0;
	return diag_set(diag, ERR_INVALID,
			"%s: lacks at most %llu strict writes of broker %s, which ends at %llu: an "
			"older copy of the database, or a standby that lacked them; put the right "
			"one back, or go on without them: petstorectl restored",
			l->path, (unsigned long long)lost, l->broker,
			(unsigned long long)store->last_step);
}

void ledger_tell_store(struct ledger *l)
{
	const struct store_waiting waiting = { .last_record = atomic_load(&l->newest),
					       .lag_ms = (uint64_t)atomic_load(&l->waiting_ms),
					       .last_step = atomic_load(&l->steps.last),
					       .kept_step = atomic_load(&l->steps.last_kept) };
	uint64_t step = store_signed_step(l->store);

	store_set_waiting(l->store, &waiting);
	if (step > journal_noted(l->journal, JOURNAL_NOTE_SIGNED))
		journal_note(l->journal, JOURNAL_NOTE_SIGNED, step);
}

/* A database that is no brokers' together gives no such numbers, and begins anew with them. */
static void clear_notes(struct ledger *l)
{
	for (unsigned i = 0; !l->is_shared && i < JOURNAL_NOTES; i++)
		if (journal_noted(l->journal, i) != 0)
			journal_note(l->journal, i, 0);
}

static int check_pair(struct ledger *l, const struct journal_facts *journal,
		      const struct store_facts *store, struct diag *diag)
{
	int rc = check_identity(l, store, diag);

	if (rc == 0)
		rc = check_ring(l, journal, store, diag);
	if (rc == 0 && !journal_is_blank(l->journal))
		rc = check_origin(l, journal, store, diag);
	if (rc == 0)
		rc = check_steps(l, journal, store, diag);
	if (rc)
		store_leave_empty(l->store);
	l->is_pair_wrong = l->is_pair_wrong || rc != 0;
	return rc;
}

/* All that the journal has and the database has not. */
static int replay(struct ledger *l, struct ledger_opened *ret, const struct journal_facts *journal,
		  struct diag *diag)
{
	int rc = replay_all(&l->replay, &ret->last_seq, diag);

	if (rc)
		return rc;
	if (journal_damage(l->journal))
		(void)diag_set(&l->opening_line, 0, "%s", journal_damage(l->journal));
	else if (journal->torn_seq)
		(void)diag_set(&l->opening_line, 0,
			       "%s: write %llu was not whole: it had not been synced yet, and is "
			       "cut",
			       l->journal_path, (unsigned long long)journal->torn_seq);
	return 0;
}

/*
 * An empty journal of the right size. A journal that is ahead (of an old copy of the database, or
 * by writes that it has lost): no number is used twice, and the database waits for none of them.
 */
static int make_journal(struct ledger *l, struct ledger_opened *ret,
			const struct journal_facts *journal, struct store_facts *store,
			struct diag *diag)
{
	bool is_ahead = journal->next_seq > ret->last_seq + 1;
	int rc = 0;

	if (is_ahead)
		ret->last_seq = journal->next_seq - 1;
	/* In between none is in use, so that the next start takes whichever it finds. */
	if (is_ahead || store->ring == STORE_RING_IN_USE)
		rc = set_ring(l, &journal->number, NULL, ret->last_seq, diag);
	if (rc)
		return rc;
	store->ring = STORE_RING_NONE;
	return journal_format(l->journal, l->journal_bytes, l->journal_bytes_max, store->identity,
			      ret->last_seq + 1, diag);
}

int ledger_mark_journal(struct ledger *l, uint64_t applied, struct diag *diag)
{
	struct journal_facts journal;
	int rc;

	journal_inspect(l->journal, &journal);
	rc = set_ring(l, NULL, &journal.number, applied, diag);
	l->is_mark_due = rc != 0;
	return rc;
}

/* Drawn at random when the database was made. */
static uint64_t seed_of(const unsigned char identity[STORE_IDENTITY])
{
	uint64_t seed;

	memcpy(&seed, identity, sizeof(seed));
	return seed ? seed : 1;
}

int ledger_adopt_journal(struct ledger *l, struct ledger_opened *ret, struct diag *diag)
{
	struct store_facts store;
	struct journal_facts journal = { 0 };
	int rc = store_inspect(l->store, &store, diag);

	if (rc)
		return rc;
	ret->last_seq = store.applied_seq;
	ret->seed = seed_of(store.identity);
	if (!journal_is_blank(l->journal))
		journal_inspect(l->journal, &journal);
	rc = check_pair(l, &journal, &store, diag);
	if (rc == 0 && !journal_is_blank(l->journal))
		rc = replay(l, ret, &journal, diag);
	if (rc)
		return rc;
	/* One that was put back has a number of its own, so that the one of before is another. */
	if (l->is_put_back || l->opening_line.text[0] ||
	    !journal_is_sized(l->journal, l->journal_bytes, l->journal_bytes_max) ||
	    journal.next_seq != ret->last_seq + 1 ||
	    memcmp(journal.identity, store.identity, sizeof(store.identity)) != 0)
		rc = make_journal(l, ret, &journal, &store, diag);
	if (rc)
		return rc;
	clear_notes(l);
	memcpy(l->identity, store.identity, sizeof(l->identity));
	l->has_identity = l->is_journal_ours = l->is_store_ours = true;
	journal_inspect(l->journal, &journal);
	if (store.ring == STORE_RING_IN_USE && store.ring_number == journal.number)
		return 0;
	return ledger_mark_journal(l, ret->last_seq, diag);
}

/* ---- the end ------------------------------------------------------------------------------- */

void ledger_end_journal(struct ledger *l)
{
	struct journal_facts journal;

	if (journal_is_blank(l->journal) || journal_is_broken(l->journal) ||
	    replay_check(&l->replay, NULL) != 0)
		return;
	journal_inspect(l->journal, &journal);
	/* Where that fails the next start asks for this journal, which is there. */
	if (journal.first_seq == journal.next_seq)
		diag_ignore(store_set_ring(l->store, &journal.number, NULL, journal.next_seq - 1,
					   NULL));
}
