/*
 * ledger_replan.c -- a reload's new plan: it is in force at once, and its tables are made later.
 *
 * The broker's thread never waits. It knows which tables and columns the database has
 * (store_names), fits the new plan to that, and hands a copy to the writer's thread. The writer's
 * thread makes what is missing when it can. It hands back the names that the database has then, or
 * why some are still missing. Each direction has one pointer, exchanged atomically: a newer one
 * replaces one that was not taken. Entities of two plans are the same if their permanent numbers
 * are the same. Until its table exists, an entity can't be looked at; until its columns exist,
 * nothing of it is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

/* After a failure; what was accepted is brought into the database meanwhile. */
#define MAKE_EVERY_NS INT64_C(500000000)

/* ---- the broker's thread ------------------------------------------------------------------- */

static bool is_same_steps(const struct entity_steps *a, const struct entity_steps *b)
{
	if (a->count != b->count || a->first != b->first)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->next[i] != b->next[i] || strcmp(a->status[i], b->status[i]) != 0)
			return false;
	return true;
}

/* Which steps there are is asked by a ledger that several brokers share alone. */
static bool is_same_entity(const struct entity *a, const struct entity *b, bool is_shared)
{
	if (strcmp(a->table, b->table) != 0 || a->column_count != b->column_count ||
	    a->slot_count != b->slot_count || a->link_column != b->link_column)
		return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (strcmp(a->column[i].name, b->column[i].name) != 0 ||
		    a->column[i].type != b->column[i].type ||
		    a->column[i].is_indexed != b->column[i].is_indexed)
			return false;
	for (size_t i = 0; i < a->slot_count; i++)
		if (a->slot[i] != b->slot[i] || a->is_timed[i] != b->is_timed[i] ||
		    a->is_strict[i] != b->is_strict[i] ||
		    (is_shared && !is_same_steps(&a->steps[i], &b->steps[i])))
			return false;
	return true;
}

static bool is_same_plan(const struct entity_plan *a, const struct entity_plan *b, bool is_shared)
{
	if (a->entity_count != b->entity_count)
		return false;
	for (size_t i = 0; i < a->entity_count; i++)
		if (!is_same_entity(&a->entity[i], &b->entity[i], is_shared))
			return false;
	return true;
}

/* What is known already to be impossible. */
static int check_known(const struct ledger *l, const struct entity_plan *plan, struct diag *diag)
{
	struct store_numbers number;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++)
		rc = store_names_find(l->known, &plan->entity[i], &number, diag);
	return rc;
}

static uint32_t number_of(const struct ledger_entity *known, int column)
{
	return column < 0 ? 0 : known->number.column[column];
}

/* Is the one remembered as the other is? */
static bool is_same_layout(const struct ledger_entity *a, const struct ledger_entity *b)
{
	const struct entity *one = a->entity, *other = b->entity;

	if (a->number.table != b->number.table || one->slot_count != other->slot_count ||
	    number_of(a, one->link_column) != number_of(b, other->link_column))
		return false;
	for (size_t i = 0; i < one->slot_count; i++)
		if (number_of(a, (int)one->slot[i]) != number_of(b, (int)other->slot[i]))
			return false;
	return true;
}

/* Puts @plan and its @entity in force. Memory goes on with entities that are remembered alike. */
static void put_in_force(struct ledger *l, struct ledger_plan *plan, struct ledger_entity *entity)
{
	struct ledger_plan *old_plan = l->plan;
	struct ledger_entity *old = l->entity;
	size_t old_count = l->entity_count;

	l->plan = plan;
	l->entity = entity;
	l->entity_count = plan->entities.entity_count;
	for (size_t i = 0; i < l->entity_count; i++) {
		entity[i] = ledger_find_entity(l, i, old, old_count);
		for (size_t k = 0; k < old_count; k++)
			if (old[k].layout.number && is_same_layout(&entity[i], &old[k]))
				entity[i].layout = old[k].layout;
	}
	if (l->is_taken)
		store_reader_use(l->reader, &plan->entities);
	l->key.len = 0;
	l->has_all = false;
	diag_init(&l->plan_news);
	free(old);
	free(old_plan);
}

int ledger_replan(struct ledger *l, const struct entity_plan *plan, struct diag *diag)
{
	struct ledger_plan *mine, *theirs;
	struct ledger_entity *entity;
	int rc = store_check_plan(plan, diag);

	(void)ledger_catch_up(l);
	if (rc == 0)
		rc = check_known(l, plan, diag);
	if (rc || is_same_plan(&l->plan->entities, plan, l->is_shared))
		return rc;
	mine = ledger_plan_new(plan, l->plan->number + 1);
	theirs = ledger_plan_new(plan, l->plan->number + 1);
	entity = calloc(plan->entity_count + 1, sizeof(*entity));
	if (!mine || !theirs || !entity) {
		free(mine);
		free(theirs);
		free(entity);
		return diag_nomem(diag);
	}
	/* Tables that it has not read yet may be looked at from now on. */
	theirs->round = idfilter_extend(l->idfilter);
	put_in_force(l, mine, entity);
	free(atomic_exchange_explicit(&l->new_plan, theirs, memory_order_acq_rel));
	writer_wake(l->writer);
	(void)ledger_catch_up(l);
	return 0;
}

/* ---- the writer's thread --- */

void ledger_take_plan(struct ledger *l)
{
	if (!atomic_load_explicit(&l->new_plan, memory_order_relaxed))
		return;
	free(l->making);
	l->making = atomic_exchange_explicit(&l->new_plan, NULL, memory_order_acq_rel);
	l->make_at_ns = l->making_since_ns = 0;
	l->is_failure_reported = false;
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

int ledger_make_plan(struct ledger *l, struct store_names **known, struct diag *diag)
{
	const struct entity_plan *plan = &l->making->entities;
	int rc = store_plan(l->store, plan, diag);

	if (rc == 0)
		rc = store_names_load(l->store, known, diag);
	if (rc == 0)
		idfilter_fill_begin(&l->idfilter_fill, *known, plan, l->making->round);
	return rc;
}

/* A lock that passes soon is not worth a line. */
static bool is_worth_a_line(struct ledger *l, int rc, int64_t now)
{
	if (l->making_since_ns == 0)
		l->making_since_ns = now;
	return !l->is_failure_reported &&
	       (rc != ERR_BUSY ||
		now - l->making_since_ns >= WRITER_PATIENCE_MS * INT64_C(1000000));
}

void ledger_make_tables(struct ledger *l)
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
	rc = ledger_make_plan(l, &made->known, &made->line);
	if (rc == 0) {
		made->number = l->making->number;
		free(l->making);
		l->making = NULL;
	} else if (is_worth_a_line(l, rc, now)) {
		made->failed = l->making->number;
		l->is_failure_reported = true;
	} else {
		free(made);
		return;
	}
	hand_over(l, made);
}
