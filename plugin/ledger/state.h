/*
 * state.h -- a cache of entities: bounded, the least recently used one is replaced first.
 *
 * Knows tables and ids as numbers and bytes, and for each what the ledger knows of it; knows
 * nothing of the database or the journal. An entity whose newest write is not in the database
 * yet is pinned: it stays until state_settle() is called for that write. While all are pinned more
 * are taken in, up to a bound. Address space for all is reserved at once, and memory comes as
 * entities do: STATE_ENTRY_BYTES an entity.
 *
 * One thread, the broker's; but for state_prefault().
 */
#ifndef PETSTORE_STATE_H
#define PETSTORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/siphash.h"
#include "ledger/ledger_types.h"

#define STATE_ENTITIES_MIN 16u
#define STATE_ENTITIES_MAX (1u << 26)
/* An entry, and its share of the hash table, which is at most half full. */
#define STATE_ENTRY_BYTES (512u + 32u + 4u * 8u)

/*
 * An entity's name to what is kept in memory about it, here and in idfilter.h: a table's number and
 * an id, and one hash of both under a secret of the ledger's, since clients choose ids, and no
 * client must be able to choose what its ids hash to.
 */
struct entitykey {
	uint64_t hash;
	uint32_t table;
	uint32_t len;   /* bytes of the id, ENTITY_ID_MAX at most */
	const char *id; /* borrowed, not NUL-terminated */
};

static inline struct entitykey entitykey_make(const uint64_t secret[2], uint32_t table,
					      const char *id, size_t len)
{
	struct siphash hash;

	siphash_begin(&hash, secret);
	siphash_word(&hash, table, 1);
	siphash_text(&hash, id, len, 1);
	return (struct entitykey){ siphash_end(&hash, 3), table, (uint32_t)len, id };
}

struct state;

/* What is known of an entity. is_known false: that nothing was ever kept. */
struct state_facts {
	bool is_known;
	uint16_t mark[LEDGER_LAST_MAX]; /* of channels that had a message; 0: no channel */
	/* Of a shared database: ledger_seen_ms() when it was read or written last; 0: never. */
	uint32_t seen_ms;
	uint64_t revision;
	uint64_t last[LEDGER_LAST_MAX]; /* what it says, by mark[]: see ledger_look.c */
	char status[ENTITY_SLOTS_MAX][ENTITY_STATUS_MAX + 1];
	char owner[ENTITY_OWNER_MAX + 1];
	char link[ENTITY_ID_MAX + 1];
};

/*
 * Room for @entities, between STATE_ENTITIES_MIN and STATE_ENTITIES_MAX, and for @waiting more
 * where so many are pinned. ERR_NOMEM where there is not so much memory.
 */
int state_new(size_t entities, size_t waiting, struct state **ret, struct diag *diag) MUST_CHECK;
void state_free(struct state *state); /* NULL is fine */

/*
 * The entity's facts, borrowed until the next state_add() or state_clear(); NULL where it is
 * not in memory. The caller may change them.
 */
struct state_facts *state_find(struct state *state, const struct entitykey *key);

/*
 * state_find(), or state_add() of one that is new, will follow soon: what they read and write is
 * on its way to the processor's caches. To be called twice with some work in between: where an
 * entity lies is known only when its place in the table has arrived.
 */
void state_expect(struct state *state, const struct entitykey *key);
void state_expect_more(struct state *state, const struct entitykey *key);

/*
 * Adds an entity that state_find() did not find, its facts unset; when all places are taken, it
 * replaces the least recently used one that is not pinned. NULL: all are pinned.
 */
struct state_facts *state_add(struct state *state, const struct entitykey *key);

/* Has the entity a write that is not known to be in the database? */
bool state_is_pinned(const struct state *state, const struct state_facts *facts);

/* The entity's write @seq, newer than all before, is not in the database yet: pins the entity. */
void state_pin(struct state *state, struct state_facts *facts, uint64_t seq);

/* All writes up to @seq are in the database. */
void state_settle(struct state *state, uint64_t seq);

/*
 * Another broker that shares the database has changed the entity: it is not found any more, so that
 * it is read again. A pinned one stays, because the database lacks its writes, and is forgotten
 * when it is settled. One that is not in memory is fine.
 */
void state_forget(struct state *state, const struct entitykey *key);

/* The same of all that is in memory: it is not known which of them were changed. */
void state_forget_all(struct state *state);

/* False where state_add() would find all pinned. */
bool state_has_room(const struct state *state);

/* Forgets all; none may be pinned. */
void state_clear(struct state *state);

/*
 * Makes the system give memory to the entries of the next new entities (base/prefault.h), so that
 * the broker's thread does not wait for it. For any thread.
 */
void state_prefault(struct state *state);

#endif
