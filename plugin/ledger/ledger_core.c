/*
 * ledger_core.c -- the part of the ledger that the broker's thread owns, and what each of its calls
 * does first.
 *
 * ledger_catch_up() takes over what the writer's thread opened, or made for a new plan. It lets go
 * of it when the writer's thread says that the files are not what they were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

#define ALL UINT64_MAX

_Static_assert(ENTITY_COLUMNS_MAX <= 64, "a bit a column");

int ledger_fail_closed(const struct ledger *l, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: the database is not open", l->asked_path);
}

int ledger_fail_lacking(const struct ledger *l, unsigned entity, struct diag *diag)
{
	return diag_set(diag, ERR_BUSY, "%s: table %s is not ready yet", l->asked_path,
			l->entity[entity].entity->table);
}

bool ledger_takes_power(const struct ledger *l)
{
	return journal_takes_power(l->journal) && !pace_is_slow(&l->pace, clock_mono_ns());
}

bool ledger_journal_is_whole(struct ledger *l)
{
	if (__builtin_expect(!journal_is_broken(l->journal), 1))
		return true;
	journal_stop(l->journal);
	return false;
}

/* ---- a plan of our own --------------------------------------------------------------------- */

/* What the parts of a plan come to; and where the next ones go. */
struct plan_room {
	size_t columns, sets, statuses, bytes;
	struct entity_column *column;
	uint64_t *set;
	const char **status;
	char *text;
};

static struct plan_room room_of(const struct entity_plan *plan)
{
	struct plan_room room = { 0 };

	for (size_t i = 0; i < plan->entity_count; i++) {
		const struct entity *entity = &plan->entity[i];

		room.columns += entity->column_count;
		room.bytes += strlen(entity->table) + 1;
		for (size_t k = 0; k < entity->column_count; k++)
			room.bytes += strlen(entity->column[k].name) + 1;
		for (size_t k = 0; k < entity->slot_count; k++) {
			room.statuses += entity->steps[k].count;
			for (size_t s = 0; s < entity->steps[k].count; s++)
				room.bytes += strlen(entity->steps[k].status[s]) + 1;
		}
	}
	room.sets = room.statuses;
	return room;
}

static const char *copy_name(struct plan_room *room, const char *name)
{
	const char *copy = room->text;

	room->text = stpcpy(room->text, name) + 1;
	return copy;
}

static void copy_steps(struct plan_room *room, struct entity_steps *steps)
{
	const struct entity_steps from = *steps;

	steps->status = room->status;
	steps->next = room->set;
	for (size_t i = 0; i < from.count; i++) {
		*room->status++ = copy_name(room, from.status[i]);
		*room->set++ = from.next[i];
	}
}

static void copy_entity(struct plan_room *room, struct entity *entity)
{
	const struct entity_column *from = entity->column;

	entity->name = NULL; /* neither is of use here */
	entity->owner_entity = NULL;
	entity->table = copy_name(room, entity->table);
	entity->column = room->column;
	for (size_t k = 0; k < entity->column_count; k++, room->column++) {
		*room->column = from[k];
		room->column->name = copy_name(room, from[k].name);
	}
	for (size_t k = 0; k < entity->slot_count; k++)
		copy_steps(room, &entity->steps[k]);
}

/* One block: the plan, its entities, sets of steps, columns, the names. */
struct ledger_plan *ledger_plan_new(const struct entity_plan *from, uint64_t number)
{
	struct plan_room room = room_of(from);
	struct ledger_plan *plan;
	struct entity *entity;

	plan = malloc(sizeof(*plan) + from->entity_count * sizeof(*entity) +
		      room.sets * sizeof(*room.set) + room.columns * sizeof(*room.column) +
		      room.statuses * sizeof(*room.status) + room.bytes);
	if (!plan)
		return NULL;
	entity = (struct entity *)(plan + 1);
	room.set = (uint64_t *)(entity + from->entity_count);
	room.column = (struct entity_column *)(room.set + room.sets);
	room.status = (const char **)(room.column + room.columns);
	room.text = (char *)(room.status + room.statuses);
	*plan = (struct ledger_plan){ .number = number,
				      .entities = { from->entity_count, entity } };
	for (size_t i = 0; i < from->entity_count; i++, entity++) {
		*entity = from->entity[i];
		copy_entity(&room, entity);
	}
	return plan;
}

/* ---- what the database has of the plan ----------------------------------------------------- */

/* Are its table and the columns of @columns there? */
static bool is_there(const struct ledger_entity *known, uint64_t columns)
{
	bool has = known->number.table != 0;

	for (size_t i = 0; i < known->entity->column_count; i++)
		has = has && (known->number.column[i] || !(columns >> i & 1));
	return has;
}

/* Was there an index for how long a status has not changed before the plan asked for it? */
static bool was_timed(const struct ledger_entity *old, size_t old_count, uint32_t number)
{
	for (size_t i = 0; i < old_count; i++)
		for (size_t k = 0; number && k < old[i].entity->slot_count; k++)
			if (old[i].is_timed[k] &&
			    old[i].number.column[old[i].entity->slot[k]] == number)
				return true;
	return false;
}

struct ledger_entity ledger_find_entity(const struct ledger *l, size_t i,
					const struct ledger_entity *old, size_t old_count)
{
	const struct entity *entity = &l->plan->entities.entity[i];
	struct ledger_entity known = { .entity = entity };

	if (store_names_find(l->known, entity, &known.number, NULL) != 0)
		diag_ignore(store_names_find(NULL, entity, &known.number, NULL)); /* cannot fail */
	if (entity->link_column >= 0)
		known.remembered |= UINT64_C(1) << entity->link_column;
	for (size_t k = 0; k < entity->slot_count; k++) {
		known.remembered |= UINT64_C(1) << entity->slot[k];
		known.is_timed[k] =
			entity->is_timed[k] &&
			(l->made_number == l->plan->number ||
			 was_timed(old, old_count, known.number.column[entity->slot[k]]));
	}
	return known;
}

/* What the database has is known from now on. */
static void take_known(struct ledger *l, struct store_names *known)
{
	store_names_free(l->known);
	l->known = known;
	for (size_t i = 0; i < l->entity_count; i++) {
		struct ledger_entity entity = ledger_find_entity(l, i, l->entity, l->entity_count);

		entity.layout = l->entity[i].layout;
		l->entity[i] = entity;
	}
}

/*
 * True: all that the plan asks for is there, and all that is there may be looked at. Memory goes on
 * with what it has of an entity that is remembered as before. Of others it may have records that
 * the database lacks, in another order: those must arrive first.
 */
static bool fit_plan(struct ledger *l)
{
	uint64_t applied = l->writer ? writer_applied(l->writer) : l->last_seq;
	bool has_all = l->made_number == l->plan->number;

	for (size_t i = 0; i < l->entity_count; i++) {
		struct ledger_entity *entity = &l->entity[i];

		if (entity->layout.number == 0 && is_there(entity, entity->remembered)) {
			entity->layout.number = ++l->layouts;
			entity->layout.usable_seq = l->last_seq;
		}
		if (entity->layout.number && entity->layout.usable_seq <= applied)
			entity->layout.memory = entity->layout.number;
		has_all = has_all && entity->layout.memory && is_there(entity, ALL);
	}
	return has_all;
}

bool ledger_has_all(const struct ledger *l)
{
	return l->has_all || !l->is_taken;
}

const char *ledger_lacks(const struct ledger *l, unsigned entity, unsigned column)
{
	const struct ledger_entity *known;

	if (ledger_has_all(l) || entity >= l->entity_count)
		return NULL;
	known = &l->entity[entity];
	if (known->layout.memory == 0 ||
	    (column < known->entity->column_count && known->number.column[column] == 0))
		return known->entity->table;
	return NULL;
}

/* ---- what the writer's thread made of it --------------------------------------------------- */

static void report_lacking(struct ledger *l, const struct diag *cause)
{
	char tables[200] = ""; /* "orders, payments" */
	size_t used = 0;

	for (size_t i = 0; i < l->entity_count && used < sizeof(tables); i++)
		if (!is_there(&l->entity[i], ALL))
			used += (size_t)snprintf(tables + used, sizeof(tables) - used, "%s%s",
						 used ? ", " : "", l->entity[i].entity->table);
	if (used)
		(void)diag_set(&l->plan_news, 0,
			       "the new contract's tables are not all there yet, channels that "
			       "need them are refused (%s): %s",
			       tables, cause->text);
	else
		(void)diag_set(&l->plan_news, 0, "the new contract's indexes are not there yet: %s",
			       cause->text);
	l->is_lack_reported = true;
}

static void report_all_there(struct ledger *l)
{
	if (l->is_lack_reported)
		(void)diag_set(&l->plan_news, 0, "%s: the contract's tables are all there now",
			       l->path);
	l->is_lack_reported = false;
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
		take_known(l, made->known);
	if (made->failed == l->plan->number)
		report_lacking(l, &made->line);
	else if (l->made_number == l->plan->number)
		report_all_there(l);
	free(made);
}

static void drop_made(struct ledger *l)
{
	struct ledger_made *made = atomic_exchange_explicit(&l->made, NULL, memory_order_acq_rel);

	if (made)
		store_names_free(made->known);
	free(made);
}

void ledger_clear_plans(struct ledger *l)
{
	drop_made(l);
	free(atomic_load(&l->new_plan));
	free(l->making);
	free(l->plan);
	free(l->entity);
	store_names_free(l->known);
}

/* ---- what the writer's thread opened ------------------------------------------------------- */

static void let_go(struct ledger *l)
{
	struct ledger_plan *again = ledger_plan_new(&l->plan->entities, l->plan->number);

	if (!again)
		return; /* out of memory: the next call tries again */
	again->round = idfilter_extend(l->idfilter);
	drop_made(l); /* of the database that is given up */
	store_reader_close(l->reader);
	l->reader = NULL;
	/* The journal has what memory has, and the database will. */
	state_clear(l->state);
	l->key.len = 0;
	l->is_taken = l->has_all = false;
	free(atomic_exchange_explicit(&l->new_plan, again, memory_order_acq_rel));
	atomic_store_explicit(&l->has_let_go, true, memory_order_release);
}

static void take_opened(struct ledger *l)
{
	const struct ledger_opened *opened = &l->opened;

	l->made_number = opened->number;
	take_known(l, opened->known);
	l->reader = opened->reader;
	l->last_seq = l->opened_seq = opened->last_seq;
	l->seed = opened->seed;
	l->is_taken = true;
	store_reader_use(l->reader, &l->plan->entities);
	if (l->opening_line.text[0])
		l->news = l->opening_line;
	diag_init(&l->opening_line);
}

/* Nothing is open: what there was until now is let go, where that was not done yet. */
static __attribute__((cold, noinline)) bool catch_up_closed(struct ledger *l)
{
	if (atomic_load_explicit(&l->has_let_go, memory_order_relaxed))
		return false;
	if (!l->is_taken)
		take_opened(l); /* to be let go as all that was opened is */
	let_go(l);
	return false;
}

/* Something that the plan asks for is not there yet, or nothing was taken over. */
static __attribute__((noinline)) bool catch_up_open(struct ledger *l)
{
	if (!l->is_taken)
		take_opened(l);
	take_made(l);
	l->has_all = fit_plan(l);
	return true;
}

bool ledger_catch_up(struct ledger *l)
{
	bool is_open = atomic_load_explicit(&l->is_open, memory_order_acquire);

	if (is_open && l->has_all)
		return true;
	return is_open ? catch_up_open(l) : catch_up_closed(l);
}
