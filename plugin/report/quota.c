#include "report/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/portions.h"
#include "base/wordhash.h"

#define WAYS 4u
#define SETS (QUOTA_CLIENTS / WAYS)

struct quota_entry {
	int64_t second; /* that taken and held count; 0: the entry is free */
	uint64_t held;
	uint64_t owed; /* held in seconds before */
	unsigned taken;
	unsigned len;
	char client[QUOTA_CLIENT_MAX];
};

struct quota {
	unsigned per_second;
	uint64_t seed;
	struct portions total;     /* of all, a second */
	struct quota_entry others; /* clients that found no place */
	size_t holding;            /* entries with something held or owed */
	size_t next;               /* where quota_next_held() goes on */
	int64_t looked;            /* the second in which it last went through */
	struct quota_entry entry[QUOTA_CLIENTS];
};

int quota_new(unsigned per_second, struct quota **ret, struct diag *diag)
{
	struct quota *quota = calloc(1, sizeof(*quota));

	if (!quota)
		return diag_nomem(diag);
	if (random_bytes(&quota->seed, sizeof(quota->seed), diag) != 0) {
		free(quota);
		return ERR_IO;
	}
	quota->per_second = per_second;
	portions_init(&quota->total, (uint64_t)QUOTA_TOTAL * per_second);
	quota->next = QUOTA_CLIENTS;
	*ret = quota;
	return 0;
}

void quota_free(struct quota *quota)
{
	free(quota);
}

/*
 * Seeded, since clients choose their ids. It need not be more than that: a client that finds a full
 * set shares a quota, and gains nothing by it.
 */
static size_t set_of(const struct quota *quota, const char *client, size_t len)
{
	return (size_t)(wordhash(quota->seed, client, len) >> 32) % SETS;
}

static bool is_holding(const struct quota_entry *entry)
{
	return entry->held > 0 || entry->owed > 0;
}

/* The principal's level, in front of the slash. */
static size_t owner_len(const char *client, size_t len)
{
	const char *slash = memchr(client, '/', len);

	return slash ? (size_t)(slash - client) : len;
}

/* Entries of the set that are of the principal of @client. */
static unsigned owned(const struct quota_entry *set, const char *client, size_t len)
{
	size_t owner = owner_len(client, len);
	unsigned count = 0;

	for (const struct quota_entry *e = set; e < set + WAYS; e++)
		count += owner_len(e->client, e->len) == owner &&
			 memcmp(e->client, client, owner) == 0;
	return count;
}

/* Of a set that is full: one of the principal that has most there, if @client's has none. */
static struct quota_entry *find_excess(struct quota_entry *set, const char *client, size_t len)
{
	struct quota_entry *excess = NULL;
	unsigned most = 1;

	if (owned(set, client, len) > 0)
		return NULL;
	for (struct quota_entry *e = set; e < set + WAYS; e++) {
		unsigned count = owned(set, e->client, e->len);

		if (count > most) {
			most = count;
			excess = e;
		}
	}
	return excess;
}

/* An entry of a second that is over may go; better one with nothing held back. */
static struct quota_entry *find_place(struct quota_entry *set, const char *client, size_t len,
				      int64_t second)
{
	struct quota_entry *place = NULL;

	for (struct quota_entry *e = set; e < set + WAYS; e++)
		if (e->second != second && (!place || (is_holding(place) && !is_holding(e))))
			place = e;
	return place ? place : find_excess(set, client, len);
}

static struct quota_entry *find(struct quota *quota, const char *client, size_t len, int64_t second)
{
	struct quota_entry *set = &quota->entry[WAYS * set_of(quota, client, len)];
	struct quota_entry *place;

	for (struct quota_entry *e = set; e < set + WAYS; e++)
		if (e->second != 0 && e->len == len && memcmp(e->client, client, len) == 0)
			return e;
	place = find_place(set, client, len, second);
	if (!place)
		return &quota->others;
	if (is_holding(place))
		quota->holding--;
	*place = (struct quota_entry){ .second = second, .len = (unsigned)len };
	memcpy(place->client, client, len);
	return place;
}

static void turn(struct quota_entry *entry, int64_t second)
{
	if (entry->second == second)
		return;
	entry->owed += entry->held;
	entry->held = 0;
	entry->taken = 0;
	entry->second = second;
}

/* Whoever has a notice is proved. */
static bool has_share(struct quota *quota, const char *client, size_t len, int64_t second)
{
	char name[QUOTA_CLIENT_MAX + 1];
	const struct who owner = { .principal = name, .is_proved = true };
	size_t head = owner_len(client, len);

	memcpy(name, client, head);
	name[head] = '\0';
	return portions_take(&quota->total, &owner, 1, second);
}

bool quota_take(struct quota *quota, const char *client, size_t len, int64_t now_ms)
{
	int64_t second = now_ms / 1000 + 1; /* 0 is kept for free entries */
	struct quota_entry *entry;

	if (quota->per_second == 0 || len == 0 || len > QUOTA_CLIENT_MAX)
		return false;
	entry = find(quota, client, len, second);
	turn(entry, second);
	if (entry->taken < quota->per_second && has_share(quota, client, len, second)) {
		entry->taken++;
		return true;
	}
	if (entry != &quota->others && !is_holding(entry))
		quota->holding++;
	entry->held++;
	return false;
}

bool quota_next_held(struct quota *quota, int64_t now_ms, struct quota_held *ret)
{
	int64_t second = now_ms / 1000 + 1;

	if (quota->next >= QUOTA_CLIENTS) {
		if (quota->holding == 0 || quota->looked == second)
			return false;
		quota->looked = second;
		quota->next = 0;
	}
	while (quota->next < QUOTA_CLIENTS) {
		struct quota_entry *entry = &quota->entry[quota->next++];

		if (!is_holding(entry))
			continue;
		if (entry->second != second)
			turn(entry, 0); /* and its place is free */
		if (entry->owed == 0)
			continue;
		memcpy(ret->client, entry->client, entry->len);
		ret->client[entry->len] = '\0';
		ret->count = entry->owed;
		entry->owed = 0;
		if (!is_holding(entry))
			quota->holding--;
		return true;
	}
	return false;
}
