/*
 * table.h -- records by name, in memory that is taken once and never grows.
 *
 * Sets of eight records each; a name belongs to one set, found by a hash that outsiders can't
 * foresee (monitor/keyhash.h). When a set is full, a newcomer takes the place of the record
 * that would be missed least: the least bad, of those one whose client is not connected, of
 * those the one that has been quiet longest. A record that is worse than TABLE_BAD is never
 * given up: how bad it is halves every TABLE_HALF_S seconds, so that in the end it becomes like
 * any other. In a set of eight such records newcomers are strangers, and share one record more
 * that each set has: a flood of invented names can neither push out who is being watched nor
 * get a fresh start for each name.
 *
 * Where records have owners, a set is shared by them before all else: a newcomer takes the place
 * of a record whose owner has more of them there than its own has, bad or not; whose owner has
 * as many as any gives up one of its own. So nobody makes another's record go by having many.
 *
 * The room's records begin with a struct table_head. For one thread.
 */
#ifndef PETSTORE_MONITOR_TABLE_H
#define PETSTORE_MONITOR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define TABLE_WAYS 8u
#define TABLE_RECORDS_MAX (1u << 20)
#define TABLE_BAD 8u
#define TABLE_BADNESS_MAX 1024u /* ten halvings from there to nothing */
#define TABLE_HALF_S 300

struct table_head {
	uint64_t id;    /* 0: free; of strangers: 1 */
	uint64_t owner; /* who has it, among others; 0: nobody in particular */
	int64_t seen_ns;
	int64_t bad_ns; /* when @badness was counted last */
	uint32_t badness;
	bool is_live;      /* a client is connected under this name */
	bool is_strangers; /* shared by all who found no room */
	bool is_held;      /* somebody counts on it: as bad as can be, until that ends */
};

struct table;

/*
 * @records of @size bytes (a multiple of 8, struct table_head first), rounded up to whole sets
 * and a power of two of them. Memory is touched as records are used.
 */
int table_new(size_t records, size_t size, struct table **ret, struct diag *diag);
void table_free(struct table *table); /* NULL is fine */

/* Bytes that the table has at most, all told. */
size_t table_memory(const struct table *table);
size_t table_count(const struct table *table); /* places taken */
uint64_t table_evicted(const struct table *table);

/*
 * The record of @id, of @owner (0: of nobody in particular), made where there is none: then all
 * zero but for its head, and *is_new. What was in its place is gone; @gone, where not NULL, is
 * called with it just before. Never NULL; borrowed until the next table_take().
 */
void *table_take(struct table *table, uint64_t id, uint64_t owner, int64_t now_ns,
		 void (*gone)(void *record, void *ctx), void *ctx, bool *is_new);

/* The record of @id, or NULL; strangers are not looked at. Changes nothing. */
void *table_find(const struct table *table, uint64_t id);

/* @by worse, as of @now_ns. */
void table_blame(struct table_head *head, uint32_t by, int64_t now_ns);
uint32_t table_badness(const struct table_head *head, int64_t now_ns);

/*
 * Visits up to @count places from place *at on, going round; *at moves on. For work that has to
 * see every record now and then.
 */
void table_walk(struct table *table, size_t *at, size_t count,
		void (*visit)(void *record, void *ctx), void *ctx);

/* Places, taken or not, strangers included. */
size_t table_places(const struct table *table);

#endif
