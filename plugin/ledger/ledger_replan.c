/*
 * ledger_replan.c -- a reload's new plan: in force at once, its tables made behind it.
 *
 * The broker's thread never waits: it knows which tables and columns the database has
 * (store_names), fits the new plan to that, and hands a copy to the writer's thread, which makes
 * what is missing when it can (ledger_make.c) and hands back what there is then. Entities of the
 * two plans are the same where their permanent numbers are. Until its table is there an entity
 * can't be looked at, and until its columns are, nothing of it is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_internal.h"

#define MAKE_EVERY_NS                                                                              \
	INT64_C(500000000) /* after a failure, so that records are carried between                 \
			    */

/* ---- a plan of our own --------------------------------------------------------------------- */

static size_t names_bytes(const struct entity_plan *plan, size_t *columns)
{
	size_t bytes = 0;

	*columns = 0;
	for (size_t i = 0; i < plan->entity_count; i++) {
		*columns += plan->entity[i].column_count;
		bytes += strlen(plan->entity[i].table) + 1;
		for (size_t k = 0; k < plan->entity[i].column_count; k++)
			bytes += strlen(plan->entity[i].column[k].name) + 1;
	}
	return bytes;
}

/* One block: the plan, its entities, their columns, the names. */
struct ledger_wanted *ledger_wanted_new(const struct entity_plan *from, uint64_t number,
					unsigned round)
{
	size_t columns, names = names_bytes(from, &columns);
	struct ledger_wanted *wanted;
	struct entity *entity;
	struct entity_column *column;
	char *name;

	wanted = malloc(sizeof(*wanted) + from->entity_count * sizeof(*entity) +
			columns * sizeof(*column) + names);
	if (!wanted)
		return NULL;
	entity = (struct entity *)(wanted + 1);
	column = (struct entity_column *)(entity + from->entity_count);
	name = (char *)(column + columns);
	*wanted = (struct ledger_wanted){ number, round, { from->entity_count, entity } };
	for (size_t i = 0; i < from->entity_count; i++, entity++) {
		*entity = from->entity[i];
		entity->name = NULL; /* neither is of use here */
		entity->owner_entity = NULL;
		entity->table = name;
		name = stpcpy(name, from->entity[i].table) + 1;
		entity->column = column;
		for (size_t k = 0; k < entity->column_count; k++, column++) {
			*column = from->entity[i].column[k];
			column->name = name;
			name = stpcpy(name, from->entity[i].column[k].name) + 1;
		}
	}
	return wanted;
}

static bool is_same_entity(const struct entity *a, const struct entity *b)
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
		if (a->slot[i] != b->slot[i] || a->is_timed[i] != b->is_timed[i])
			return false;
	return true;
}

static bool is_same_plan(const struct entity_plan *a, const struct entity_plan *b)
{
	if (a->entity_count != b->entity_count)
		return false;
	for (size_t i = 0; i < a->entity_count; i++)
		if (!is_same_entity(&a->entity[i], &b->entity[i]))
			return false;
	return true;
}

/* ---- what is there ------------------------------------------------------------------------- */

static uint32_t number_of(const struct ledger_entity *known, int column)
{
	return column < 0 ? 0 : known->number.column[column];
}

/* The number of the column with the status @slot. */
static uint32_t slot_number(const struct ledger_entity *known, size_t slot)
{
	return number_of(known, (int)known->entity->slot[slot]);
}

/* Is there all that a look reads? */
static bool has_remembered(const struct ledger_entity *known)
{
	bool has = known->number.table != 0 &&
		   (known->entity->link_column < 0 || number_of(known, known->entity->link_column));

	for (size_t i = 0; i < known->entity->slot_count; i++)
		has = has && slot_number(known, i);
	return has;
}

static bool has_all(const struct ledger_entity *known)
{
	bool has = known->number.table != 0;

	for (size_t i = 0; i < known->entity->column_count; i++)
		has = has && known->number.column[i];
	return has;
}

/* Is the one remembered as the other is? */
static bool is_same_layout(const struct ledger_entity *a, const struct ledger_entity *b)
{
	if (a->number.table != b->number.table || a->entity->slot_count != b->entity->slot_count ||
	    number_of(a, a->entity->link_column) != number_of(b, b->entity->link_column))
		return false;
	for (size_t i = 0; i < a->entity->slot_count; i++)
		if (slot_number(a, i) != slot_number(b, i))
			return false;
	return true;
}

/* Was there an index for how long a status stands before the plan asked for it? */
static bool was_timed(const struct ledger_entity *old, size_t old_count,
		      const struct ledger_entity *known, size_t slot)
{
	uint32_t number = slot_number(known, slot);

	for (size_t i = 0; i < old_count; i++)
		for (size_t k = 0; number && k < old[i].entity->slot_count; k++)
			if (old[i].is_timed[k] && slot_number(&old[i], k) == number)
				return true;
	return false;
}

/* What is known of an entity of the plan in force. What the database can't have is not there. */
static struct ledger_entity find_entity(const struct ledger *l, size_t i,
					const struct ledger_entity *old, size_t old_count)
{
	struct ledger_entity known = { .entity = &l->plan->plan.entity[i] };

	if (store_names_find(l->known, known.entity, &known.number, NULL) != 0)
		(void)store_names_find(NULL, known.entity, &known.number, NULL); /* cannot fail */
	for (size_t k = 0; k < known.entity->slot_count; k++)
		known.is_timed[k] =
			known.entity->is_timed[k] &&
			(l->made_number == l->plan->number || was_timed(old, old_count, &known, k));
	return known;
}

/*
 * Memory goes on with what it has of an entity that is remembered as before. Of others it may have
 * records that the database lacks, in another order: those must arrive first.
 */
static void fit_layout(struct ledger *l, size_t i)
{
	if (l->layout[i] == 0 && has_remembered(&l->entity[i])) {
		l->layout[i] = ++l->layouts;
		l->usable_seq[i] = l->last_seq;
	}
}

/* All that the plan asks for is there, and all that is there may be looked at. */
static bool is_all_there(struct ledger *l)
{
	uint64_t applied = l->writer ? writer_applied(l->writer) : l->last_seq;
	bool is_all = l->made_number == l->plan->number;

	for (size_t i = 0; i < l->entity_count; i++) {
		if (l->layout[i] && l->usable_seq[i] <= applied)
			l->memory[i] = l->layout[i];
		is_all = is_all && l->memory[i] && has_all(&l->entity[i]);
	}
	return is_all;
}

/* ---- what the writer's thread says --------------------------------------------------------- */

/* "orders, payments": the tables that are not as the plan wants them. "": none. */
static void list_lacking(const struct ledger *l, char *ret, size_t cap)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < l->entity_count && used < cap; i++)
		if (!has_all(&l->entity[i]))
			used += (size_t)snprintf(ret + used, cap - used, "%s%s", used ? ", " : "",
						 l->entity[i].entity->table);
}

static void tell_lack(struct ledger *l, const struct diag *cause)
{
	char tables[200];

	list_lacking(l, tables, sizeof(tables));
	if (tables[0])
		(void)diag_set(
			&l->plan_news, 0,
			"the new contract's tables are not all there yet, channels that need "
			"them are refused (%s): %s",
			tables, cause->text);
	else
		(void)diag_set(&l->plan_news, 0, "the new contract's indexes are not there yet: %s",
			       cause->text);
	l->has_plan_news = l->is_lack_told = true;
}

static void tell_end(struct ledger *l)
{
	if (!l->is_lack_told)
		return;
	(void)diag_set(&l->plan_news, 0, "%s: the contract's tables are all there now", l->path);
	l->has_plan_news = true;
	l->is_lack_told = false;
}

void ledger_take_known(struct ledger *l, struct store_names *known)
{
	store_names_free(l->known);
	l->known = known;
	for (size_t i = 0; i < l->entity_count; i++)
		l->entity[i] = find_entity(l, i, l->entity, l->entity_count);
}

static void take_made(struct ledger *l)
{
	struct ledger_made *made;

	if (!atomic_load_explicit(&l->made, memory_order_relaxed))
		return;
	made = atomic_exchange_explicit(&l->made, NULL, memory_order_acq_rel);
	if (!made)
		return; /* it is being replaced by a newer one */
	if (made->number)
		l->made_number = made->number;
	if (made->known)
		ledger_take_known(l, made->known);
	if (made->failed == l->plan->number)
		tell_lack(l, &made->line);
	else if (l->made_number == l->plan->number)
		tell_end(l);
	free(made);
}

void ledger_fit(struct ledger *l)
{
	take_made(l);
	for (size_t i = 0; i < l->entity_count; i++)
		fit_layout(l, i);
	l->is_settled = is_all_there(l);
}

int ledger_fail_lacking(const struct ledger *l, unsigned entity, struct diag *diag)
{
	return diag_set(diag, ERR_BUSY, "%s: table %s is not ready yet", l->asked_path,
			l->entity[entity].entity->table);
}

bool ledger_has_all(const struct ledger *l)
{
	return l->is_settled || !l->is_admitted;
}

const char *ledger_lacks(const struct ledger *l, unsigned entity, unsigned column)
{
	if (ledger_has_all(l) || entity >= l->entity_count)
		return NULL;
	if (l->memory[entity] == 0 || (column < l->entity[entity].entity->column_count &&
				       l->entity[entity].number.column[column] == 0))
		return l->entity[entity].entity->table;
	return NULL;
}

/* ---- the room's face ----------------------------------------------------------------------- */

/* What is known already to be impossible. */
static int check_known(const struct ledger *l, const struct entity_plan *plan, struct diag *diag)
{
	struct store_numbers number;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->entity_count; i++)
		rc = store_names_find(l->known, &plan->entity[i], &number, diag);
	return rc;
}

/* What memory has of the entities of the plan before, where they are remembered alike. */
static void keep_memory(struct ledger *l, const struct ledger_entity *old, size_t old_count)
{
	uint32_t memory[ENTITY_COUNT_MAX], layout[ENTITY_COUNT_MAX];
	uint64_t usable_seq[ENTITY_COUNT_MAX];

	memcpy(memory, l->memory, sizeof(memory));
	memcpy(layout, l->layout, sizeof(layout));
	memcpy(usable_seq, l->usable_seq, sizeof(usable_seq));
	memset(l->memory, 0, sizeof(l->memory));
	memset(l->layout, 0, sizeof(l->layout));
	for (size_t i = 0; i < l->entity_count; i++)
		for (size_t k = 0; k < old_count; k++) {
			if (!layout[k] || !is_same_layout(&l->entity[i], &old[k]))
				continue;
			l->memory[i] = memory[k];
			l->layout[i] = layout[k];
			l->usable_seq[i] = usable_seq[k];
		}
}

/* Puts @plan and its @entity in force. */
static void put_in_force(struct ledger *l, struct ledger_wanted *plan, struct ledger_entity *entity)
{
	struct ledger_wanted *old_plan = l->plan;
	struct ledger_entity *old = l->entity;
	size_t old_count = l->entity_count;

	l->plan = plan;
	l->entity = entity;
	l->entity_count = plan->plan.entity_count;
	for (size_t i = 0; i < l->entity_count; i++)
		entity[i] = find_entity(l, i, old, old_count);
	keep_memory(l, old, old_count);
	if (l->is_admitted)
		store_reader_use(l->reader, &plan->plan);
	l->key.len = 0;
	l->is_settled = l->has_plan_news = false;
	free(old);
	free(old_plan);
}

int ledger_replan(struct ledger *l, const struct entity_plan *plan, struct diag *diag)
{
	struct ledger_wanted *mine, *theirs;
	struct ledger_entity *entity;
	int rc = store_check_plan(plan, diag);

	(void)ledger_catch_up(l);
	if (rc == 0)
		rc = check_known(l, plan, diag);
	if (rc || is_same_plan(&l->plan->plan, plan))
		return rc;
	mine = ledger_wanted_new(plan, l->plan->number + 1, 0);
	theirs = ledger_wanted_new(plan, l->plan->number + 1, 0);
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
	free(atomic_exchange_explicit(&l->wanted, theirs, memory_order_acq_rel));
	writer_wake(l->writer);
	(void)ledger_catch_up(l);
	return 0;
}
