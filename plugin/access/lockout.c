#include "access/lockout.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixedtable.h"
#include "base/keyhash.h"

#define ENTRIES_MIN FIXEDTABLE_WAYS
#define SEVERAL 0u    /* more than one user failed from an address; no name's number is that */
#define WIDE_BYTES 6u /* of a /48 */

/* What an address, or a client, did. */
struct attempts {
	struct fixedtable_head head;
	uint64_t user;     /* who failed from there, or SEVERAL */
	int64_t since_ms;  /* the last failure; of a client, when its window began */
	int64_t locked_ms; /* until then */
	uint32_t count;
};

enum table {
	NARROW, /* IPv4, unix sockets */
	IPV6,   /* /64s */
	WIDE,   /* /48s */
	CLIENT,
	TABLES,
};

struct lockout {
	struct lockout_limits limits;
	struct keyhash hash;
	struct fixedtable *table[TABLES];
};

struct lockout_limits lockout_defaults(void)
{
	return (struct lockout_limits){
		.entries = 16384,
		.failures = 50,
		.wide_failures = 8,
		.first_ms = 1000,
		.max_ms = 15 * 60 * 1000,
		.forget_ms = 60 * 60 * 1000,
		.connects = 120,
		.window_ms = 60 * 1000,
		.hold_ms = 60 * 1000,
	};
}

/* ---- identities ------------------------------------------------------------------------- */

static uint64_t id_of_party(const struct lockout *lockout, const struct peer *peer)
{
	return keyhash_bytes(&lockout->hash, peer->bytes, peer_party_len(peer));
}

static struct fixedtable *table_of(const struct lockout *lockout, const struct peer *peer)
{
	return lockout->table[peer->kind == PEER_IPV6 ? IPV6 : NARROW];
}

static struct attempts *find(const struct lockout *lockout, const struct peer *peer)
{
	return fixedtable_find(table_of(lockout, peer), id_of_party(lockout, peer));
}

/* ---- tables ----------------------------------------------------------------------------- */

static bool is_forgotten(const struct lockout *lockout, const struct attempts *attempts,
			 int64_t now_ms)
{
	int64_t last =
		attempts->since_ms > attempts->locked_ms ? attempts->since_ms : attempts->locked_ms;

	return now_ms - last >= lockout->limits.forget_ms;
}

/* The fewest failures go first, of as many the oldest. */
static uint64_t worth_of_address(const void *record, int64_t now_ms, const void *ctx)
{
	const struct attempts *attempts = record;
	uint64_t count = attempts->count < 1u << 20 ? attempts->count : (1u << 20) - 1;

	if (is_forgotten(ctx, attempts, now_ms))
		return 0;
	if (attempts->locked_ms > now_ms)
		return FIXEDTABLE_KEEP;
	return 1 + (count << 43 | (uint64_t)attempts->since_ms % (UINT64_C(1) << 43));
}

/* The client with the fewest connects is replaced first; any client may be replaced. */
static uint64_t worth_of_client(const void *record, int64_t now_ms, const void *ctx)
{
	const struct attempts *attempts = record;
	const struct lockout *lockout = ctx;

	if (attempts->locked_ms > now_ms)
		return UINT32_MAX;
	return now_ms - attempts->since_ms >= lockout->limits.window_ms ? 0 : attempts->count;
}

/* Where the failures of @id are counted; NULL: there is no room for them. */
static struct attempts *attempts_for(const struct lockout *lockout, struct fixedtable *table,
				     uint64_t id, int64_t now_ms)
{
	struct attempts *attempts = fixedtable_take(table, id, 0, now_ms, NULL);

	if (attempts && is_forgotten(lockout, attempts, now_ms))
		*attempts = (struct attempts){ .head = attempts->head };
	return attempts;
}

/* One failure more: from the free ones on each locks for twice as long. */
static void count_failure(const struct lockout *lockout, struct attempts *attempts, int64_t now)
{
	const struct lockout_limits *limits = &lockout->limits;
	int64_t lock = limits->first_ms;

	if (attempts->count < UINT32_MAX)
		attempts->count++;
	attempts->since_ms = now;
	if (attempts->count <= limits->failures)
		return;
	for (uint32_t n = attempts->count - limits->failures - 1; n > 0 && lock < limits->max_ms;
	     n--)
		lock = lock > limits->max_ms / 2 ? limits->max_ms : 2 * lock;
	attempts->locked_ms = now + (lock < limits->max_ms ? lock : limits->max_ms);
}

/* A /48 is never locked. */
static void count_wide(const struct lockout *lockout, const struct peer *peer, int64_t now)
{
	struct attempts *attempts =
		attempts_for(lockout, lockout->table[WIDE],
			     keyhash_bytes(&lockout->hash, peer->bytes, WIDE_BYTES), now);

	if (!attempts)
		return;
	attempts->since_ms = now;
	if (attempts->count < UINT32_MAX)
		attempts->count++;
}

/* ---- what the header says --------------------------------------------------------------- */

static bool is_sane(const struct lockout_limits *limits)
{
	return limits->entries >= ENTRIES_MIN && limits->entries <= LOCKOUT_ENTRIES_MAX &&
	       limits->failures > 0 && limits->wide_failures > 0 && limits->first_ms > 0 &&
	       limits->max_ms > 0 && limits->forget_ms > 0 && limits->connects > 0 &&
	       limits->window_ms > 0 && limits->hold_ms > 0;
}

int lockout_new(const struct lockout_limits *limits, struct lockout **ret, struct diag *diag)
{
	struct lockout *lockout;
	struct fixedtable_options options = { .records = limits->entries,
					      .size = sizeof(struct attempts),
					      .worth = worth_of_address };
	int rc;

	if (!is_sane(limits))
		return diag_set(diag, ERR_LIMIT,
				"expected limits above 0, and room for %u to %u entries",
				ENTRIES_MIN, LOCKOUT_ENTRIES_MAX);
	lockout = calloc(1, sizeof(*lockout));
	if (!lockout)
		return diag_nomem(diag);
	lockout->limits = *limits;
	options.ctx = lockout;
	rc = keyhash_init(&lockout->hash, diag);
	for (enum table i = 0; i < TABLES && rc == 0; i++) {
		if (i == CLIENT)
			options.worth = worth_of_client;
		rc = fixedtable_new(&options, &lockout->table[i], diag);
	}
	if (rc)
		lockout_free(lockout);
	else
		*ret = lockout;
	return rc;
}

void lockout_free(struct lockout *lockout)
{
	if (!lockout)
		return;
	for (enum table i = 0; i < TABLES; i++)
		fixedtable_free(lockout->table[i]);
	free(lockout);
}

int64_t lockout_wait(const struct lockout *lockout, const struct peer *peer, int64_t now_ms)
{
	const struct attempts *attempts;

	if (peer->kind == PEER_UNKNOWN)
		return 0;
	attempts = find(lockout, peer);
	return attempts && attempts->locked_ms > now_ms ? attempts->locked_ms - now_ms : 0;
}

bool lockout_is_suspect(const struct lockout *lockout, const struct peer *peer, int64_t now_ms)
{
	const struct attempts *attempts;

	if (peer->kind == PEER_UNKNOWN)
		return false;
	attempts = find(lockout, peer);
	if (attempts && !is_forgotten(lockout, attempts, now_ms) &&
	    (attempts->count > 0 || now_ms - attempts->since_ms < lockout->limits.window_ms))
		return true;
	if (peer->kind != PEER_IPV6)
		return false;
	attempts = fixedtable_find(lockout->table[WIDE],
				   keyhash_bytes(&lockout->hash, peer->bytes, WIDE_BYTES));
	return attempts && !is_forgotten(lockout, attempts, now_ms) &&
	       attempts->count > lockout->limits.wide_failures;
}

void lockout_failed(struct lockout *lockout, const struct peer *peer, const char *user,
		    int64_t now_ms)
{
	uint64_t user_id = user ? keyhash_bytes(&lockout->hash, user, strlen(user)) : SEVERAL;
	struct attempts *attempts;

	if (peer->kind == PEER_UNKNOWN)
		return;
	if (peer->kind == PEER_IPV6)
		count_wide(lockout, peer, now_ms);
	attempts =
		attempts_for(lockout, table_of(lockout, peer), id_of_party(lockout, peer), now_ms);
	if (!attempts)
		return;
	attempts->user = attempts->count == 0 || attempts->user == user_id ? user_id : SEVERAL;
	count_failure(lockout, attempts, now_ms);
}

void lockout_succeeded(struct lockout *lockout, const struct peer *peer, const char *user)
{
	struct attempts *attempts;

	if (!user || peer->kind == PEER_UNKNOWN)
		return;
	attempts = find(lockout, peer);
	if (!attempts || attempts->user != keyhash_bytes(&lockout->hash, user, strlen(user)))
		return;
	attempts->count = 0;
	attempts->locked_ms = 0;
}

int64_t lockout_connect(struct lockout *lockout, const char *principal, const char *client,
			int64_t now_ms)
{
	uint64_t id =
		keyhash_pair(&lockout->hash, principal, strlen(principal), client, strlen(client));
	bool is_new;
	struct attempts *attempts = fixedtable_take(lockout->table[CLIENT], id, 0, now_ms, &is_new);

	if (is_new)
		attempts->since_ms = now_ms;
	if (attempts->locked_ms > now_ms)
		return attempts->locked_ms - now_ms;
	if (now_ms - attempts->since_ms >= lockout->limits.window_ms) {
		attempts->since_ms = now_ms;
		attempts->count = 0;
	}
	attempts->count++;
	if (attempts->count <= lockout->limits.connects)
		return 0;
	attempts->count = 0;
	attempts->locked_ms = now_ms + lockout->limits.hold_ms;
	attempts->since_ms = attempts->locked_ms;
	return lockout->limits.hold_ms;
}
