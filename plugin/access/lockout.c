#include "access/lockout.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

#define WAYS 8u
#define SET (WAYS + 1) /* the last entry of a set is the one that strangers share */
#define ENTRIES_MIN WAYS
#define SEVERAL UINT64_MAX /* more than one user failed from an address */

struct entry {
	uint64_t id;       /* 0: free */
	uint64_t user;     /* of an address: who failed from there, or SEVERAL */
	int64_t since_ms;  /* the last failure; of a client, when its window began */
	int64_t locked_ms; /* until then */
	uint32_t count;
};

struct lockout {
	struct lockout_limits limits;
	uint64_t key[2];
	size_t sets;
	struct entry *address;
	struct entry *user;
	struct entry *client;
};

struct lockout_limits lockout_defaults(void)
{
	return (struct lockout_limits){
		.entries = 16384,
		.address_failures = 20,
		.user_failures = 5,
		.first_ms = 1000,
		.address_max_ms = 15 * 60 * 1000,
		.user_max_ms = 30 * 1000,
		.forget_ms = 60 * 60 * 1000,
		.connects = 30,
		.window_ms = 60 * 1000,
		.hold_ms = 60 * 1000,
	};
}

/* ---- identities ------------------------------------------------------------------------- */

/* Neither 0 nor SEVERAL, which mean something else. */
static uint64_t id_of(const struct lockout *lockout, const void *data, size_t len)
{
	struct siphash hash;
	uint64_t id;

	siphash_begin(&hash, lockout->key);
	siphash_text(&hash, data, len, 2);
	id = siphash_end(&hash, 4);
	return id == 0 || id == SEVERAL ? 1 : id;
}

static uint64_t id_of_text(const struct lockout *lockout, const char *text)
{
	return id_of(lockout, text, strlen(text));
}

/* IPv4, also where it comes as ::ffff:192.0.2.1; the first half of IPv6; or else the text. */
static uint64_t id_of_address(const struct lockout *lockout, const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return id_of(lockout, &v4, sizeof(v4));
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return id_of_text(lockout, text);
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return id_of(lockout, v6.s6_addr + 12, sizeof(v4));
	return id_of(lockout, v6.s6_addr, 8);
}

/* ---- tables ----------------------------------------------------------------------------- */

static bool is_forgotten(const struct lockout *lockout, const struct entry *entry, int64_t now)
{
	int64_t last = entry->since_ms > entry->locked_ms ? entry->since_ms : entry->locked_ms;

	return entry->id == 0 || now - last >= lockout->limits.forget_ms;
}

static struct entry *set_of(const struct lockout *lockout, struct entry *table, uint64_t id)
{
	return table + (id % lockout->sets) * SET;
}

static struct entry *find(struct entry *set, uint64_t id)
{
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return &set[i];
	return NULL;
}

/* The entry that a newcomer may have: forgotten, or of a single failure; NULL: none. */
static struct entry *find_room(const struct lockout *lockout, struct entry *set, int64_t now)
{
	struct entry *room = NULL;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_forgotten(lockout, &set[i], now))
			return &set[i];
		if (set[i].count <= 1 && set[i].locked_ms <= now &&
		    (!room || set[i].since_ms < room->since_ms))
			room = &set[i];
	}
	return room;
}

/* Where @id's failures are counted: its own entry, or the one that it shares. */
static struct entry *entry_for(const struct lockout *lockout, struct entry *table, uint64_t id,
			       int64_t now)
{
	struct entry *set = set_of(lockout, table, id);
	struct entry *entry = find(set, id);

	if (!entry) {
		entry = find_room(lockout, set, now);
		if (entry)
			*entry = (struct entry){ .id = id };
	}
	if (!entry)
		entry = &set[WAYS];
	if (is_forgotten(lockout, entry, now))
		*entry = (struct entry){ .id = id };
	return entry;
}

static int64_t wait_of(const struct lockout *lockout, struct entry *table, uint64_t id, int64_t now)
{
	struct entry *set = set_of(lockout, table, id);
	const struct entry *entry = find(set, id);

	if (!entry && find_room(lockout, set, now))
		return 0;
	if (!entry)
		entry = &set[WAYS];
	return entry->locked_ms > now ? entry->locked_ms - now : 0;
}

/* One failure more: from @free_ones on each locks for twice as long. */
static void count_failure(const struct lockout *lockout, struct entry *entry, uint32_t free_ones,
			  int64_t max_ms, int64_t now)
{
	int64_t lock = lockout->limits.first_ms;

	if (entry->count < UINT32_MAX)
		entry->count++;
	entry->since_ms = now;
	if (entry->count <= free_ones)
		return;
	for (uint32_t n = entry->count - free_ones - 1; n > 0 && lock < max_ms; n--)
		lock = lock > max_ms / 2 ? max_ms : 2 * lock;
	entry->locked_ms = now + (lock < max_ms ? lock : max_ms);
}

/* ---- what the header says --------------------------------------------------------------- */

static bool is_sane(const struct lockout_limits *limits)
{
	return limits->entries >= ENTRIES_MIN && limits->entries <= LOCKOUT_ENTRIES_MAX &&
	       limits->address_failures > 0 && limits->user_failures > 0 && limits->first_ms > 0 &&
	       limits->address_max_ms > 0 && limits->user_max_ms > 0 && limits->forget_ms > 0 &&
	       limits->connects > 0 && limits->window_ms > 0 && limits->hold_ms > 0;
}

int lockout_new(const struct lockout_limits *limits, struct lockout **ret, struct diag *diag)
{
	struct lockout *lockout;

	if (!is_sane(limits))
		return diag_set(diag, ERR_LIMIT,
				"expected limits above 0, and room for %u to %u entries",
				ENTRIES_MIN, LOCKOUT_ENTRIES_MAX);
	lockout = calloc(1, sizeof(*lockout));
	if (!lockout)
		return diag_nomem(diag);
	lockout->limits = *limits;
	lockout->sets = (limits->entries + WAYS - 1) / WAYS;
	lockout->address = calloc(lockout->sets * SET, sizeof(struct entry));
	lockout->user = calloc(lockout->sets * SET, sizeof(struct entry));
	lockout->client = calloc(lockout->sets * SET, sizeof(struct entry));
	if (!lockout->address || !lockout->user || !lockout->client) {
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
	free(lockout->address);
	free(lockout->user);
	free(lockout->client);
	free(lockout);
}

int64_t lockout_wait(const struct lockout *lockout, const char *address, const char *user,
		     int64_t now_ms)
{
	int64_t by_address = 0;
	int64_t by_user = 0;

	if (address)
		by_address =
			wait_of(lockout, lockout->address, id_of_address(lockout, address), now_ms);
	if (user)
		by_user = wait_of(lockout, lockout->user, id_of_text(lockout, user), now_ms);
	return by_address > by_user ? by_address : by_user;
}

bool lockout_is_suspect(const struct lockout *lockout, const char *address, int64_t now_ms)
{
	const struct entry *entry;
	uint64_t id;

	if (!address)
		return false;
	id = id_of_address(lockout, address);
	entry = find(set_of(lockout, lockout->address, id), id);
	return entry && !is_forgotten(lockout, entry, now_ms);
}

void lockout_failed(struct lockout *lockout, const char *address, const char *user, int64_t now_ms)
{
	const struct lockout_limits *limits = &lockout->limits;
	uint64_t user_id = user ? id_of_text(lockout, user) : SEVERAL;

	if (address) {
		struct entry *entry = entry_for(lockout, lockout->address,
						id_of_address(lockout, address), now_ms);

		entry->user = entry->count == 0 || entry->user == user_id ? user_id : SEVERAL;
		count_failure(lockout, entry, limits->address_failures, limits->address_max_ms,
			      now_ms);
	}
	if (user)
		count_failure(lockout, entry_for(lockout, lockout->user, user_id, now_ms),
			      limits->user_failures, limits->user_max_ms, now_ms);
}

void lockout_succeeded(struct lockout *lockout, const char *address, const char *user,
		       int64_t now_ms)
{
	struct entry *entry;
	uint64_t user_id;

	(void)now_ms; /* a success clears whenever it comes */
	if (!user)
		return;
	user_id = id_of_text(lockout, user);
	entry = find(set_of(lockout, lockout->user, user_id), user_id);
	if (entry)
		*entry = (struct entry){ .id = 0 };
	if (!address)
		return;
	entry = find(set_of(lockout, lockout->address, id_of_address(lockout, address)),
		     id_of_address(lockout, address));
	if (entry && entry->user == user_id)
		*entry = (struct entry){ .id = 0 };
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
	struct entry *entry = find(set, id);
	struct entry *least = &set[0];

	if (entry)
		return entry;
	for (size_t i = 1; i < WAYS; i++)
		if (client_weight(lockout, &set[i], now) < client_weight(lockout, least, now))
			least = &set[i];
	*least = (struct entry){ .id = id, .since_ms = now };
	return least;
}

int64_t lockout_connect(struct lockout *lockout, const char *client, int64_t now_ms)
{
	struct entry *entry = client_for(lockout, id_of_text(lockout, client), now_ms);

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
