/*
 * lockout.h -- addresses and clients that have to wait before their next login.
 *
 * Counts failed logins by the address that they come from, and connects by principal and client
 * id. Knows no clock (the time is an argument), no passwords and no broker. For one thread.
 *
 * Failures. A peer without a proof is charged by its address only, never by the name or the client
 * id that it claims: that would lock out their owner. (Guesses at one name from many addresses are
 * bounded by the time for key derivations, see derivations.h.) The first few failures are free;
 * then each further one locks the address for twice as long as the one before, up to a maximum. An
 * address is what one party usually has: an IPv4 address, an IPv6 /64.
 *
 * A success clears the address only if all its failures were of the same user name: with one
 * account a peer can't clear its attempts at others.
 *
 * An address is suspect if it has a failure that is not forgotten, or if its IPv6 /48 has several,
 * since one party may have a whole /48. An address is never locked because of its neighbours.
 *
 * Bounded: the tables (base/fixedtable.h), one for IPv6 and one for all others, are sets of eight
 * records. An address that failed for the first time takes a free or forgotten place, or that of
 * the record with the fewest failures that is not locked now; where all are locked its failures are
 * not counted. So a locked address stays locked however many others fail, and no address is locked
 * for failures of others. A peer that commands thousands of addresses may have some of them
 * forgotten: each had free failures anyway.
 *
 * Connects are counted for proved clients. When their set is full, a new client replaces the one
 * that connected least.
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

int lockout_new(const struct lockout_limits *limits, struct lockout **ret,
		struct diag *diag) MUST_CHECK;
void lockout_free(struct lockout *lockout); /* NULL is fine */

/*
 * For how many milliseconds logins from @peer are locked; 0: not. PEER_UNKNOWN is never locked.
 * @now_ms never goes back. The caller refuses a locked login without checking its credentials, and
 * does not call lockout_failed() for it.
 */
int64_t lockout_wait(const struct lockout *lockout, const struct peer *peer, int64_t now_ms);

/*
 * Is @peer suspect? After a success it stays so for window_ms from its last failure: else a peer
 * with an account could guess passwords for ever between its own logins, and use up the time for
 * key derivations.
 */
bool lockout_is_suspect(const struct lockout *lockout, const struct peer *peer, int64_t now_ms);

/*
 * A login as @user failed or succeeded; NULL: the failure was about no user name, and a success
 * clears nothing. Never call these for logins that the broker asks again after SIGHUP.
 */
void lockout_failed(struct lockout *lockout, const struct peer *peer, const char *user,
		    int64_t now_ms);
void lockout_succeeded(struct lockout *lockout, const struct peer *peer, const char *user);

/*
 * Counts a connect of client id @client of the proved @principal. Returns for how many milliseconds
 * it is held off, or 0. A connect that is held off is not counted.
 */
int64_t lockout_connect(struct lockout *lockout, const char *principal, const char *client,
			int64_t now_ms);

#endif
