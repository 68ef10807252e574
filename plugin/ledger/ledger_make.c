/*
 * ledger_make.c -- the writer's thread makes the tables that a new plan lacks.
 *
 * It takes the newest plan that the broker's thread wants, tries until the database has all of it,
 * and hands over what is there, or why it is not yet. Each way there is one pointer, exchanged
 * atomically: what nobody took is replaced by what is newer.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

#define MAKE_EVERY_NS                                                                              \
	INT64_C(500000000) /* after a failure, so that records are carried between                 \
			    */

void ledger_take_wanted(struct ledger *l)
{
	struct ledger_wanted *wanted;

	if (!atomic_load_explicit(&l->wanted, memory_order_relaxed))
		return;
	wanted = atomic_exchange_explicit(&l->wanted, NULL, memory_order_acq_rel);
	free(l->making);
	l->making = wanted;
	l->make_at_ns = l->making_since_ns = 0;
	l->is_failure_told = false;
}

/* In the place of what the broker's thread did not take yet, of which it misses nothing. */
static void hand_over(struct ledger *l, struct ledger_made *made)
{
	struct ledger_made *before = atomic_exchange_explicit(&l->made, NULL, memory_order_acq_rel);

	if (before && made->known)
		store_names_free(before->known);
	else if (before)
		made->known = before->known;
	if (before && made->number == 0)
		made->number = before->number;
	free(before);
	atomic_store_explicit(&l->made, made, memory_order_release);
}

static int make_all(struct ledger *l, struct ledger_made *made, struct diag *diag)
{
	const struct entity_plan *plan = &l->making->plan;
	int rc = store_plan(l->store, plan, diag);

	if (rc == 0)
		rc = store_names_load(l->store, &made->known, diag);
	if (rc == 0)
		idfilter_fill_begin(&l->idfilter_fill, made->known, plan, l->making->round);
	return rc;
}

/* A lock that passes soon is not worth a line. */
static bool is_worth_telling(struct ledger *l, int rc, int64_t now)
{
	if (l->making_since_ns == 0)
		l->making_since_ns = now;
	return !l->is_failure_told &&
	       (rc != ERR_BUSY ||
		now - l->making_since_ns >= WRITER_PATIENCE_MS * INT64_C(1000000));
}

void ledger_make_wanted(struct ledger *l)
{
	int64_t now = clock_mono_ns();
	struct ledger_made *made;
	int rc;

	if (!l->making || now < l->make_at_ns)
		return;
	l->make_at_ns = now + MAKE_EVERY_NS;
	made = calloc(1, sizeof(*made));
	if (!made)
		return; /* the next round tries again */
	rc = make_all(l, made, &made->line);
	if (rc == 0) {
		made->number = l->making->number;
		free(l->making);
		l->making = NULL;
	} else if (is_worth_telling(l, rc, now)) {
		made->failed = l->making->number;
		l->is_failure_told = true;
	} else {
		free(made);
		return;
	}
	hand_over(l, made);
}

void ledger_clear_plans(struct ledger *l)
{
	struct ledger_made *made = atomic_load(&l->made);

	if (made)
		store_names_free(made->known);
	free(made);
	free(atomic_load(&l->wanted));
	free(l->making);
	free(l->plan);
	free(l->entity);
	store_names_free(l->known);
}
