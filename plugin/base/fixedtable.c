#include "base/fixedtable.h"

#include <stdlib.h>
#include <string.h>

#include "base/freshpages.h"

#define WAYS FIXEDTABLE_WAYS
#define SET (WAYS + 1) /* the last place of a set is the shared record's */
#define SHARED 1u
#define NOWHERE SIZE_MAX

/* Apart from the records: a set is looked through without touching them. */
struct places {
	/* Which record each place has, from 1; 0: none yet. The last is the shared record's. */
	uint32_t at[SET];
	uint32_t tag[WAYS]; /* the lower half of its id; the upper one chose the set */
};

/*
 * Ids are spread over all sets. The records themselves are handed out one behind the other, and
 * stay with their places: so many ids touch as few pages as their records need, not one each.
 */
struct fixedtable {
	struct fixedtable_options options;
	size_t sets; /* a power of two */
	size_t count;
	uint64_t evicted;
	struct places *set;
	unsigned char *record; /* sets * SET, of which @made were handed out */
	uint32_t made;
};

int fixedtable_new(const struct fixedtable_options *options, struct fixedtable **ret,
		   struct diag *diag)
{
	struct fixedtable *table;
	size_t sets = 1;

	if (options->records > FIXEDTABLE_RECORDS_MAX)
		return diag_set(diag, ERR_LIMIT, "a table has %u records at most",
				FIXEDTABLE_RECORDS_MAX);
	while (sets * WAYS < options->records)
		sets *= 2;
	table = calloc(1, sizeof(*table));
	if (!table)
		return diag_nomem(diag);
	table->options = *options;
	table->sets = sets;
	table->set = freshpages_take(sets, sizeof(*table->set));
	table->record = freshpages_take(sets * SET, options->size);
	if (!table->set || !table->record) {
		fixedtable_free(table);
		return diag_nomem(diag);
	}
	*ret = table;
	return 0;
}

void fixedtable_free(struct fixedtable *table)
{
	if (!table)
		return;
	freshpages_free(table->set, table->sets, sizeof(*table->set));
	freshpages_free(table->record, table->sets * SET, table->options.size);
	free(table);
}

size_t fixedtable_memory(const struct fixedtable *table)
{
	return sizeof(*table) + table->sets * (sizeof(*table->set) + SET * table->options.size);
}

size_t fixedtable_count(const struct fixedtable *table)
{
	return table->count;
}

uint64_t fixedtable_evicted(const struct fixedtable *table)
{
	return table->evicted;
}

size_t fixedtable_places(const struct fixedtable *table)
{
	return table->sets * SET;
}

/* The record of a place; NULL: it has none yet. */
static void *record_at(const struct fixedtable *table, size_t set, size_t way)
{
	uint32_t at = table->set[set].at[way];

	return at ? table->record + (size_t)(at - 1) * table->options.size : NULL;
}

uint32_t fixedtable_badness(const struct fixedtable_head *head, int64_t now_ns)
{
	int64_t halvings = (now_ns - head->bad_ns) / (FIXEDTABLE_HALF_S * INT64_C(1000000000));

	if (halvings <= 0)
		return head->badness;
	return halvings >= 32 ? 0 : head->badness >> halvings;
}

void fixedtable_blame(struct fixedtable_head *head, uint32_t by, int64_t now_ns)
{
	uint32_t badness = fixedtable_badness(head, now_ns);

	head->badness =
		by > FIXEDTABLE_BADNESS_MAX - badness ? FIXEDTABLE_BADNESS_MAX : badness + by;
	head->bad_ns = now_ns;
}

/* Would @a be missed less than @b? */
static bool is_lesser(const struct fixedtable_head *a, const struct fixedtable_head *b,
		      int64_t now_ns)
{
	uint32_t bad_a = fixedtable_badness(a, now_ns), bad_b = fixedtable_badness(b, now_ns);

	if (bad_a != bad_b)
		return bad_a < bad_b;
	if (a->is_live != b->is_live)
		return b->is_live;
	return a->seen_ns < b->seen_ns;
}

/* Records of @owner in the set; 0 for owner 0, whose records belong to different owners. */
static unsigned owned(const struct fixedtable *table, size_t set, uint64_t owner)
{
	unsigned count = 0;

	for (size_t way = 0; owner && way < WAYS; way++)
		count += ((const struct fixedtable_head *)record_at(table, set, way))->owner ==
			 owner;
	return count;
}

/* Of a full set: whose records may give way to a newcomer of @owner, and why. */
struct choice {
	uint64_t owner; /* only theirs, where @is_own */
	unsigned most;  /* only of those who have so many, where that is more than one */
	bool is_own;    /* no owner has more than the newcomer's */
	bool is_excess; /* they have more than the newcomer's: being bad keeps none */
};

static struct choice choice_for(const struct fixedtable *table, size_t set, uint64_t owner)
{
	struct choice choice = { .owner = owner, .most = 1 };
	unsigned mine = owned(table, set, owner);

	for (size_t way = 0; way < WAYS; way++) {
		const struct fixedtable_head *head = record_at(table, set, way);
		unsigned count = owned(table, set, head->owner);

		if (count > choice.most)
			choice.most = count;
	}
	choice.is_own = mine >= choice.most;
	choice.is_excess = choice.most > 1 && !choice.is_own;
	return choice;
}

static bool may_go(const struct fixedtable *table, size_t set, const struct fixedtable_head *head,
		   const struct choice *choice, int64_t now_ns)
{
	if (head->is_held)
		return false;
	if (choice->is_own && head->owner != choice->owner)
		return false;
	if (choice->is_excess)
		return owned(table, set, head->owner) == choice->most;
	return fixedtable_badness(head, now_ns) <= FIXEDTABLE_BAD;
}

/* The way in a full set that a newcomer of @owner gets, or the shared record's. */
static size_t choose_by_owner(const struct fixedtable *table, size_t set, uint64_t owner,
			      int64_t now_ns)
{
	struct choice choice = choice_for(table, set, owner);
	const struct fixedtable_head *least = NULL;
	size_t chosen = WAYS;

	for (size_t way = 0; way < WAYS; way++) {
		const struct fixedtable_head *head = record_at(table, set, way);

		if (!may_go(table, set, head, &choice, now_ns))
			continue;
		if (!least || is_lesser(head, least, now_ns)) {
			least = head;
			chosen = way;
		}
	}
	return chosen;
}

/* The way that is worth least, or NOWHERE. */
static size_t choose_by_worth(const struct fixedtable *table, size_t set, int64_t now)
{
	uint64_t least = FIXEDTABLE_KEEP;
	size_t chosen = NOWHERE;

	for (size_t way = 0; way < WAYS; way++) {
		uint64_t worth =
			table->options.worth(record_at(table, set, way), now, table->options.ctx);

		if (worth < least) {
			least = worth;
			chosen = way;
		}
	}
	return chosen;
}

static size_t choose(const struct fixedtable *table, size_t set, uint64_t owner, int64_t now_ns)
{
	for (size_t way = 0; way < WAYS; way++)
		if (table->set[set].at[way] == 0)
			return way;
	return table->options.worth ? choose_by_worth(table, set, now_ns)
				    : choose_by_owner(table, set, owner, now_ns);
}

static void *make(struct fixedtable *table, size_t set, size_t way, uint64_t id, uint64_t owner,
		  int64_t now_ns)
{
	struct fixedtable_head *head = record_at(table, set, way);

	if (head) {
		table->evicted++;
		if (table->options.gone)
			table->options.gone(head);
	} else {
		table->count++;
		table->set[set].at[way] = ++table->made; /* there is one for each place */
		head = record_at(table, set, way);
	}
	memset(head, 0, table->options.size);
	*head = (struct fixedtable_head){ .id = way == WAYS ? SHARED : id,
					  .owner = owner,
					  .seen_ns = now_ns,
					  .bad_ns = now_ns,
					  .is_shared = way == WAYS };
	if (way < WAYS)
		table->set[set].tag[way] = (uint32_t)id;
	return head;
}

static size_t set_of(const struct fixedtable *table, uint64_t id)
{
	return (size_t)(id >> 32) & (table->sets - 1);
}

void *fixedtable_find(const struct fixedtable *table, uint64_t id)
{
	size_t set = set_of(table, id);
	struct fixedtable_head *head;

	for (size_t way = 0; way < WAYS; way++) {
		if (table->set[set].tag[way] != (uint32_t)id)
			continue;
		head = record_at(table, set, way);
		if (head && head->id == id)
			return head;
	}
	return NULL;
}

void *fixedtable_take(struct fixedtable *table, uint64_t id, uint64_t owner, int64_t now_ns,
		      bool *is_new)
{
	struct fixedtable_head *head = fixedtable_find(table, id);
	size_t set = set_of(table, id), way;

	if (is_new)
		*is_new = false;
	if (!head) {
		way = choose(table, set, owner, now_ns);
		if (way == NOWHERE)
			return NULL;
		head = record_at(table, set, way);
		if (way < WAYS || !head) {
			if (is_new)
				*is_new = true;
			return make(table, set, way, id, owner, now_ns);
		}
	}
	head->seen_ns = now_ns;
	return head;
}

void *fixedtable_next(const struct fixedtable *table, size_t *at, size_t *count)
{
	for (size_t places = fixedtable_places(table); *count > 0; --*count) {
		size_t place = *at < places ? *at : 0;
		void *record = record_at(table, place / SET, place % SET);

		*at = place + 1;
		if (record) {
			--*count;
			return record;
		}
	}
	return NULL;
}
