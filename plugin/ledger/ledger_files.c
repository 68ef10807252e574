/*
 * ledger_files.c -- the writer's thread cares for the files: syncs, checks, and what is done when
 * database, WAL or journal are not what they were.
 *
 * A journal that is broken is emptied into the database and made anew. Where a file is not the one
 * that is open (replay_check()) the ledger is shut: nothing more is accepted, and nothing is
 * answered from a database that was replaced. The broker's thread lets go of its connection at its
 * next call. Then all is opened again as at a start, from what stands at the paths: the journal has
 * what was accepted since the last good look, and is replayed into the database that it belongs to.
 */
#include <errno.h>
#include <stdlib.h>
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
		(void)journal_check(l->journal, NULL); /* breaks it where it has to */
	}
	if (journal_is_broken(l->journal))
		return;
	if (now >= l->sync_at_ns || journal_must_sync(l->journal)) {
		sync_journal(l);
		l->sync_at_ns = clock_mono_ns() + SYNC_EVERY_MS * MS;
	}
	journal_prefault(l->journal); /* after the sync, which leaves its pages write-protected */
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
			return rc;
	}
	journal_inspect(l->journal, &facts);
	/* In between none is in use, so that a start takes whichever it finds. */
	rc = store_set_ring(l->store, NULL, facts.next_seq - 1, diag);
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
	if (store_fault(l->store) == STORE_FINE && !l->replay.is_journal_gone)
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
	do
		rc = replay_batch(&l->replay, &applied, NULL);
	while (rc == 1);
	l->replay.is_journal_given_up = false;
	journal_inspect(l->journal, &journal);
	if (rc == 0 && store.ring != STORE_RING_NONE)
		(void)store_set_ring(l->store, NULL, journal.next_seq - 1, NULL);
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
