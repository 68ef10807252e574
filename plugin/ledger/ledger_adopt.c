/*
 * ledger_adopt.c -- database and journal brought together: do they belong to each other, and does
 * the one begin where the other ends?
 *
 * The database says with which journal it is in use (store_facts.ring), from before the first
 * write is accepted until its broker was stopped with an empty journal. In between that journal may
 * have what is nowhere else, and no other one is put in its place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger/ledger_internal.h"

#define HOW_TO_GO_ON "put it back, or go on without its writes: petstorectl restored"

/* ---- before they are opened ---------------------------------------------------------------- */

/* A file that has something in it. */
static bool is_filled(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

int ledger_check_database(struct ledger *l, struct diag *diag)
{
	struct stat st;
	char *ring;
	int rc = 0;

	if (stat(l->asked_path, &st) == 0 || errno != ENOENT)
		return 0;
	if (asprintf(&ring, "%s-journal.ring", l->asked_path) < 0)
		return diag_nomem(diag);
	l->is_pair_wrong = l->journal || is_filled(ring);
	if (l->is_pair_wrong)
		rc = diag_set(diag, ERR_INVALID,
			      "%s: is missing, and its journal is there: put the database back, or "
			      "remove %s, too, to begin with an empty one",
			      l->asked_path, ring);
	free(ring);
	return rc;
}

int ledger_check_journal(struct ledger *l, bool *may_make, struct diag *diag)
{
	struct store_facts facts;
	struct stat st;
	int rc;

	*may_make = false;
	if (!l->store || lstat(l->journal_path, &st) == 0)
		return 0;
	rc = store_peek(l->store, &facts, diag);
	*may_make = rc == 0 && facts.ring != STORE_RING_IN_USE;
	if (rc || *may_make)
		return rc;
	l->is_pair_wrong = true;
	return diag_set(
		diag, ERR_INVALID,
		"%s: is missing, though %s was in use with it when its broker ended: " HOW_TO_GO_ON,
		l->journal_path, l->path);
}

/* ---- and once they are --------------------------------------------------------------------- */

int ledger_check_new(struct ledger *l, struct diag *diag)
{
	struct journal_facts journal;
	struct store_facts store;
	int rc;

	if (journal_is_blank(l->journal))
		return 0;
	journal_inspect(l->journal, &journal);
	rc = store_peek(l->store, &store, diag);
	if (rc || !store.is_new || journal.next_seq == 1)
		return rc;
	l->is_pair_wrong = true;
	return diag_set(diag, ERR_INVALID,
			"%s: is empty, and its journal is at write %llu: put the database back, or "
			"remove %s, too, to begin with an empty one",
			l->path, (unsigned long long)journal.next_seq, l->journal_path);
}

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
		"%s: is %s, though %s was in use with one when its broker ended: " HOW_TO_GO_ON,
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
			"%s: begins at write %llu but %s ends at %llu: an older copy of the "
			"database, or its -wal was removed; put the right one back, or go on "
			"without the writes between: petstorectl restored",
			l->journal_path, (unsigned long long)journal->first_seq, l->path,
			(unsigned long long)store->applied_seq);
}

static int check_pair(struct ledger *l, const struct journal_facts *journal,
		      const struct store_facts *store, struct diag *diag)
{
	int rc = check_identity(l, store, diag);

	if (rc == 0)
		rc = check_ring(l, journal, store, diag);
	if (rc == 0 && !journal_is_blank(l->journal))
		rc = check_origin(l, journal, store, diag);
	l->is_pair_wrong = l->is_pair_wrong || rc != 0;
	return rc;
}

/* All that the journal has and the database has not. */
static int replay(struct ledger *l, struct ledger_opened *ret, const struct journal_facts *journal,
		  struct diag *diag)
{
	int rc;

	do
		rc = replay_batch(&l->replay, &ret->last_seq, diag);
	while (rc == 1);
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
		rc = store_set_ring(l->store, NULL, ret->last_seq, diag);
	if (rc)
		return rc;
	store->ring = STORE_RING_NONE;
	return journal_format(l->journal, l->journal_bytes, store->identity, ret->last_seq + 1,
			      diag);
}

int ledger_mark_journal(struct ledger *l, uint64_t applied, struct diag *diag)
{
	struct journal_facts journal;
	int rc;

	journal_inspect(l->journal, &journal);
	rc = store_set_ring(l->store, &journal.number, applied, diag);
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
	    journal.bytes != journal_size(l->journal_bytes) ||
	    journal.next_seq != ret->last_seq + 1 ||
	    memcmp(journal.identity, store.identity, sizeof(store.identity)) != 0)
		rc = make_journal(l, ret, &journal, &store, diag);
	if (rc)
		return rc;
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
		(void)store_set_ring(l->store, NULL, journal.next_seq - 1, NULL);
}
