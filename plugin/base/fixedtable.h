/*
 * fixedtable.h -- records by id, in memory that is allocated once and never grows.
 *
 * An id is a 64-bit number that clients can't foresee (base/keyhash.h). It belongs to one set of
 * eight records. When the set is full, a new record replaces one of them:
 *
 *   - With a function @worth (struct fixedtable_options), the record that is worth least.
 *   - Without it, the record with the least badness; of equal ones, one whose client is not
 *     connected; of those, the one that was not used for longest.
 *
 * Badness halves every FIXEDTABLE_HALF_S seconds. A record with more than FIXEDTABLE_BAD is not
 * replaced, so that a flood of invented names cannot remove it. If no record can be replaced, the
 * new id gets the set's shared record, which all such ids use together: a new name is no fresh
 * start.
 *
 * Where records have owners, this comes first: if the owner with the most records of the set has
 * more than the new record's owner, one of its records is replaced, whatever its badness. If the
 * new record's owner has as many as any other, only one of its own is replaced. So an owner with
 * many records cannot remove another's.
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
	uint64_t owner; /* a number for the owner; 0: none */
	int64_t seen_ns;
	int64_t bad_ns; /* when @badness was counted last */
	uint32_t badness;
	bool is_live;   /* a client is connected under this name */
	bool is_shared; /* by all ids that found no room */
	bool is_held;   /* the user needs it: it is not replaced while this is set */
};

#define FIXEDTABLE_KEEP UINT64_MAX /* a record of this worth is never replaced */

struct fixedtable_options {
	size_t records; /* FIXEDTABLE_RECORDS_MAX at most; rounded up to a power of two sets */
	size_t size;    /* of each: a multiple of 8, its struct fixedtable_head included */
	/* Called with a record just before it is replaced; may be NULL. */
	void (*gone)(void *record);
	/*
	 * How much @record is worth at @now (the caller's clock); the first record with the least
	 * is replaced. Owners and badness do not count then, and there is no shared record. NULL:
	 * as above.
	 */
	uint64_t (*worth)(const void *record, int64_t now, const void *ctx);
	const void *ctx; /* for @worth */
};

struct fixedtable;

/* Allocates the table; @options are copied. The system gives pages as records are used. */
int fixedtable_new(const struct fixedtable_options *options, struct fixedtable **ret,
		   struct diag *diag) MUST_CHECK;
void fixedtable_free(struct fixedtable *table); /* NULL is fine */

/* Bytes of the table, at most. */
size_t fixedtable_memory(const struct fixedtable *table);
size_t fixedtable_count(const struct fixedtable *table);     /* places in use */
uint64_t fixedtable_evicted(const struct fixedtable *table); /* records replaced so far */

/*
 * The record of @id and @owner (0: none). Where there is none it is made, all zero but for its
 * head, and *is_new is true (@is_new may be NULL). Borrowed until the next fixedtable_take(). NULL
 * only where @worth keeps all records of the set.
 */
void *fixedtable_take(struct fixedtable *table, uint64_t id, uint64_t owner, int64_t now_ns,
		      bool *is_new);

/* The record of @id, or NULL; never a shared one. Changes nothing. */
void *fixedtable_find(const struct fixedtable *table, uint64_t id);

/* Adds @by to the record's badness at @now_ns. */
void fixedtable_blame(struct fixedtable_head *head, uint32_t by, int64_t now_ns);
uint32_t fixedtable_badness(const struct fixedtable_head *head, int64_t now_ns);

/*
 * The next record in the next *count places from place *at on; after the last place comes the
 * first. Both move on. NULL: there is none. For work that has to see every record from time to
 * time.
 */
void *fixedtable_next(const struct fixedtable *table, size_t *at, size_t *count);

/* All places, in use or free, those of shared records included. */
size_t fixedtable_places(const struct fixedtable *table);

#endif
