/*
 * portions.h -- shares out what is limited per period between those who cause it.
 *
 * Log lines, rows and notices are limited per period (a second, for example), and one owner must
 * not take them from all others. Owners are principals, and the networks of peers that proved no
 * principal. In each period
 *
 *   - an owner gets at most as much as it leaves for the others, so the first gets at most half;
 *   - owners that wanted too much in the period before get at most an eighth each, and together at
 *     most half;
 *   - networks of unproved peers, of which there can be many at no cost, get at most half together.
 *
 * What was refused is counted by owner, for portions_held(). Memory is fixed: owners beyond
 * PORTIONS_OWNERS in one period share an entry; unproved peers may use PORTIONS_UNPROVED entries.
 * For one thread at a time.
 */
#ifndef PETSTORE_PORTIONS_H
#define PETSTORE_PORTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/peer.h"
#include "base/who.h"

#define PORTIONS_OWNERS 64u
#define PORTIONS_UNPROVED 32u
/* Bytes of a name, NUL included; longer names with the same beginning are one owner. */
#define PORTIONS_NAME_MAX 64u
#define PORTIONS_WORST 3u /* owners that portions_held() names */

/*
 * The name of an owner: the principal's, where it is proved, else of the network of the address,
 * which is written to @net (PEER_NET_MAX bytes). Borrowed from @who or @net.
 */
const char *portions_name(const struct who *who, char *net);

struct portion {
	char name[PORTIONS_NAME_MAX];
	bool is_used;
	bool is_proved;
	bool is_excess; /* wanted too much in the period before */
	int64_t period;
	uint64_t taken;
	uint64_t refused; /* requests refused in @period */
	uint64_t held;    /* requests refused since portions_held() */
};

/* Init in place with portions_init(). */
struct portions {
	uint64_t max;
	int64_t period;
	uint64_t taken;
	uint64_t by_unproved;
	uint64_t by_excess;
	uint64_t held; /* of all owners, since portions_held() */
	struct portion portion[PORTIONS_OWNERS];
	struct portion other[2]; /* of owners that found no entry: [0] unproved, [1] proved */
};

/* @max: how much there is in a period, in the caller's unit. */
void portions_init(struct portions *portions, uint64_t max);

/*
 * May @owner take @cost (at least 1) more in @period, a number that never goes back? False counts
 * once as held back.
 */
bool portions_take(struct portions *portions, const struct who *owner, uint64_t cost,
		   int64_t period);

/* Counts @count as held back, of unknown owners. */
void portions_lose(struct portions *portions, uint64_t count);

struct portions_held {
	uint64_t count; /* of all */
	size_t named;
	struct {
		char name[PORTIONS_NAME_MAX];
		bool is_proved;
		uint64_t count;
	} worst[PORTIONS_WORST]; /* the owners with the most, in falling order */
};

/* What was held back since the last call, and of which owners; false: nothing. */
bool portions_held(struct portions *portions, struct portions_held *ret);

/* Bytes of portions_print(), NUL included. */
#define PORTIONS_TEXT_MAX 512u

/* Writes "of user eva 1200, from 192.0.2.7 30, of others 4", escaped, to @ret. Returns @ret. */
char *portions_print(const struct portions_held *held, char *ret);

#endif
