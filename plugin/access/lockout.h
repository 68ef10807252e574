/*
 * lockout.h -- who has to wait before trying again.
 *
 * Counts failed logins by the address that they come from, and connects by principal and client
 * id. Knows no clock (the time is an argument), no passwords and no broker. For one thread.
 *
 * Failures. Whoever has not proved who it is can be charged to its address only, never to the name
 * or the client id that it claims: it would keep out their owner. (Guesses at one name from many
 * addresses are bounded by the time that key derivations may take, see derivations.h.) The first
 * few are free; from then on each further failure locks for twice as long as the one before, up
 * to a maximum. Addresses count as what one party usually has: an IPv4 address, an IPv6 /64.
 *
 * A success clears the address where only that name failed from there: whoever has one account
 * can't use it to wash away its attempts at others.
 *
 * Suspect is an address with a failure that is not forgotten, and one whose IPv6 /48 has several:
 * a party may have all of a /48. Nobody is locked for its neighbours.
 *
 * Bounded: the tables (base/fixedtable.h), one for IPv6 and one for all others, are sets of eight
 * records. An address that failed for the first time takes a free or forgotten place, or that of
 * the record with the fewest failures that is not locked now; where all are locked its failures are
 * not counted. So a locked address stays locked however many others fail, and no address is locked
 * for failures of others. A peer that commands thousands of addresses may have some of them
 * forgotten: each had free failures anyway.
 *
 * Connects are counted of clients that proved who they are. There a new one takes the place of the
 * one that connected least.
 */
#ifndef PETSTORE_LOCKOUT_H
#define PETSTORE_LOCKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/peer.h"
#include "base/diag.h"

#define LOCKOUT_ENTRIES_MAX (1u << 22)

struct lockout_limits {
	size_t entries;         /* of each table, 8 .. LOCKOUT_ENTRIES_MAX, rounded up */
	uint32_t failures;      /* of an address that are free, at least 1 */
	uint32_t wide_failures; /* of a /48, beyond which all of it is suspect, at least 1 */
	int64_t first_ms;       /* the first lock; all times are at least 1 */
	int64_t max_ms;
	int64_t forget_ms; /* after the last failure and its lock */
	uint32_t connects; /* of a principal's client id in a window, at least 1 */
	int64_t window_ms; /* also how long an address is suspect after a failure that was cleared
			    */
	int64_t hold_ms;   /* how long a client is held off that connects more often */
};

/*
 * 16,384 entries (6 MB at most, touched as they are used); 50 failures of an address are free, then
 * 1 s, 2 s, ... up to 15 minutes, forgotten after an hour; a /48 is suspect beyond 8; 120 connects
 * in a minute, then held off for a minute.
 */
struct lockout_limits lockout_defaults(void);

struct lockout;

int lockout_new(const struct lockout_limits *limits, struct lockout **ret, struct diag *diag);
void lockout_free(struct lockout *lockout); /* NULL is fine */

/*
 * Milliseconds for which a login from @peer has to wait; 0 where it may be tried. The unknown are
 * never locked. @now_ms never goes back. What has to wait is refused without a look at the
 * credentials, and is not counted: do not call lockout_failed() for it.
 */
int64_t lockout_wait(const struct lockout *lockout, const struct peer *peer, int64_t now_ms);

/*
 * Did logins from @peer, or from around it, fail that were not forgotten yet? A success that clears
 * them does so a window after the last: else who has an account could guess at it for ever, between
 * its logins, and take from strangers the time for derivations.
 */
bool lockout_is_suspect(const struct lockout *lockout, const struct peer *peer, int64_t now_ms);

/*
 * A login failed, or succeeded, as @user; NULL: nobody's name was guessed at, and a success
 * clears nothing. Never call either for the logins that the broker asks again after SIGHUP.
 */
void lockout_failed(struct lockout *lockout, const struct peer *peer, const char *user,
		    int64_t now_ms);
void lockout_succeeded(struct lockout *lockout, const struct peer *peer, const char *user);

/*
 * Counts a connect of @client of @principal, which is proved; how long it is held off, or 0. A held
 * one is not counted.
 */
int64_t lockout_connect(struct lockout *lockout, const char *principal, const char *client,
			int64_t now_ms);

#endif
