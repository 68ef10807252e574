/*
 * fixedtable.h -- records by name, in memory that is taken once and never grows.
 *
 * A name is a number that outsiders can't foresee (base/keyhash.h). It belongs to one set of eight
 * records. When the set is full, a newcomer takes the place of the record that would be missed
 * least. Which one that is, the table's owner may say (struct fixedtable_options, @worth). Where it
 * says nothing, it is the least bad, of those one whose client is not connected, of those the one
 * that has been quiet longest. How bad a record is halves every FIXEDTABLE_HALF_S seconds; one that
 * is worse than FIXEDTABLE_BAD is never given up, so that a flood of invented names pushes out no
 * record that is worth watching. Where a newcomer finds no such record it gets the one that each
 * set has besides, which all such newcomers share: none of them gets a fresh start for each name.
 *
 * Where records have owners, a set is shared by them before all else: a newcomer takes the place
 * of a record whose owner has more of them there than its own has, bad or not; whose owner has
 * as many as any gives up one of its own. So nobody makes another's record go by having many.
 *
 * The user's records begin with a struct fixedtable_head. For one thread.
 */
#ifndef PETSTORE_FIXEDTABLE_H
#define PETSTORE_FIXEDTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define FIXEDTABLE_WAYS 8u
#define FIXEDTABLE_RECORDS_MAX (1u << 22)
#define FIXEDTABLE_BAD 8u
#define FIXEDTABLE_BADNESS_MAX 1024u /* ten halvings from there to nothing */
#define FIXEDTABLE_HALF_S 300

struct fixedtable_head {
	uint64_t id;    /* 0: free; of the shared record: 1 */
	uint64_t owner; /* who has it, among others; 0: nobody in particular */
	int64_t seen_ns;
	int64_t bad_ns; /* when @badness was counted last */
	uint32_t badness;
	bool is_live;   /* a client is connected under this name */
	bool is_shared; /* by all who found no room */
	bool is_held;   /* somebody counts on it: as bad as can be, until that ends */
};

#define FIXEDTABLE_KEEP UINT64_MAX /* a record of this worth is never given up */

struct fixedtable_options {
	size_t records; /* FIXEDTABLE_RECORDS_MAX at most; rounded up to a power of two sets */
	size_t size;    /* of each: a multiple of 8, its struct fixedtable_head included */
	/* Called with a record just before it is given up; NULL: nobody has to know. */
	void (*gone)(void *record);
	/*
	 * How much @record would be missed at @now (the caller's clock); a newcomer takes the place
	 * of the one that is worth least, the first of them. Owners and badness count for nothing
	 * then, and there is no shared record. NULL: as above.
	 */
	uint64_t (*worth)(const void *record, int64_t now, const void *ctx);
	const void *ctx; /* for @worth */
};

struct fixedtable;

/* @options are copied. Memory is touched as records are used. */
int fixedtable_new(const struct fixedtable_options *options, struct fixedtable **ret,
		   struct diag *diag);
void fixedtable_free(struct fixedtable *table); /* NULL is fine */

/* Bytes of the table, at most. */
size_t fixedtable_memory(const struct fixedtable *table);
size_t fixedtable_count(const struct fixedtable *table);     /* places taken */
uint64_t fixedtable_evicted(const struct fixedtable *table); /* records given up so far */

/*
 * The record of @id, of @owner (0: of nobody in particular), made where there is none: then all
 * zero but for its head, and *is_new (NULL: it does not matter). Borrowed until the next
 * fixedtable_take(). NULL only where @worth keeps all of the set.
 */
void *fixedtable_take(struct fixedtable *table, uint64_t id, uint64_t owner, int64_t now_ns,
		      bool *is_new);

/* The record of @id, or NULL; shared ones are not looked at. Changes nothing. */
void *fixedtable_find(const struct fixedtable *table, uint64_t id);

/* @by worse, as of @now_ns. */
void fixedtable_blame(struct fixedtable_head *head, uint32_t by, int64_t now_ns);
uint32_t fixedtable_badness(const struct fixedtable_head *head, int64_t now_ns);

/*
 * Visits up to @count places from place *at on, going round; *at moves on. For work that has to
 * see every record now and then.
 */
void fixedtable_walk(struct fixedtable *table, size_t *at, size_t count,
		     void (*visit)(void *record, void *ctx), void *ctx);

/* Places, taken or not, shared ones included. */
size_t fixedtable_places(const struct fixedtable *table);

#endif
