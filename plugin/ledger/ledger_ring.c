/* ledger_ring.c -- the writer's care for the journal's file: syncs, checks, a broken one. */
#include "base/clock.h"
#include "ledger/ledger_internal.h"

#define SYNC_EVERY_MS 500 /* what "process" durability risks when the power fails, halved */
#define CHECK_EVERY_MS 1000

/*
 * A sync that fails is no trouble of the store: power writes are refused until it is made good
 * (journal_takes_power()), the others go on, as the page cache has them.
 */
static void sync_ring(struct ledger *l)
{
	int64_t began_ns = clock_mono_ns();
	int rc;

	pace_begin(&l->pace, began_ns);
	rc = journal_sync(l->journal, NULL);
	/* There may have been nothing to sync. */
	if (rc == 0 && pace_must_probe(&l->pace) &&
	    clock_mono_ns() - began_ns < PACE_SLOW_MS * INT64_C(1000000))
		rc = journal_probe(l->journal, NULL);
	pace_end(&l->pace, clock_mono_ns(), rc == 0);
}

void ledger_tend_ring(struct ledger *l)
{
	int64_t now = clock_mono_ns();

	if (now >= l->check_at_ns) {
		l->check_at_ns = now + CHECK_EVERY_MS * INT64_C(1000000);
		(void)journal_check(l->journal, NULL); /* breaks it where it has to */
	}
	if (journal_is_broken(l->journal))
		return;
	if (now >= l->sync_at_ns || journal_must_sync(l->journal)) {
		sync_ring(l);
		l->sync_at_ns = clock_mono_ns() + SYNC_EVERY_MS * INT64_C(1000000);
	}
	journal_prefault(l->journal); /* after the sync, which leaves its pages write-protected */
}

int ledger_repair(struct ledger *l, uint64_t *applied, struct diag *diag)
{
	struct journal_facts facts;
	int rc;

	if (!l->is_salvaged) {
		rc = journal_salvage(l->journal, diag);
		if (rc)
			return rc;
		l->is_salvaged = true;
		return ERR_INVALID; /* of which the line tells */
	}
	/* Blank: the step after this one failed. */
	if (!journal_is_blank(l->journal)) {
		rc = replay_batch(&l->replay, applied, diag);
		if (rc)
			return rc;
	}
	journal_inspect(l->journal, &facts);
	rc = replay_skip(&l->replay, facts.next_seq - 1, applied, diag);
	/* In between none is in use, so that a start takes whichever it finds. */
	if (rc == 0)
		rc = store_set_ring(l->store, NULL, facts.next_seq - 1, diag);
	if (rc == 0)
		rc = journal_renew(l->journal, diag);
	if (rc)
		return rc;
	l->is_salvaged = false;
	return ledger_mark_journal(l, facts.next_seq - 1, diag);
}

bool ledger_ring_is_whole(struct ledger *l)
{
	if (__builtin_expect(!journal_is_broken(l->journal), 1))
		return true;
	journal_stop(l->journal);
	return false;
}
