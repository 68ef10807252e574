#include "access/lockout.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

#define WAYS 8u
#define ENTRIES_MIN WAYS
#define SEVERAL UINT64_MAX /* more than one user failed from an address */
#define WIDE_BYTES 6u      /* of a /48 */

struct entry {
	uint64_t id;       /* 0: free */
	uint64_t user;     /* who failed from there, or SEVERAL */
	int64_t since_ms;  /* the last failure; of a client, when its window began */
	int64_t locked_ms; /* until then */
	uint32_t count;
};

struct lockout {
	struct lockout_limits limits;
	uint64_t key[2];
	size_t sets;
	struct entry *narrow; /* IPv4, unix sockets */
	struct entry *ipv6;   /* /64s */
	struct entry *wide;   /* /48s */
	struct entry *client;
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

/* Neither 0 nor SEVERAL, which mean something else. */
static uint64_t end_id(struct siphash *hash)
{
	uint64_t id = siphash_end(hash, 4);

	return id == 0 || id == SEVERAL ? 1 : id;
}

static uint64_t id_of(const struct lockout *lockout, const void *data, size_t len)
{
	struct siphash hash;

	siphash_begin(&hash, lockout->key);
	siphash_text(&hash, data, len, 2);
	return end_id(&hash);
}

static uint64_t id_of_text(const struct lockout *lockout, const char *text)
{
	return id_of(lockout, text, strlen(text));
}

/* Each text with its length, so that no two pairs read the same. */
static uint64_t id_of_client(const struct lockout *lockout, const char *principal,
			     const char *client)
{
	struct siphash hash;

	siphash_begin(&hash, lockout->key);
	siphash_text(&hash, principal, strlen(principal), 2);
	siphash_text(&hash, client, strlen(client), 2);
	return end_id(&hash);
}

static uint64_t id_of_party(const struct lockout *lockout, const struct peer *peer)
{
	return id_of(lockout, peer->bytes, peer_party_len(peer));
}

static struct entry *table_of(const struct lockout *lockout, const struct peer *peer)
{
	return peer->kind == PEER_IPV6 ? lockout->ipv6 : lockout->narrow;
}

/* ---- tables ----------------------------------------------------------------------------- */

static bool is_forgotten(const struct lockout *lockout, const struct entry *entry, int64_t now)
{
	int64_t last = entry->since_ms > entry->locked_ms ? entry->since_ms : entry->locked_ms;

	return entry->id == 0 || now - last >= lockout->limits.forget_ms;
}

static struct entry *set_of(const struct lockout *lockout, struct entry *table, uint64_t id)
{
	return table + (id % lockout->sets) * WAYS;
}

static struct entry *find(const struct lockout *lockout, struct entry *table, uint64_t id)
{
	struct entry *set = set_of(lockout, table, id);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return &set[i];
	return NULL;
}

/* The entry that a newcomer may have: forgotten, or the least of those not locked; NULL: none. */
static struct entry *find_room(const struct lockout *lockout, struct entry *set, int64_t now)
{
	struct entry *room = NULL;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_forgotten(lockout, &set[i], now))
			return &set[i];
		if (set[i].locked_ms > now)
			continue;
		if (!room || set[i].count < room->count ||
		    (set[i].count == room->count && set[i].since_ms < room->since_ms))
			room = &set[i];
	}
	return room;
}

/* Where @id's failures are counted; NULL: there is no room for them. */
static struct entry *entry_for(const struct lockout *lockout, struct entry *table, uint64_t id,
			       int64_t now)
{
	struct entry *entry = find(lockout, table, id);

	if (entry && !is_forgotten(lockout, entry, now))
		return entry;
	if (!entry)
		entry = find_room(lockout, set_of(lockout, table, id), now);
	if (entry)
		*entry = (struct entry){ .id = id };
	return entry;
}

/* One failure more: from the free ones on each locks for twice as long. */
static void count_failure(const struct lockout *lockout, struct entry *entry, int64_t now)
{
	const struct lockout_limits *limits = &lockout->limits;
	int64_t lock = limits->first_ms;

	if (entry->count < UINT32_MAX)
		entry->count++;
	entry->since_ms = now;
	if (entry->count <= limits->failures)
		return;
	for (uint32_t n = entry->count - limits->failures - 1; n > 0 && lock < limits->max_ms; n--)
		lock = lock > limits->max_ms / 2 ? limits->max_ms : 2 * lock;
	entry->locked_ms = now + (lock < limits->max_ms ? lock : limits->max_ms);
}

/* A /48 is never locked. */
static void count_wide(const struct lockout *lockout, const struct peer *peer, int64_t now)
{
	struct entry *entry =
		entry_for(lockout, lockout->wide, id_of(lockout, peer->bytes, WIDE_BYTES), now);

	if (!entry)
		return;
	entry->since_ms = now;
	if (entry->count < UINT32_MAX)
		entry->count++;
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
	size_t count;

	if (!is_sane(limits))
		return diag_set(diag, ERR_LIMIT,
				"expected limits above 0, and room for %u to %u entries",
				ENTRIES_MIN, LOCKOUT_ENTRIES_MAX);
	lockout = calloc(1, sizeof(*lockout));
	if (!lockout)
		return diag_nomem(diag);
	lockout->limits = *limits;
	lockout->sets = (limits->entries + WAYS - 1) / WAYS;
	count = lockout->sets * WAYS;
	lockout->narrow = calloc(count, sizeof(struct entry));
	lockout->ipv6 = calloc(count, sizeof(struct entry));
	lockout->wide = calloc(count, sizeof(struct entry));
	lockout->client = calloc(count, sizeof(struct entry));
	if (!lockout->narrow || !lockout->ipv6 || !lockout->wide || !lockout->client) {
		lockout_free(lockout);
		return diag_nomem(diag);
	}
	if (RAND_bytes((unsigned char *)lockout->key, sizeof(lockout->key)) != 1) {
		lockout_free(lockout);
		return diag_set(diag, ERR_IO, "no random bytes to be had");
	}
	*ret = lockout;
	return 0;
}

void lockout_free(struct lockout *lockout)
{
	if (!lockout)
		return;
	free(lockout->narrow);
	free(lockout->ipv6);
	free(lockout->wide);
	free(lockout->client);
	free(lockout);
}

int64_t lockout_wait(const struct lockout *lockout, const struct peer *peer, int64_t now_ms)
{
	const struct entry *entry;

	if (peer->kind == PEER_UNKNOWN)
		return 0;
	entry = find(lockout, table_of(lockout, peer), id_of_party(lockout, peer));
	return entry && entry->locked_ms > now_ms ? entry->locked_ms - now_ms : 0;
}

bool lockout_is_suspect(const struct lockout *lockout, const struct peer *peer, int64_t now_ms)
{
	const struct entry *entry;

	if (peer->kind == PEER_UNKNOWN)
		return false;
	entry = find(lockout, table_of(lockout, peer), id_of_party(lockout, peer));
	if (entry && !is_forgotten(lockout, entry, now_ms) &&
	    (entry->count > 0 || now_ms - entry->since_ms < lockout->limits.window_ms))
		return true;
	if (peer->kind != PEER_IPV6)
		return false;
	entry = find(lockout, lockout->wide, id_of(lockout, peer->bytes, WIDE_BYTES));
	return entry && !is_forgotten(lockout, entry, now_ms) &&
	       entry->count > lockout->limits.wide_failures;
}

void lockout_failed(struct lockout *lockout, const struct peer *peer, const char *user,
		    int64_t now_ms)
{
	uint64_t user_id = user ? id_of_text(lockout, user) : SEVERAL;
	struct entry *entry;

	if (peer->kind == PEER_UNKNOWN)
		return;
	if (peer->kind == PEER_IPV6)
		count_wide(lockout, peer, now_ms);
	entry = entry_for(lockout, table_of(lockout, peer), id_of_party(lockout, peer), now_ms);
	if (!entry)
		return;
	entry->user = entry->count == 0 || entry->user == user_id ? user_id : SEVERAL;
	count_failure(lockout, entry, now_ms);
}

void lockout_succeeded(struct lockout *lockout, const struct peer *peer, const char *user)
{
	struct entry *entry;

	if (!user || peer->kind == PEER_UNKNOWN)
		return;
	entry = find(lockout, table_of(lockout, peer), id_of_party(lockout, peer));
	if (!entry || entry->user != id_of_text(lockout, user))
		return;
	entry->count = 0;
	entry->locked_ms = 0;
}

/* How bad it would be to forget @entry; 0: it says nothing any more. */
static uint32_t client_weight(const struct lockout *lockout, const struct entry *entry, int64_t now)
{
	if (entry->id == 0)
		return 0;
	if (entry->locked_ms > now)
		return UINT32_MAX;
	return now - entry->since_ms >= lockout->limits.window_ms ? 0 : entry->count;
}

/* The client's own entry, or that of whoever connected least. */
static struct entry *client_for(struct lockout *lockout, uint64_t id, int64_t now)
{
	struct entry *set = set_of(lockout, lockout->client, id);
	struct entry *entry = find(lockout, lockout->client, id);
	struct entry *least = &set[0];

	if (entry)
		return entry;
	for (size_t i = 1; i < WAYS; i++)
		if (client_weight(lockout, &set[i], now) < client_weight(lockout, least, now))
			least = &set[i];
	*least = (struct entry){ .id = id, .since_ms = now };
	return least;
}

int64_t lockout_connect(struct lockout *lockout, const char *principal, const char *client,
			int64_t now_ms)
{
	struct entry *entry = client_for(lockout, id_of_client(lockout, principal, client), now_ms);

	if (entry->locked_ms > now_ms)
		return entry->locked_ms - now_ms;
	if (now_ms - entry->since_ms >= lockout->limits.window_ms) {
		entry->since_ms = now_ms;
		entry->count = 0;
	}
	entry->count++;
	if (entry->count <= lockout->limits.connects)
		return 0;
	entry->count = 0;
	entry->locked_ms = now_ms + lockout->limits.hold_ms;
	entry->since_ms = entry->locked_ms;
	return lockout->limits.hold_ms;
}
