/*
 * entity.h -- a kind of thing whose state is kept ("order"): what the contract says of it.
 *
 * The contract fills it in; the gate, the ledger, the store and petstorectl read it. An entity is
 * one row of its table. The table has an id (the key), owner, revision (counts accepted writes from
 * 1), created_at and updated_at (RFC 3339, when the broker accepted), adopted_at (when its status
 * was last taken over without having been accepted; NULL: never), and then the columns below. All
 * rooms use the index in the plan as the kind's number.
 */
#ifndef PETSTORE_BASE_ENTITY_H
#define PETSTORE_BASE_ENTITY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/value.h"

#define ENTITY_COUNT_MAX 64u    /* kinds of entities of a contract */
#define ENTITY_COLUMNS_MAX 48u  /* columns of one kind */
#define ENTITY_SLOTS_MAX 4u     /* columns of one kind that hold a status */
#define ENTITY_ID_MAX 64u       /* bytes of an id */
#define ENTITY_OWNER_MAX 128u   /* bytes of an owner's name */
#define ENTITY_STATUS_MAX 48u   /* bytes of a status */
#define ENTITY_STATUSES_MAX 64u /* of a slot: a bit each */
#define ENTITY_NONE UINT_MAX    /* the index of no entity */

struct entity_column {
	const char *name; /* entity_is_name(), and not entity_is_own_column() */
	enum value_type type;
	bool is_indexed;
};

/*
 * The steps that the contract has between the statuses of a slot; corrections are not among them.
 * Sets are of indexes into status[]. All zero: nothing is known of them.
 */
struct entity_steps {
	size_t count; /* at most ENTITY_STATUSES_MAX */
	const char *const *status;
	uint64_t first;       /* statuses that an entity may begin with */
	const uint64_t *next; /* next[i]: what may follow status[i]; itself is not in it */
};

struct entity {
	const char *name;  /* "order" */
	const char *table; /* "orders": entity_is_name(), and not entity_is_own_table() */
	unsigned index;    /* in the plan */
	size_t column_count;
	const struct entity_column *column;
	/* Columns that hold a status, as indexes into column[]; a channel moves one of them. */
	size_t slot_count;
	unsigned slot[ENTITY_SLOTS_MAX];
	bool is_timed[ENTITY_SLOTS_MAX]; /* some rule asks how long this status has been unchanged
					  */
	/* Of a shared database: it is moved by writes that are committed there at once alone. */
	bool is_strict[ENTITY_SLOTS_MAX];
	/*
	 * Where the owner comes from when this entity's messages do not name it: from another
	 * entity, whose id one of the columns has (a payment belongs to its order's owner).
	 */
	const struct entity *owner_entity; /* NULL: none */
	int link_column;                   /* the column with its id; -1: none */
	struct entity_steps steps[ENTITY_SLOTS_MAX];
};

/* The kinds of entities that a contract declares, by their index. */
struct entity_plan {
	size_t entity_count;
	const struct entity *entity;
};

/* The columns that every entity's table has. */
#define ENTITY_OWN_COLUMNS 6u
struct entity_own_column {
	const char *name;
	enum value_type type;
	bool is_required; /* NOT NULL */
	bool is_added;    /* to tables that were made without it */
};
extern const struct entity_own_column entity_own_column[ENTITY_OWN_COLUMNS];

/* May a table or a column have this name? An SQL identifier, [a-z][a-z0-9_]{0,62}. */
bool entity_is_name(const char *name);

/* Does the store itself use this name, for a column of every entity's table, or for a table? */
bool entity_is_own_column(const char *name);
bool entity_is_own_table(const char *name);

/* Which of the entity's statuses is in @column: an index into slot[], or -1. */
static inline int entity_slot(const struct entity *entity, unsigned column)
{
	for (size_t i = 0; i < entity->slot_count; i++)
		if (entity->slot[i] == column)
			return (int)i;
	return -1;
}

/*
 * Is the step from the status @from (of @from_len bytes; none: the entity has none yet) to @to one
 * of @steps? Neither text need end in a NUL.
 */
bool entity_has_step(const struct entity_steps *steps, const char *from, size_t from_len,
		     const char *to, size_t to_len);

/* Do one or more of @steps lead from @from to @to? Texts as of entity_has_step(). */
bool entity_leads(const struct entity_steps *steps, const char *from, size_t from_len,
		  const char *to, size_t to_len);

#endif
