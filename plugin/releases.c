#include "releases.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/wordhash.h"

#define WAYS 4u
#define SETS (RELEASES_ENTITIES / WAYS)
#define CHAINS 1024u /* of shares, by owner */

struct open {
	uint64_t digest;
	uint64_t number; /* in the order of acceptance, from 1 */
	bool is_overtaken;
};

struct group;

/* Which messages a principal has that are kept to be published again: one at least. */
struct share {
	uint64_t owner; /* a hash of its name */
	size_t bytes;
	struct group *oldest, *newest;
	struct share *next; /* in the chain */
};

struct group {
	uint64_t key;
	uint64_t owner;    /* who published there first: a hash of its name */
	uint64_t used;     /* when: a number of acceptance; 0: the place is free */
	struct open *open; /* RELEASES_OPEN of them, a ring */
	size_t count;      /* that were ever put there */
	char *standing;    /* topic and payload of the last that was accepted; NULL: not known */
	size_t topic_len, payload_len;
	struct share *share; /* who published it, which need not be the group's owner */
	struct group *older, *newer;
	unsigned qos;
	bool is_retained; /* one of them was to be retained: only then is @standing kept */
	bool is_due;
};

struct releases {
	uint64_t seed;
	uint64_t number; /* of the last that was accepted */
	size_t groups;
	size_t bytes;
	size_t due;
	size_t at; /* where releases_next() goes on */
	struct share *chain[CHAINS];
	struct group group[RELEASES_ENTITIES];
};

int releases_new(struct releases **ret, struct diag *diag)
{
	struct releases *releases = calloc(1, sizeof(*releases));

	if (!releases)
		return diag_nomem(diag);
	/* Clients choose the texts: without a seed they could make two messages look the same. */
	if (getrandom(&releases->seed, sizeof(releases->seed), 0) != sizeof(releases->seed)) {
		free(releases);
		return diag_set(diag, ERR_IO, "the system gives no random numbers");
	}
	*ret = releases;
	return 0;
}

uint64_t releases_seed(const struct releases *releases)
{
	return releases->seed;
}

static uint64_t owner_of(const struct releases *releases, const char *principal)
{
	return wordhash(releases->seed, principal, strlen(principal));
}

/* Where @owner's share hangs, or would. */
static struct share **share_at(struct releases *releases, uint64_t owner)
{
	struct share **at = &releases->chain[owner % CHAINS];

	while (*at && (*at)->owner != owner)
		at = &(*at)->next;
	return at;
}

static size_t standing_bytes(const struct group *group)
{
	return group->topic_len + group->payload_len + 1;
}

/* The newest of @owner's share. False: out of memory. */
static bool join_share(struct releases *releases, struct group *group, uint64_t owner)
{
	struct share **at = share_at(releases, owner);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return false;
		(*at)->owner = owner;
	}
	group->share = *at;
	group->newer = NULL;
	group->older = group->share->newest;
	*(group->older ? &group->older->newer : &group->share->oldest) = group;
	group->share->newest = group;
	group->share->bytes += standing_bytes(group);
	releases->bytes += standing_bytes(group);
	return true;
}

static void leave_share(struct releases *releases, struct group *group)
{
	struct share *share = group->share;

	*(group->older ? &group->older->newer : &share->oldest) = group->newer;
	*(group->newer ? &group->newer->older : &share->newest) = group->older;
	share->bytes -= standing_bytes(group);
	releases->bytes -= standing_bytes(group);
	if (!share->oldest) {
		*share_at(releases, share->owner) = share->next;
		free(share);
	}
	group->share = NULL;
}

static void forget_standing(struct releases *releases, struct group *group)
{
	if (!group->standing)
		return;
	leave_share(releases, group);
	free(group->standing);
	group->standing = NULL;
}

void releases_free(struct releases *releases)
{
	if (!releases)
		return;
	for (size_t i = 0; i < RELEASES_ENTITIES; i++) {
		forget_standing(releases, &releases->group[i]);
		free(releases->group[i].open);
	}
	free(releases);
}

static struct group *set_of(struct releases *releases, uint64_t key)
{
	return &releases->group[(size_t)(wordhash_mix(key ^ releases->seed, WORDHASH_GOLDEN) %
					 SETS) *
				WAYS];
}

static struct group *find(struct releases *releases, uint64_t key)
{
	struct group *set = set_of(releases, key);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].used && set[i].key == key)
			return &set[i];
	return NULL;
}

static void clear_group(struct releases *releases, struct group *group)
{
	if (!group->used)
		return;
	forget_standing(releases, group);
	free(group->open);
	releases->due -= group->is_due;
	releases->groups--;
	memset(group, 0, sizeof(*group));
}

/* How many groups of the set are @owner's. */
static unsigned owned(const struct group *set, uint64_t owner)
{
	unsigned count = 0;

	for (size_t i = 0; i < WAYS; i++)
		count += set[i].used && set[i].owner == owner;
	return count;
}

/*
 * The place in a set that a newcomer of @owner gets: a free one, else the oldest of the owner who
 * has most there, itself included. So who floods loses its own.
 */
static struct group *choose(struct group *set, uint64_t owner)
{
	unsigned most = owned(set, owner);
	bool is_own = true;
	struct group *chosen = NULL;

	for (size_t i = 0; i < WAYS; i++) {
		if (!set[i].used)
			return &set[i];
		if (owned(set, set[i].owner) > most) {
			most = owned(set, set[i].owner);
			is_own = false;
		}
	}
	for (size_t i = 0; i < WAYS; i++) {
		if (most > 0 && (is_own ? set[i].owner != owner : owned(set, set[i].owner) != most))
			continue;
		if (!chosen || set[i].used < chosen->used)
			chosen = &set[i];
	}
	return chosen;
}

/* A group for @key; NULL: out of memory, it stays unknown. */
static struct group *make(struct releases *releases, uint64_t key, const char *principal)
{
	uint64_t owner = owner_of(releases, principal);
	struct group *group = choose(set_of(releases, key), owner);

	clear_group(releases, group);
	group->open = calloc(RELEASES_OPEN, sizeof(*group->open));
	if (!group->open)
		return NULL;
	group->key = key;
	group->owner = owner;
	group->used = releases->number;
	releases->groups++;
	return group;
}

static uint64_t digest(const struct releases *releases, const struct gate_request *message)
{
	return wordhash(wordhash(releases->seed, message->topic, message->topic_len),
			message->payload, message->payload_len);
}

static void overtake(struct group *group, uint64_t number)
{
	for (size_t i = 0; i < RELEASES_OPEN; i++)
		group->open[i].is_overtaken |= group->open[i].number < number;
}

/* Who has more bytes than all others, and than @owner with @bytes more; NULL: @owner with these. */
static struct share *most_bytes(struct releases *releases, uint64_t owner, size_t bytes)
{
	struct share *most = *share_at(releases, owner);
	size_t max = bytes + (most ? most->bytes : 0);

	for (size_t i = 0; i < CHAINS; i++) {
		for (struct share *share = releases->chain[i]; share; share = share->next) {
			if (share->bytes <= max)
				continue;
			most = share;
			max = share->bytes;
		}
	}
	return most;
}

/*
 * Who has most loses its oldest, @owner itself included, until there are @bytes left. As each
 * message is forgotten once, that is one search for each that was kept.
 */
static bool make_room(struct releases *releases, uint64_t owner, size_t bytes)
{
	if (bytes > RELEASES_BYTES)
		return false;
	while (releases->bytes + bytes > RELEASES_BYTES) {
		struct share *most = most_bytes(releases, owner, bytes);

		if (!most)
			return false;
		forget_standing(releases, most->oldest);
	}
	return true;
}

/* What stands, should it have to be published again. */
static void keep(struct releases *releases, struct group *group, const char *principal,
		 const struct gate_request *message)
{
	size_t bytes = message->topic_len + message->payload_len + 1;
	uint64_t owner = owner_of(releases, principal);
	char *copy;

	forget_standing(releases, group);
	if (!make_room(releases, owner, bytes) || !(copy = malloc(bytes)))
		return;
	group->topic_len = message->topic_len;
	group->payload_len = message->payload_len;
	group->qos = message->qos;
	if (!join_share(releases, group, owner)) {
		free(copy);
		return;
	}
	memcpy(copy, message->topic, message->topic_len);
	copy[message->topic_len] = '\0';
	if (message->payload_len)
		memcpy(copy + message->topic_len + 1, message->payload, message->payload_len);
	group->standing = copy;
}

void releases_accepted(struct releases *releases, uint64_t key, const char *principal,
		       const struct gate_request *message)
{
	struct group *group;

	releases->number++;
	if (message->qos < 2 && releases->groups == 0)
		return;
	group = find(releases, key);
	if (message->qos < 2) {
		if (!group)
			return;
		overtake(group, releases->number);
	} else {
		if (!group)
			group = make(releases, key, principal);
		if (!group)
			return;
		group->open[group->count++ % RELEASES_OPEN] =
			(struct open){ digest(releases, message), releases->number, false };
		group->is_retained |= message->is_retained;
	}
	group->used = releases->number;
	if (group->is_retained)
		keep(releases, group, principal, message);
}

/* The newest message of these bytes that is known; NULL: none. */
static struct open *find_open(const struct releases *releases, struct group *group,
			      const struct gate_request *message)
{
	uint64_t wanted = digest(releases, message);
	struct open *found = NULL;

	for (size_t i = 0; i < RELEASES_OPEN; i++)
		if (group->open[i].number && group->open[i].digest == wanted &&
		    (!found || group->open[i].number > found->number))
			found = &group->open[i];
	return found;
}

bool releases_hand_out(struct releases *releases, uint64_t key, const struct gate_request *message)
{
	struct group *group = find(releases, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	if (open && !open->is_overtaken)
		overtake(group, open->number);
	return !open || !open->is_overtaken;
}

bool releases_in_order(struct releases *releases, uint64_t key, const struct gate_request *message)
{
	struct group *group = find(releases, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	if (!open || open->is_overtaken)
		return false;
	overtake(group, open->number);
	return true;
}

void releases_repair(struct releases *releases, uint64_t key, const struct gate_request *message)
{
	struct group *group = find(releases, key);

	/* Of another topic: another channel moved the status, and this one's has no newer message.
	 */
	if (!group || !group->standing || group->topic_len != message->topic_len ||
	    memcmp(group->standing, message->topic, message->topic_len) != 0)
		return;
	releases->due += !group->is_due;
	group->is_due = true;
}

bool releases_next(struct releases *releases, struct gate_request *ret)
{
	while (releases->due > 0) {
		struct group *group = &releases->group[releases->at];

		if (!group->is_due) {
			releases->at = (releases->at + 1) % RELEASES_ENTITIES;
			continue;
		}
		group->is_due = false;
		releases->due--;
		if (!group->standing)
			continue;
		*ret = (struct gate_request){
			.action = GATE_PUBLISH,
			.topic = group->standing,
			.topic_len = group->topic_len,
			.payload = group->standing + group->topic_len + 1,
			.payload_len = group->payload_len,
			.qos = group->qos,
			.is_retained = true,
		};
		return true;
	}
	return false;
}
