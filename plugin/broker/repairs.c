#include "broker/repairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/wordhash.h"

#define NOTES 32768u /* of each table, a power of two */

/* A message on its way. */
struct claim {
	uint64_t digest;
	uint64_t last; /* write accepted when it was published */
	char *topic;   /* owned */
	size_t len;
	size_t payload_len;
	bool is_for_all;
	bool is_retained;
	bool is_found;       /* it was being handed out */
	const void *payload; /* where it lay then */
};

struct owed {
	uint64_t digest;
	const void *reader;
	const void *refused; /* what it was refused in the repair's place; NULL: nothing */
};

struct repairs {
	uint64_t seed;
	uint64_t least; /* the database has to have come so far */
	bool is_immediate;
	bool is_scanning;
	bool is_noting;
	bool is_handed_out;
	int64_t round_ns;
	unsigned budget;
	size_t first, count; /* of the ring */
	size_t claims, owings, followers;
	const void *follower[REPAIRS_FOLLOWERS];
	struct repairs_topic waiting[REPAIRS_WAITING]; /* their topics are owned */
	uint64_t for_all[REPAIRS_WAITING];             /* hashes of those for all readers; else 0 */
	struct claim claim[REPAIRS_A_ROUND];
	struct owed owed[REPAIRS_A_ROUND];
	uint64_t note[2][NOTES];
};

int repairs_new(bool is_immediate, struct repairs **ret, struct diag *diag)
{
	struct repairs *r = calloc(1, sizeof(*r));

	if (!r)
		return diag_nomem(diag);
	if (random_bytes(&r->seed, sizeof(r->seed), diag)) {
		free(r);
		return ERR_IO;
	}
	r->is_immediate = is_immediate;
	*ret = r;
	return 0;
}

static void clear_claims(struct repairs *r)
{
	for (size_t i = 0; i < r->claims; i++)
		free(r->claim[i].topic);
	r->claims = r->owings = 0;
}

void repairs_free(struct repairs *r)
{
	if (!r)
		return;
	clear_claims(r);
	for (size_t i = 0; i < REPAIRS_WAITING; i++)
		free((char *)r->waiting[i].topic);
	free(r);
}

/* Until now nothing was noted: all that is not in the database yet may be of any topic. */
static void begin(struct repairs *r, uint64_t last)
{
	if (r->is_noting)
		return;
	r->is_noting = true;
	r->least = last;
}

void repairs_begin_scan(struct repairs *r, uint64_t last)
{
	begin(r, last);
	r->is_scanning = true;
}

void repairs_end_scan(struct repairs *r)
{
	r->is_scanning = false;
}

bool repairs_is_scanning(const struct repairs *r)
{
	return r->is_scanning;
}

bool repairs_is_active(const struct repairs *r)
{
	return r->is_noting;
}

static uint64_t hash(const struct repairs *r, const char *topic, size_t len)
{
	return wordhash(r->seed, topic, len);
}

void repairs_note(struct repairs *r, const char *topic, size_t len, uint64_t seq)
{
	uint64_t at = hash(r, topic, len);

	r->note[0][at % NOTES] = seq;
	r->note[1][(at >> 32) % NOTES] = seq;
}

/* The number of the last write noted of a topic, or a later one. */
static uint64_t noted(const struct repairs *r, const char *topic, size_t len)
{
	uint64_t at = hash(r, topic, len);
	uint64_t one = r->note[0][at % NOTES], other = r->note[1][(at >> 32) % NOTES];

	return one < other ? one : other;
}

bool repairs_is_current(const struct repairs *r, const char *topic, size_t len, uint64_t arrived)
{
	return arrived >= r->least && arrived >= noted(r, topic, len);
}

/* ---- what waits --------------------------------------------------------------------------- */

static bool has_room(const struct repairs *r, const struct repairs_topic *topic)
{
	size_t own = 0;

	if (!repairs_has_room(r))
		return false;
	if (!topic->reader)
		return true;
	for (size_t i = 0; i < r->count; i++)
		own += r->waiting[(r->first + i) % REPAIRS_WAITING].reader == topic->reader;
	return own < REPAIRS_OF_ONE;
}

/* Is the topic the last that was put on the list? Its readers are asked one after the other. */
static bool is_last(const struct repairs *r, const struct repairs_topic *topic)
{
	const struct repairs_topic *last =
		&r->waiting[(r->first + r->count + REPAIRS_WAITING - 1) % REPAIRS_WAITING];

	return r->count > 0 && last->reader == topic->reader && last->len == topic->len &&
	       last->is_for_all == topic->is_for_all &&
	       memcmp(last->topic, topic->topic, topic->len) == 0;
}

/* Does a message for all readers wait on the topic, of this hash? */
static bool waits_for_all(const struct repairs *r, const struct repairs_topic *topic, uint64_t key)
{
	for (size_t i = 0; i < REPAIRS_WAITING; i++)
		if (r->for_all[i] == key && r->waiting[i].len == topic->len &&
		    memcmp(r->waiting[i].topic, topic->topic, topic->len) == 0)
			return true;
	return false;
}

static void append(struct repairs *r, const struct repairs_topic *topic, uint64_t for_all)
{
	size_t at = (r->first + r->count++) % REPAIRS_WAITING;

	r->waiting[at] = *topic;
	r->for_all[at] = for_all;
}

bool repairs_add(struct repairs *r, const struct repairs_topic *topic, uint64_t last)
{
	uint64_t key = topic->is_for_all ? hash(r, topic->topic, topic->len) | 1 : 0;
	struct repairs_topic copy = *topic;

	if (is_last(r, topic) || (key && waits_for_all(r, topic, key)))
		return true;
	copy.topic = has_room(r, topic) ? strndup(topic->topic, topic->len) : NULL;
	if (!copy.topic)
		return false;
	begin(r, last);
	append(r, &copy, key);
	return true;
}

bool repairs_is_follower(const struct repairs *r, const void *reader)
{
	for (size_t i = 0; i < r->followers; i++)
		if (r->follower[i] == reader)
			return true;
	return false;
}

bool repairs_follow(struct repairs *r, const void *reader)
{
	if (!r->is_scanning)
		return false;
	if (repairs_is_follower(r, reader))
		return true;
	if (r->followers == REPAIRS_FOLLOWERS)
		return false;
	r->follower[r->followers++] = reader;
	return true;
}

size_t repairs_waiting(const struct repairs *r)
{
	return r->count;
}

bool repairs_has_room(const struct repairs *r)
{
	return r->count < REPAIRS_WAITING;
}

bool repairs_next(const struct repairs *r, size_t after, struct repairs_topic *ret)
{
	*ret = r->waiting[(r->first + after) % REPAIRS_WAITING];
	return after < r->count;
}

/* Takes the first from the list; its topic is the caller's. */
static struct repairs_topic take(struct repairs *r)
{
	struct repairs_topic taken = r->waiting[r->first];

	r->waiting[r->first].topic = NULL;
	r->for_all[r->first] = 0;
	r->first = (r->first + 1) % REPAIRS_WAITING;
	r->count--;
	return taken;
}

void repairs_done(struct repairs *r)
{
	free((char *)take(r).topic);
}

void repairs_put_off(struct repairs *r)
{
	uint64_t for_all = r->for_all[r->first];
	struct repairs_topic taken = take(r);

	append(r, &taken, for_all);
}

/* ---- what is on its way ------------------------------------------------------------------- */

void repairs_round(struct repairs *r, uint64_t last, int64_t now_ns)
{
	uint64_t grown = (uint64_t)(now_ns - r->round_ns) / (1000000000u / REPAIRS_A_SECOND);

	for (size_t i = 0; i < r->claims && !r->is_immediate; i++) {
		struct claim *claim = &r->claim[i];
		struct repairs_topic topic = { .topic = claim->topic, .len = claim->len };

		if (claim->is_retained && noted(r, claim->topic, claim->len) > claim->last)
			(void)repairs_add(r, &topic, last); /* else the next reader asks again */
	}
	clear_claims(r);
	r->is_handed_out = false;
	if (r->round_ns == 0 || grown > 0)
		r->round_ns = now_ns;
	r->budget =
		r->budget + grown > REPAIRS_A_ROUND ? REPAIRS_A_ROUND : r->budget + (unsigned)grown;
	if (!r->is_scanning)
		r->followers = 0;
	if (r->count == 0 && !r->is_scanning)
		r->is_noting = false;
}

unsigned repairs_budget(const struct repairs *r)
{
	return r->budget;
}

static struct claim *find(struct repairs *r, uint64_t wanted, const struct message *message)
{
	for (size_t i = 0; i < r->claims; i++) {
		struct claim *claim = &r->claim[i];

		if (claim->digest == wanted && claim->payload_len == message->payload_len &&
		    claim->len == message->topic_len &&
		    memcmp(claim->topic, message->topic, claim->len) == 0)
			return claim;
	}
	return NULL;
}

/* False: there is no room, or no memory. */
static bool put_claim(struct repairs *r, const struct message *message, uint64_t key, uint64_t last,
		      bool is_for_all)
{
	char *copy = NULL;

	if (r->claims < REPAIRS_A_ROUND && r->budget > 0)
		copy = strndup(message->topic, message->topic_len);
	if (!copy)
		return false;
	r->claim[r->claims++] = (struct claim){ .digest = key,
						.last = last,
						.topic = copy,
						.len = message->topic_len,
						.payload_len = message->payload_len,
						.is_for_all = is_for_all,
						.is_retained = message->is_retained };
	r->budget--;
	return true;
}

bool repairs_publish(struct repairs *r, const struct message *message, const void *reader,
		     uint64_t last)
{
	uint64_t key = message_digest(message, r->seed);
	bool is_new = !find(r, key, message);

	if (is_new && !put_claim(r, message, key, last, false))
		return false;
	if (reader && r->owings < REPAIRS_A_ROUND)
		r->owed[r->owings++] = (struct owed){ .digest = key, .reader = reader };
	return is_new;
}

bool repairs_publish_for_all(struct repairs *r, const struct message *message, uint64_t last)
{
	uint64_t key = message_digest(message, r->seed);

	begin(r, last);
	return !find(r, key, message) && put_claim(r, message, key, last, true);
}

void repairs_handed_out(struct repairs *r)
{
	r->is_handed_out = true;
}

/* The repair that may be what is delivered; @key: its digest. NULL: there is none. */
static struct claim *on_its_way(struct repairs *r, const struct message *delivery, uint64_t *key)
{
	struct claim *claim;

	if (r->claims == 0 || r->is_handed_out)
		return NULL;
	*key = message_digest(delivery, r->seed);
	claim = find(r, *key, delivery);
	/* An empty payload has no address: another clearing of the topic looks the same. */
	if (claim && claim->payload_len == 0 && noted(r, claim->topic, claim->len) > claim->last)
		return NULL;
	return claim;
}

static const struct owed *find_owed(const struct repairs *r, uint64_t key, const void *reader)
{
	for (size_t i = 0; i < r->owings; i++)
		if (r->owed[i].digest == key && r->owed[i].reader == reader)
			return &r->owed[i];
	return NULL;
}

enum repairs_kind repairs_find(struct repairs *r, const struct message *delivery,
			       const void *reader)
{
	uint64_t key = 0;
	struct claim *claim = on_its_way(r, delivery, &key);
	const struct owed *owed;

	if (!claim)
		return REPAIRS_OTHER;
	if (!claim->is_found) {
		claim->is_found = true;
		claim->payload = delivery->payload;
	}
	if (claim->payload != delivery->payload)
		return REPAIRS_OTHER;
	if (claim->is_for_all)
		return REPAIRS_FOR_ALL;
	owed = find_owed(r, key, reader);
	if (owed && (!owed->refused || owed->refused != delivery->payload))
		return REPAIRS_OWED;
	return repairs_is_follower(r, reader) ? REPAIRS_OWED : REPAIRS_SILENT;
}

enum repairs_kind repairs_find_stored(struct repairs *r, const struct message *delivery,
				      const void *reader)
{
	uint64_t key = 0;
	const struct claim *claim = on_its_way(r, delivery, &key);
	const struct owed *owed;

	if (!claim || claim->is_for_all)
		return REPAIRS_OTHER;
	if (claim->is_found || claim->payload_len == 0)
		return repairs_find(r, delivery, reader);
	owed = find_owed(r, key, reader);
	if (owed)
		return owed->refused == delivery->payload ? REPAIRS_SILENT : REPAIRS_OWED;
	if (r->owings == REPAIRS_A_ROUND)
		return REPAIRS_OTHER;
	r->owed[r->owings++] =
		(struct owed){ .digest = key, .reader = reader, .refused = delivery->payload };
	return REPAIRS_SILENT;
}
