#include "ledger/restored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "ledger/ledger_internal.h"
#include "ledger/store.h"

#define PATIENCE_MS 5000
#define LEFT_MAX 9 /* journals that were left earlier, and this one */

struct work {
	const struct ledger_place *place;
	char *path; /* what messages call the database */
	char *ring;
	char *left; /* where the journal was moved to, or NULL */
	struct store *store;
	struct store_facts store_facts;
	struct journal *journal; /* NULL: there is none, or it is no journal */
	struct journal_facts facts;
	bool is_there; /* a file at the journal's path */
};

static int find(struct work *w, struct diag *diag)
{
	const char *database = w->place->database;
	char shown[STORE_SHOWN_MAX];
	struct stat st;
	int rc = ledger_check_place(w->place, diag);

	if (rc)
		return rc;
	w->path = ledger_is_shared(database) ? strdup(store_shown(database, shown))
					     : realpath(database, NULL);
	if (!w->path)
		return diag_set(diag, ERR_INVALID, "%s: %s", database, strerror(errno));
	rc = ledger_name_journal(w->place, w->path, &w->ring, diag);
	if (rc)
		return rc;
	w->is_there = lstat(w->ring, &st) == 0;
	/* No other user can have its lock: it would look like one that is damaged. */
	if (w->is_there && st.st_uid != geteuid() && st.st_uid != 0)
		return diag_set(diag, ERR_INVALID,
				"%s: belongs to the user with id %lu: run this as that user",
				w->ring, (unsigned long)st.st_uid);
	return 0;
}

/* A broker that runs has its lock. What is damaged may go as well. */
static int open_journal(struct work *w, struct diag *diag)
{
	int rc = w->is_there ? journal_open(w->ring, &w->journal, diag) : 0;

	if (rc == ERR_INVALID || rc == ERR_VERSION)
		return 0;
	if (rc == ERR_BUSY)
		return diag_set(diag, rc, "%s: in use: stop the broker first", w->path);
	if (rc == 0 && w->journal && !journal_is_blank(w->journal))
		journal_inspect(w->journal, &w->facts);
	return rc;
}

static int open_store(struct work *w, struct diag *diag)
{
	const struct store_place place = { .place = w->place->database,
					   .broker = w->place->broker };
	int rc = store_check_alone(w->place->database, diag);

	if (rc == 0)
		rc = store_open(&place, PATIENCE_MS, &w->store, diag);
	if (rc == 0)
		rc = store_peek(w->store, &w->store_facts, diag);
	if (rc)
		return rc;
	if (w->store_facts.is_new)
		return diag_set(diag, ERR_INVALID, "%s: there is no database of this plugin",
				w->path);
	return 0;
}

/* The next start would take it as it is. */
static bool is_right(const struct work *w)
{
	const struct store_facts *store = &w->store_facts;
	bool is_same = memcmp(w->facts.identity, store->identity, STORE_IDENTITY) == 0;

	if (!w->journal && w->is_there)
		return false; /* it stops the start */
	if (!w->journal || journal_is_blank(w->journal))
		return store->ring != STORE_RING_IN_USE;
	if (store->ring == STORE_RING_IN_USE && store->ring_number != w->facts.number)
		return false;
	if (!is_same)
		return w->facts.first_seq == w->facts.next_seq;
	return w->facts.first_seq <= store->applied_seq + 1 &&
	       (!ledger_is_shared(w->place->database) || ledger_lost_steps(w->journal, store) == 0);
}

/* Under the first name that is free: what was left earlier stays. */
static int link_left(struct work *w, struct diag *diag)
{
	int rc;

	for (unsigned i = 1; i <= LEFT_MAX; i++) {
		free(w->left);
		rc = i == 1 ? asprintf(&w->left, "%s.left", w->ring)
			    : asprintf(&w->left, "%s.left-%u", w->ring, i);
		if (rc < 0) {
			w->left = NULL;
			return diag_nomem(diag);
		}
		if (link(w->ring, w->left) == 0)
			return 0;
		if (errno != EEXIST)
			return diag_set(diag, ERR_IO, "%s: cannot be moved to %s: %s", w->ring,
					w->left, strerror(errno));
	}
	return diag_set(diag, ERR_INVALID,
			"%s.left to %s are there: remove those that you do not need", w->ring,
			w->left);
}

static int move_away(struct work *w, struct diag *diag)
{
	int rc;

	if (!w->is_there)
		return 0;
	rc = link_left(w, diag);
	if (rc)
		return rc;
	if (unlink(w->ring) != 0)
		return diag_set(diag, ERR_IO, "%s: cannot be moved away: %s", w->ring,
				strerror(errno));
	return 0;
}

/* The number that was given last: none is used twice. */
static uint64_t last_number(const struct work *w)
{
	uint64_t last = w->store_facts.applied_seq;

	if (memcmp(w->facts.identity, w->store_facts.identity, STORE_IDENTITY) == 0 &&
	    w->facts.next_seq > last + 1)
		last = w->facts.next_seq - 1;
	return last;
}

static int go_on_without(struct work *w, struct diag *ret, struct diag *diag)
{
	const uint64_t *before =
		w->store_facts.ring == STORE_RING_IN_USE ? &w->store_facts.ring_number : NULL;
	uint64_t last = last_number(w);
	int rc = store_upgrade(w->store, diag);

	/* The file first: a database that is in use with none takes whichever it finds. */
	if (rc == 0)
		rc = move_away(w, diag);
	if (rc == 0)
		rc = store_set_ring(w->store, before, NULL, last, diag);
	if (rc)
		return rc;
	if (last > w->store_facts.applied_seq)
		return diag_set(
			ret, 0,
			"%s: goes on from write %llu; the %llu writes after it, up to %llu, "
			"are not in it: %s",
			w->path, (unsigned long long)w->store_facts.applied_seq,
			(unsigned long long)(last - w->store_facts.applied_seq),
			(unsigned long long)last, w->left);
	return diag_set(ret, 0,
			"%s: goes on from write %llu; what the journal that it was in use with had "
			"after that is not in it%s%s",
			w->path, (unsigned long long)last, w->is_there ? ": " : "",
			w->is_there ? w->left : "");
}

int restored(const struct ledger_place *place, struct diag *ret, struct diag *diag)
{
	struct work w = { .place = place };
	int rc = find(&w, diag);

	if (rc == 0)
		rc = open_journal(&w, diag);
	if (rc == 0)
		rc = open_store(&w, diag);
	if (rc == 0 && is_right(&w)) {
		(void)diag_set(ret, 0, "%s: nothing to do, the next start takes it as it is",
			       w.path);
		rc = 1;
	} else if (rc == 0) {
		rc = go_on_without(&w, ret, diag);
	}
	store_close(w.store);
	journal_close(w.journal);
	free(w.left);
	free(w.ring);
	free(w.path);
	return rc;
}
