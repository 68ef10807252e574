/*
 * lockout.h -- who has to wait before trying again.
 *
 * Counts failed logins by address and by user name, and connects by client id. Knows no clock
 * (the time is an argument), no passwords and no broker. For one thread.
 *
 * Failures. The first few are free; from then on each further failure locks for twice as long
 * as the one before, up to a maximum. An address and a user name are locked apart from each
 * other: the address's lock is long and holds for every login from there, the name's is short
 * and holds for passwords only, so that an attacker can't keep a user out for longer than
 * user_max_ms at a time, nor at all where he comes with a certificate or a token. Addresses
 * count as what one party usually has: an IPv4 address, an IPv6 /64.
 *
 * A success clears the name, and the address where only that name failed from there: whoever
 * has one account can't use it to wash away his attempts at others.
 *
 * Bounded, and not to be flooded into forgetting: the tables are sets of eight entries, found
 * by a hash under a random key. A newcomer takes a free or forgotten place, or that of an entry
 * with a single failure, never that of a worse one. In a set where all are worse, newcomers are
 * counted together in one more entry of the set and locked together: a flood can make
 * strangers wait, at most as long as it would have made them wait under their own name; it can
 * not make the table forget.
 *
 * Connects are no matter of security: there the newcomer takes the place of whoever connected
 * least.
 */
#ifndef PETSTORE_LOCKOUT_H
#define PETSTORE_LOCKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define LOCKOUT_ENTRIES_MAX (1u << 22)

struct lockout_limits {
	size_t entries;            /* of each table, 8 .. LOCKOUT_ENTRIES_MAX, rounded up */
	uint32_t address_failures; /* that are free, at least 1 */
	uint32_t user_failures;
	int64_t first_ms; /* the first lock; all times are at least 1 */
	int64_t address_max_ms;
	int64_t user_max_ms;
	int64_t forget_ms; /* after the last failure and its lock */
	uint32_t connects; /* of one client id in a window, at least 1 */
	int64_t window_ms;
	int64_t hold_ms; /* how long a client is held off that connects more often */
};

/*
 * 16,384 entries (about 2 MB); 20 failures of an address and 5 of a user are free, then 1 s,
 * 2 s, ... up to 15 minutes for the address and 30 s for the user, forgotten after an hour; 30
 * connects in a minute, then held off for a minute.
 */
struct lockout_limits lockout_defaults(void);

struct lockout;

int lockout_new(const struct lockout_limits *limits, struct lockout **ret, struct diag *diag);
void lockout_free(struct lockout *lockout); /* NULL is fine */

/*
 * Milliseconds for which a login from @address (NULL: unknown, never locked) as @user has to
 * wait; 0 where it may be tried. Pass @user only where a password is tried, NULL for
 * certificates and tokens. @now_ms never goes back. What has to wait is refused without a look
 * at the credentials, and is not counted: do not call lockout_failed() for it.
 */
int64_t lockout_wait(const struct lockout *lockout, const char *address, const char *user,
		     int64_t now_ms);

/* Did logins from @address (NULL: unknown) fail that were not forgotten yet? */
bool lockout_is_suspect(const struct lockout *lockout, const char *address, int64_t now_ms);

/*
 * A login failed, or succeeded; @user as above, and without one a success clears nothing. Never
 * call either for the logins that the broker asks again after SIGHUP.
 */
void lockout_failed(struct lockout *lockout, const char *address, const char *user, int64_t now_ms);
void lockout_succeeded(struct lockout *lockout, const char *address, const char *user,
		       int64_t now_ms);

/* Counts a connect of @client; how long it is held off, or 0. A held one is not counted. */
int64_t lockout_connect(struct lockout *lockout, const char *client, int64_t now_ms);

#endif
