#include "broker/releases.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixedtable.h"
#include "base/random.h"
#include "base/wordhash.h"

struct open {
	uint64_t digest;
	uint64_t number; /* in the order of acceptance, from 1 */
	bool is_overtaken;
	bool is_replaced; /* it was published in its publisher's place */
};

/* The newest message about an entity, while no client is known to have got it. */
struct held {
	const void *publisher; /* NULL: it left */
	int64_t left_ns;
	uint64_t digest;
	uint64_t seq;
	size_t len;
	char *topic; /* owned; NULL: there is none */
};

struct group {
	struct fixedtable_head head; /* named by its key, the first publisher's; seen at a number */
	struct open open[RELEASES_OPEN]; /* a ring */
	size_t count;                    /* that were ever put there */
	struct held held;
};

struct releases {
	uint64_t seed;
	uint64_t number; /* of the last that was accepted */
	int64_t due_ns;  /* when the first of those left that are held; INT64_MAX: none did */
	struct fixedtable *groups;
};

static void let_go(void *record)
{
	struct group *group = record;

	free(group->held.topic);
	memset(&group->held, 0, sizeof(group->held));
}

int releases_new(struct releases **ret, struct diag *diag)
{
	const struct fixedtable_options options = { .records = RELEASES_ENTITIES,
						    .size = sizeof(struct group),
						    .gone = let_go };
	struct releases *releases = calloc(1, sizeof(*releases));
	int rc;

	if (!releases)
		return diag_nomem(diag);
	releases->due_ns = INT64_MAX;
	/* Clients choose the texts: without a seed they could make two messages look the same. */
	rc = random_bytes(&releases->seed, sizeof(releases->seed), diag);
	if (rc)
		goto out;
	rc = fixedtable_new(&options, &releases->groups, diag);
	if (rc)
		goto out;
	*ret = releases;
	releases = NULL; /* handed over */
out:
	releases_free(releases);
	return rc;
}

bool releases_is_active(const struct releases *releases)
{
	return fixedtable_count(releases->groups) > 0;
}

uint64_t releases_seed(const struct releases *releases)
{
	return releases->seed;
}

/* The next entity that has a message held, from place *at of all on, *left of them; or NULL. */
static struct group *next_held(const struct releases *releases, size_t *at, size_t *left)
{
	struct group *group;

	while ((group = fixedtable_next(releases->groups, at, left)))
		if (group->held.topic)
			return group;
	return NULL;
}

void releases_free(struct releases *releases)
{
	size_t at = 0, left = 0;
	struct group *group;

	if (!releases)
		return;
	if (releases->groups)
		left = fixedtable_places(releases->groups);
	while (left > 0 && (group = next_held(releases, &at, &left)))
		let_go(group);
	fixedtable_free(releases->groups);
	free(releases);
}

/* The group of @key, made where there is none: a flood costs the flooder its own. */
static struct group *take(struct releases *releases, uint64_t key, const char *principal)
{
	uint64_t owner = wordhash(releases->seed, principal, strlen(principal));

	return fixedtable_take(releases->groups, key, owner, (int64_t)releases->number, NULL);
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
	if (message->qos == 2) {
		remember(releases, take(releases, key, principal), message, false);
		return;
	}
	group = releases_is_active(releases) ? fixedtable_find(releases->groups, key) : NULL;
	if (!group)
		return;
	overtake(group, releases->number);
	let_go(group);
	group->head.seen_ns = (int64_t)releases->number;
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
	struct group *group = fixedtable_find(releases->groups, key);

	if (group && find_open(releases, group, message))
		return;
	releases->number++;
	remember(releases, take(releases, key, principal), message, true);
}

enum releases_answer releases_hand_out(struct releases *releases, uint64_t key,
				       const struct message *message)
{
	struct group *group = fixedtable_find(releases->groups, key);
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
	struct group *group = fixedtable_find(releases->groups, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	if (!open || open->is_overtaken || open->is_replaced)
		return false;
	overtake(group, open->number);
	return true;
}

void releases_hold(struct releases *releases, uint64_t key, const void *publisher,
		   const struct message *message, uint64_t seq)
{
	struct group *group = fixedtable_find(releases->groups, key);
	char *copy;

	if (!group)
		return;
	let_go(group);
	copy = strndup(message->topic, message->topic_len);
	if (!copy)
		return; /* as if it were known to be handed out */
	group->held = (struct held){ .publisher = publisher,
				     .digest = message_digest(message, releases->seed),
				     .seq = seq,
				     .len = message->topic_len,
				     .topic = copy };
}

void releases_left(struct releases *releases, const void *publisher, int64_t now_ns)
{
	size_t at = 0, left = fixedtable_places(releases->groups);
	struct group *group;

	while ((group = next_held(releases, &at, &left))) {
		if (group->held.publisher != publisher)
			continue;
		group->held.publisher = NULL;
		group->held.left_ns = now_ns;
		if (now_ns < releases->due_ns)
			releases->due_ns = now_ns;
	}
}

bool releases_unreleased(struct releases *releases, int64_t before_ns,
			 struct releases_unreleased *ret)
{
	size_t at = 0, left = fixedtable_places(releases->groups);
	int64_t next_ns = INT64_MAX;
	const struct group *group;

	if (releases->due_ns >= before_ns)
		return false;
	while ((group = next_held(releases, &at, &left))) {
		if (group->held.publisher)
			continue;
		if (group->held.left_ns < before_ns) {
			*ret = (struct releases_unreleased){ .key = group->head.id,
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
	struct group *group = fixedtable_find(releases->groups, key);
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

void releases_stand(struct releases *releases, uint64_t key, const struct message *message)
{
	struct group *group = fixedtable_find(releases->groups, key);
	struct open *open = group ? find_open(releases, group, message) : NULL;

	if (!open)
		return;
	if (open->digest == group->held.digest)
		let_go(group);
	overtake(group, open->number);
	open->is_overtaken = false;
	open->is_replaced = true;
}

bool releases_is_replaced(struct releases *releases, uint64_t key, const struct message *message)
{
	struct group *group = fixedtable_find(releases->groups, key);
	const struct open *open = group ? find_open(releases, group, message) : NULL;

	return open && open->is_replaced && !open->is_overtaken;
}
