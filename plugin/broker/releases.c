#include "broker/releases.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/wordhash.h"

#define WAYS 4u
#define SETS (RELEASES_ENTITIES / WAYS)

struct open {
	uint64_t digest;
	uint64_t number; /* in the order of acceptance, from 1 */
	bool is_overtaken;
	bool is_replaced; /* it was published in its publisher's place */
};

/* The newest message about an entity, while nobody is known to have got it. */
struct held {
	const void *publisher; /* NULL: it left */
	int64_t left_ns;
	uint64_t digest;
	uint64_t seq;
	size_t len;
	char *topic; /* owned; NULL: there is none */
};

struct group {
	uint64_t key;
	uint64_t owner;    /* the first publisher there: a hash of its name */
	uint64_t used;     /* when: a number of acceptance; 0: the place is free */
	struct open *open; /* RELEASES_OPEN of them, a ring */
	size_t count;      /* that were ever put there */
	struct held held;
};

struct releases {
	uint64_t seed;
	uint64_t number; /* of the last that was accepted */
	size_t groups;
	int64_t due_ns; /* when the first of those left that are held; INT64_MAX: none did */
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
	releases->due_ns = INT64_MAX;
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

void releases_free(struct releases *releases)
{
	if (!releases)
		return;
	for (size_t i = 0; i < RELEASES_ENTITIES; i++) {
		free(releases->group[i].open);
		free(releases->group[i].held.topic);
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
	free(group->open);
	free(group->held.topic);
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
 * has most there, itself included. So a flood costs the flooder its own.
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

static void let_go(struct group *group)
{
	free(group->held.topic);
	memset(&group->held, 0, sizeof(group->held));
}

static void overtake(struct group *group, uint64_t number)
{
	for (size_t i = 0; i < RELEASES_OPEN; i++)
		group->open[i].is_overtaken |= group->open[i].number < number;
}

/* As the newest of its group; the oldest loses its place. */
static void remember(const struct releases *releases, struct group *group,
		     const struct message *message, bool is_overtaken)
{
	group->open[group->count++ % RELEASES_OPEN] = (struct open){
		.digest = message_digest(message, releases->seed),
		.number = releases->number,
		.is_overtaken = is_overtaken,
	};
}

void releases_accepted(struct releases *releases, uint64_t key, const char *principal,
		       const struct message *message)
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
		let_go(group);
	} else {
		if (!group)
			group = make(releases, key, principal);
		if (!group)
			return;
		remember(releases, group, message, false);
	}
	group->used = releases->number;
}

/* The newest message of these bytes that is known; NULL: none. */
static struct open *find_open(const struct releases *releases, struct group *group,
			      const struct message *message)
{
	uint64_t wanted = message_digest(message, releases->seed);
	struct open *found = NULL;

	for (size_t i = 0; i < RELEASES_OPEN; i++)
		if (group->open[i].number && group->open[i].digest == wanted &&
		    (!found || group->open[i].number > found->number))
			found = &group->open[i];
	return found;
}

void releases_resent(struct releases *releases, uint64_t key, const char *principal,
		     const struct message *message)
{
	struct group *group = find(releases, key);

	if (group && find_open(releases, group, message))
		return;
	releases->number++;
	if (!group)
		group = make(releases, key, principal);
	if (!group)
		return;
	remember(releases, group, message, true);
	group->used = releases->number;
}

enum releases_answer releases_hand_out(struct releases *releases, uint64_t key,
				       const struct message *message)
{
	struct group *group = find(releases, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	if (!open)
		return RELEASES_UNKNOWN;
	if (open->is_overtaken || open->is_replaced)
		return RELEASES_LATE;
	overtake(group, open->number);
	if (open->digest == group->held.digest)
		let_go(group);
	return RELEASES_GO;
}

bool releases_in_order(struct releases *releases, uint64_t key, const struct message *message)
{
	struct group *group = find(releases, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	if (!open || open->is_overtaken || open->is_replaced)
		return false;
	overtake(group, open->number);
	return true;
}

void releases_hold(struct releases *releases, uint64_t key, const void *publisher,
		   const struct message *message, uint64_t seq)
{
	struct group *group = find(releases, key);
	char *copy;

	if (!group)
		return;
	let_go(group);
	copy = malloc(message->topic_len + 1);
	if (!copy)
		return; /* as if it were known to be handed out */
	memcpy(copy, message->topic, message->topic_len);
	copy[message->topic_len] = '\0';
	group->held = (struct held){ .publisher = publisher,
				     .digest = message_digest(message, releases->seed),
				     .seq = seq,
				     .len = message->topic_len,
				     .topic = copy };
}

void releases_left(struct releases *releases, const void *publisher, int64_t now_ns)
{
	for (size_t i = 0; i < RELEASES_ENTITIES; i++) {
		struct held *held = &releases->group[i].held;

		if (!held->topic || held->publisher != publisher)
			continue;
		held->publisher = NULL;
		held->left_ns = now_ns;
		if (now_ns < releases->due_ns)
			releases->due_ns = now_ns;
	}
}

bool releases_unreleased(struct releases *releases, int64_t before_ns,
			 struct releases_unreleased *ret)
{
	int64_t next_ns = INT64_MAX;

	if (releases->due_ns >= before_ns)
		return false;
	for (size_t i = 0; i < RELEASES_ENTITIES; i++) {
		struct group *group = &releases->group[i];

		if (!group->held.topic || group->held.publisher)
			continue;
		if (group->held.left_ns < before_ns) {
			*ret = (struct releases_unreleased){ .key = group->key,
							     .seq = group->held.seq,
							     .topic = group->held.topic,
							     .len = group->held.len };
			return true;
		}
		if (group->held.left_ns < next_ns)
			next_ns = group->held.left_ns;
	}
	releases->due_ns = next_ns;
	return false;
}

bool releases_replace(struct releases *releases, uint64_t key, const struct message *message)
{
	struct group *group = find(releases, key);
	struct open *open;
	bool is_held;

	if (!group || !group->held.topic)
		return false;
	is_held = message && message_digest(message, releases->seed) == group->held.digest;
	let_go(group);
	open = is_held ? find_open(releases, group, message) : NULL;
	if (!open || open->is_overtaken)
		return false;
	overtake(group, open->number);
	open->is_replaced = true;
	return true;
}

bool releases_is_replaced(struct releases *releases, uint64_t key, const struct message *message)
{
	struct group *group = find(releases, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	return open && open->is_replaced && !open->is_overtaken;
}
