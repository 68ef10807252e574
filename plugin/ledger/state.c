#include "ledger/state.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/freshpages.h"
#include "base/hugepages.h"
#include "base/prefault.h"

#define NONE UINT32_MAX

enum state_list { LIST_CLEAN, LIST_PINNED, LIST_COUNT };

#define LINE 64u       /* bytes of a cache line */
#define PREFAULT 4096u /* entries: more than come while the writer is at one batch */

/* What a look reads comes first, so that it is found in few cache lines. */
struct state_entry {
	char id[ENTITY_ID_MAX];
	struct state_facts facts;
} __attribute__((aligned(LINE)));

/* An entry's place in its list: apart, because lists are walked without reading entries. */
struct state_node {
	uint64_t seq; /* of its newest write, while pinned */
	uint32_t newer, older;
	uint32_t hash;
	uint32_t table;
	uint8_t id_len; /* 0: the entry is forgotten */
	uint8_t list;
	bool is_stale; /* pinned, and to be forgotten then */
};

_Static_assert(sizeof(struct state_entry) <= 512 && sizeof(struct state_node) <= 32,
	       "STATE_ENTRY_BYTES is part of the documentation");

struct state_ends {
	uint32_t newest, oldest;
};

/* A place of the hash table: linear probing, deletion closes the gap. */
struct state_place {
	uint32_t hash;
	uint32_t entry; /* NONE: empty */
};

struct state {
	void *memory;
	struct state_entry *entry; /* in it */
	struct state_node *node;   /* one for each entry */
	struct state_place *place;
	size_t mask;     /* places - 1, a power of two less one */
	uint32_t max;    /* entries that there is address space for */
	uint32_t recent; /* what was found or added last: a publish asks, then keeps */
	struct state_ends list[LIST_COUNT];
	_Atomic uint32_t capacity;  /* entries that may be used; grows where all are pinned */
	_Atomic uint32_t untouched; /* entries from here on were never used */
	uint32_t prefaulted;        /* state_prefault()'s: entries up to here have memory */
};

/* ---- lists ------------------------------------------------------------------------------- */

static void list_take(struct state *s, uint32_t i)
{
	struct state_node *n = &s->node[i];
	struct state_ends *ends = &s->list[n->list];

	if (n->newer != NONE)
		s->node[n->newer].older = n->older;
	else
		ends->newest = n->older;
	if (n->older != NONE)
		s->node[n->older].newer = n->newer;
	else
		ends->oldest = n->newer;
}

static void list_put(struct state *s, uint32_t i, enum state_list list)
{
	struct state_node *n = &s->node[i];
	struct state_ends *ends = &s->list[list];

	n->list = (uint8_t)list;
	n->newer = NONE;
	n->older = ends->newest;
	if (n->older != NONE)
		s->node[n->older].newer = i;
	else
		ends->oldest = i;
	ends->newest = i;
}

/* The next to be replaced. */
static void list_put_oldest(struct state *s, uint32_t i)
{
	struct state_node *n = &s->node[i];
	struct state_ends *ends = &s->list[LIST_CLEAN];

	n->list = LIST_CLEAN;
	n->older = NONE;
	n->newer = ends->oldest;
	if (n->newer != NONE)
		s->node[n->newer].older = i;
	else
		ends->newest = i;
	ends->oldest = i;
}

/* ---- the hash table ---------------------------------------------------------------------- */

static bool is_entity(const struct state *s, uint32_t i, const struct entitykey *key)
{
	const struct state_node *n = &s->node[i];

	return n->hash == (uint32_t)key->hash && n->table == key->table && n->id_len == key->len &&
	       memcmp(s->entry[i].id, key->id, key->len) == 0;
}

/* The place of the entity, or the empty one where it would go. */
static size_t place_of(const struct state *s, const struct entitykey *key)
{
	size_t at = key->hash & s->mask;

	for (; s->place[at].entry != NONE; at = (at + 1) & s->mask)
		if (s->place[at].hash == (uint32_t)key->hash &&
		    is_entity(s, s->place[at].entry, key))
			break;
	return at;
}

static void place_clear(struct state *s, size_t gap)
{
	for (size_t at = (gap + 1) & s->mask; s->place[at].entry != NONE; at = (at + 1) & s->mask) {
		size_t wanted = s->place[at].hash & s->mask;

		/* Stays where the gap is not between its wanted place and here. */
		if (((at - wanted) & s->mask) < ((at - gap) & s->mask))
			continue;
		s->place[gap] = s->place[at];
		gap = at;
	}
	s->place[gap].entry = NONE;
}

static void entry_unhash(struct state *s, uint32_t i)
{
	size_t at = s->node[i].hash & s->mask;

	while (s->place[at].entry != i)
		at = (at + 1) & s->mask;
	place_clear(s, at);
}

/* ---- entities --------------------------------------------------------------------------- */

static uint32_t capacity_of(const struct state *s)
{
	return atomic_load_explicit(&s->capacity, memory_order_relaxed);
}

/* An empty table that is at most half full with @entries; NULL: memory ran out. */
static struct state_place *places_new(size_t entries, size_t *mask)
{
	struct state_place *place;
	size_t places = 2;

	while (places < 2 * entries)
		places *= 2;
	place = hugepages_take(places * sizeof(*place));
	for (size_t i = 0; place && i < places; i++)
		place[i].entry = NONE;
	*mask = places - 1;
	return place;
}

/* Twice as many entries, if there may be so many: all that are there are pinned. */
static bool grow(struct state *s)
{
	uint32_t capacity = capacity_of(s);
	uint32_t wider = capacity <= s->max / 2 ? 2 * capacity : s->max;
	struct state_place *place;
	size_t mask;

	if (capacity == s->max)
		return false;
	place = places_new(wider, &mask);
	if (!place)
		return false;
	free(s->place);
	s->place = place;
	s->mask = mask;
	for (uint32_t i = 0; i < capacity; i++) {
		size_t at = s->node[i].hash & mask;

		while (place[at].entry != NONE)
			at = (at + 1) & mask;
		place[at] = (struct state_place){ s->node[i].hash, i };
	}
	atomic_store_explicit(&s->capacity, wider, memory_order_relaxed);
	return true;
}

int state_new(size_t entities, size_t waiting, struct state **ret, struct diag *diag)
{
	struct state *s = calloc(1, sizeof(*s));
	int rc = ERR_NOMEM;

	assert(entities >= STATE_ENTITIES_MIN && entities <= STATE_ENTITIES_MAX);
	if (!s)
		return diag_nomem(diag);
	if (waiting > STATE_ENTITIES_MAX - entities)
		waiting = STATE_ENTITIES_MAX - entities;
	s->max = (uint32_t)(entities + waiting);
	atomic_store(&s->capacity, (uint32_t)entities);
	s->place = places_new(entities, &s->mask);
	s->node = freshpages_take(s->max, sizeof(*s->node));
	s->memory = freshpages_take((size_t)s->max + 1, sizeof(*s->entry));
	if (!s->place || !s->node || !s->memory) {
		(void)diag_nomem(diag);
		goto out;
	}
	s->entry = (struct state_entry *)(((uintptr_t)s->memory + LINE - 1) / LINE * LINE);
	hugepages_ask(s->node, s->max * sizeof(*s->node));
	hugepages_ask(s->memory, s->max * sizeof(*s->entry));
	state_clear(s);
	*ret = s;
	s = NULL; /* handed over */
	rc = 0;
out:
	state_free(s);
	return rc;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	free(s->place);
	freshpages_free(s->node, s->max, sizeof(*s->node));
	freshpages_free(s->memory, (size_t)s->max + 1, sizeof(*s->entry));
	free(s);
}

void state_clear(struct state *s)
{
	for (size_t i = 0; i <= s->mask; i++)
		s->place[i].entry = NONE;
	for (int i = 0; i < LIST_COUNT; i++)
		s->list[i] = (struct state_ends){ NONE, NONE };
	s->recent = NONE;
	atomic_store(&s->untouched, 0);
}

struct state_facts *state_find(struct state *s, const struct entitykey *key)
{
	uint32_t i = s->recent;

	if (i == NONE || !is_entity(s, i, key))
		i = s->place[place_of(s, key)].entry;
	if (i == NONE)
		return NULL;
	s->recent = i;
	if (s->node[i].list == LIST_CLEAN && s->list[LIST_CLEAN].newest != i) {
		list_take(s, i);
		list_put(s, i, LIST_CLEAN);
	}
	return &s->entry[i].facts;
}

/* The entry that a new entity takes from another one; NONE: it gets a fresh one, or there is none.
 */
static uint32_t next_victim(const struct state *s)
{
	return atomic_load_explicit(&s->untouched, memory_order_relaxed) < capacity_of(s)
		       ? NONE
		       : s->list[LIST_CLEAN].oldest;
}

void state_expect(struct state *s, const struct entitykey *key)
{
	uint32_t victim = next_victim(s);

	__builtin_prefetch(&s->place[key->hash & s->mask], 1);
	if (victim != NONE)
		__builtin_prefetch(&s->node[victim], 1);
}

void state_expect_more(struct state *s, const struct entitykey *key)
{
	const struct state_place *place = &s->place[key->hash & s->mask];
	bool is_there = place->entry != NONE && place->hash == (uint32_t)key->hash;
	uint32_t i = is_there ? place->entry : next_victim(s);

	if (i == NONE)
		return; /* a new one's memory is all of it new */
	if (is_there)
		__builtin_prefetch(&s->node[i], 1);
	else
		__builtin_prefetch(&s->place[s->node[i].hash & s->mask], 1);
	for (size_t at = 0; at < offsetof(struct state_entry, facts.link); at += LINE)
		__builtin_prefetch((const char *)&s->entry[i] + at, 1);
}

bool state_has_room(const struct state *s)
{
	return atomic_load_explicit(&s->untouched, memory_order_relaxed) < s->max ||
	       s->list[LIST_CLEAN].oldest != NONE;
}

/* An entry that is in no list and not hashed; NONE: all are pinned. */
static uint32_t entry_get(struct state *s)
{
	uint32_t untouched = atomic_load_explicit(&s->untouched, memory_order_relaxed);
	uint32_t i = s->list[LIST_CLEAN].oldest;

	if (untouched == capacity_of(s) && i == NONE && !grow(s))
		return NONE;
	if (untouched < capacity_of(s)) {
		atomic_store_explicit(&s->untouched, untouched + 1, memory_order_relaxed);
		return untouched;
	}
	list_take(s, i);
	entry_unhash(s, i);
	return i;
}

struct state_facts *state_add(struct state *s, const struct entitykey *key)
{
	uint32_t i = entry_get(s);
	size_t at;

	if (i == NONE)
		return NULL;
	at = place_of(s, key);
	assert(s->place[at].entry == NONE);
	s->place[at] = (struct state_place){ (uint32_t)key->hash, i };
	s->node[i].hash = (uint32_t)key->hash;
	s->node[i].table = key->table;
	s->node[i].id_len = (uint8_t)key->len;
	memcpy(s->entry[i].id, key->id, key->len);
	list_put(s, i, LIST_CLEAN);
	s->recent = i;
	return &s->entry[i].facts;
}

static uint32_t entry_of(const struct state *s, const struct state_facts *facts)
{
	const char *entry = (const char *)facts - offsetof(struct state_entry, facts);

	return (uint32_t)((const struct state_entry *)(const void *)entry - s->entry);
}

bool state_is_pinned(const struct state *s, const struct state_facts *facts)
{
	return s->node[entry_of(s, facts)].list == LIST_PINNED;
}

void state_pin(struct state *s, struct state_facts *facts, uint64_t seq)
{
	uint32_t i = entry_of(s, facts);

	list_take(s, i);
	list_put(s, i, LIST_PINNED);
	s->node[i].seq = seq;
}

/* It keeps its place in the table, under which no key finds it any more, until it is replaced. */
static void forget(struct state *s, uint32_t i)
{
	s->node[i].is_stale = false;
	s->node[i].id_len = 0;
	list_take(s, i);
	list_put_oldest(s, i);
}

void state_forget(struct state *s, const struct entitykey *key)
{
	uint32_t i = s->place[place_of(s, key)].entry;

	if (i == NONE)
		return;
	if (s->node[i].list == LIST_PINNED)
		s->node[i].is_stale = true;
	else
		forget(s, i);
}

void state_forget_all(struct state *s)
{
	for (uint32_t i = s->list[LIST_PINNED].oldest; i != NONE; i = s->node[i].newer)
		s->node[i].is_stale = true;
	for (uint32_t i = s->list[LIST_CLEAN].oldest; i != NONE; i = s->node[i].newer)
		s->node[i].id_len = 0;
}

void state_settle(struct state *s, uint64_t seq)
{
	uint32_t i;

	/* The list is in the order of sequence numbers: a new write moves to its front. */
	while ((i = s->list[LIST_PINNED].oldest) != NONE && s->node[i].seq <= seq) {
		list_take(s, i);
		list_put(s, i, LIST_CLEAN);
		if (__builtin_expect(s->node[i].is_stale, 0))
			forget(s, i);
	}
}

void state_prefault(struct state *s)
{
	uint32_t from = atomic_load_explicit(&s->untouched, memory_order_relaxed);
	uint32_t capacity = capacity_of(s);
	uint32_t to = capacity - from > PREFAULT ? from + PREFAULT : capacity;

	if (from > s->prefaulted)
		s->prefaulted = from;
	if (s->prefaulted >= to || (to < capacity && to - s->prefaulted < PREFAULT / 4))
		return;
	prefault(&s->entry[s->prefaulted], (to - s->prefaulted) * sizeof(*s->entry));
	prefault(&s->node[s->prefaulted], (to - s->prefaulted) * sizeof(*s->node));
	s->prefaulted = to;
}
