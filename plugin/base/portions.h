/*
 * portions.h -- what there is only so much of in a while, shared fairly by those who cause it.
 *
 * Of log lines, rows and notices there are so many in a period (a second, say), and whoever causes
 * the most must not take them from the others. Owners are principals, and the networks of peers
 * that did not prove who they are. In each period
 *
 *   - an owner has at most as much as is left, so the first one leaves half for the others;
 *   - those who wanted too much in the period before have an eighth each, and half together;
 *   - peers that are not proved, which can be many at no cost, have half together.
 *
 * What was held back is counted by owner, for portions_held(). Memory is fixed: owners beyond
 * PORTIONS_OWNERS in one period share an entry, and peers that are not proved leave half of the
 * entries free. For one thread at a time.
 */
#ifndef PETSTORE_PORTIONS_H
#define PETSTORE_PORTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netof.h"
#include "base/who.h"

#define PORTIONS_OWNERS 64u
#define PORTIONS_UNPROVED 32u
/* Bytes of a name, NUL included; longer ones that begin alike are one. */
#define PORTIONS_NAME_MAX 64u
#define PORTIONS_WORST 3u /* owners that portions_held() names */

/* @name: of a principal, or what netof_print() says; borrowed for the call. */
struct portions_owner {
	const char *name;
	bool is_proved;
};

/*
 * Whose doing it is: the principal's, where it is proved, else of the network of the address, which
 * is written to @net (NETOF_MAX bytes).
 */
struct portions_owner portions_owner(const struct who *who, char *net);

struct portion {
	char name[PORTIONS_NAME_MAX];
	bool is_used;
	bool is_proved;
	bool is_excess; /* wanted too much in the period before */
	int64_t period;
	uint64_t taken;
	uint64_t refused; /* times in @period */
	uint64_t held;    /* times since portions_held() */
};

/* Init in place with portions_init(). */
struct portions {
	uint64_t max;
	int64_t period;
	uint64_t taken;
	uint64_t by_unproved;
	uint64_t by_excess;
	uint64_t held; /* in all, since portions_held() */
	struct portion portion[PORTIONS_OWNERS];
	struct portion other[2]; /* of owners that found no entry: not proved, and proved */
};

/* @max in a period, in units of the caller's. */
void portions_init(struct portions *portions, uint64_t max);

/*
 * May @owner have @cost (1 at least) more in @period, which never goes back? False is counted as
 * held back, once.
 */
bool portions_take(struct portions *portions, const struct portions_owner *owner, uint64_t cost,
		   int64_t period);

/* Counts @count as held back from owners that nobody knows. */
void portions_lose(struct portions *portions, uint64_t count);

struct portions_held {
	uint64_t count; /* of all */
	size_t named;
	struct {
		char name[PORTIONS_NAME_MAX];
		bool is_proved;
		uint64_t count;
	} worst[PORTIONS_WORST]; /* those with the most, first */
};

/* What was held back since the last call, and of whom; false: nothing. */
bool portions_held(struct portions *portions, struct portions_held *ret);

/* Bytes of portions_print(), NUL included. */
#define PORTIONS_TEXT_MAX 512u

/* "of user eva 1200, from 192.0.2.7 30, of others 4", escaped, to @ret. Returns @ret. */
char *portions_print(const struct portions_held *held, char *ret);

#endif
