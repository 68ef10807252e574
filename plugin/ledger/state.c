#include "ledger/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/siphash.h"

#define NONE UINT32_MAX

enum list { LIST_FREE, LIST_CLEAN, LIST_PINNED, LIST_COUNT };

#define LINE 64u /* bytes of a cache line */

/* What a look reads comes first, so that it is found in few cache lines. */
struct entry {
	char id[LEDGER_ID_MAX];
	struct state_facts facts;
} __attribute__((aligned(LINE)));

/* An entry's place in its list: apart, because lists are walked without reading entries. */
struct node {
	uint64_t seq; /* of its newest write, while pinned */
	uint32_t newer, older;
	uint32_t hash;
	uint32_t table;
	uint8_t id_len;
	uint8_t list;
};

_Static_assert(sizeof(struct entry) <= 512 && sizeof(struct node) <= 32,
	       "STATE_ENTRY_BYTES is part of the documentation");

/* newest ... oldest; free entries are a stack that uses `older`. */
struct ends {
	uint32_t newest, oldest;
};

/* A place of the hash table: linear probing, deletion closes the gap. */
struct place {
	uint32_t hash;
	uint32_t entry; /* NONE: empty */
};

struct state {
	void *memory;
	struct entry *entry; /* in it */
	struct node *node;   /* one for each entry */
	struct place *place;
	size_t mask; /* places - 1, a power of two less one */
	uint32_t capacity;
	uint32_t untouched; /* entries from here on were never used */
	struct ends list[LIST_COUNT];
	uint64_t key[2];
	/* What was hashed last: a publish asks for its entity, then keeps it, under one id. */
	struct {
		uint32_t table;
		uint32_t hash;
		size_t len; /* 0: nothing yet */
		char id[LEDGER_ID_MAX];
	} last;
};

/* Clients choose ids, so the hash is keyed. */
static uint32_t hash_id(struct state *s, uint32_t table, const char *id, size_t len)
{
	struct siphash hash;
	uint64_t word;

	if (s->last.table == table && s->last.len == len && len > 0 &&
	    memcmp(s->last.id, id, len) == 0)
		return s->last.hash;
	siphash_begin(&hash, s->key);
	siphash_text(&hash, id, len, 1);
	siphash_word(&hash, table, 1);
	word = siphash_end(&hash, 3);
	s->last.table = table;
	s->last.hash = (uint32_t)(word ^ word >> 32);
	s->last.len = len;
	memcpy(s->last.id, id, len);
	return s->last.hash;
}

/* ---- lists ------------------------------------------------------------------------------- */

static void list_take(struct state *s, uint32_t i)
{
	struct node *n = &s->node[i];
	struct ends *ends = &s->list[n->list];

	if (n->newer != NONE)
		s->node[n->newer].older = n->older;
	else
		ends->newest = n->older;
	if (n->older != NONE)
		s->node[n->older].newer = n->newer;
	else
		ends->oldest = n->newer;
}

static void list_put(struct state *s, uint32_t i, enum list list)
{
	struct node *n = &s->node[i];
	struct ends *ends = &s->list[list];

	n->list = (uint8_t)list;
	n->newer = NONE;
	n->older = ends->newest;
	if (n->older != NONE)
		s->node[n->older].newer = i;
	else
		ends->oldest = i;
	ends->newest = i;
}

/* ---- the hash table ---------------------------------------------------------------------- */

/* The place of the entity, or the empty one where it would go. */
static size_t place_of(const struct state *s, uint32_t hash, uint32_t table, const char *id,
		       size_t len)
{
	size_t at = hash & s->mask;

	for (; s->place[at].entry != NONE; at = (at + 1) & s->mask) {
		uint32_t i = s->place[at].entry;

		if (s->place[at].hash == hash && s->node[i].table == table &&
		    s->node[i].id_len == len && memcmp(s->entry[i].id, id, len) == 0)
			break;
	}
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

/* ---- the room's face --------------------------------------------------------------------- */

int state_new(size_t entities, struct state **ret, struct diag *diag)
{
	struct state *s = calloc(1, sizeof(*s));
	size_t places = 2;
	int rc = ERR_NOMEM;

	assert(entities >= STATE_ENTITIES_MIN && entities <= STATE_ENTITIES_MAX);
	if (!s)
		return diag_nomem(diag);
	while (places < 2 * entities)
		places *= 2;
	s->mask = places - 1;
	s->capacity = (uint32_t)entities;
	s->place = malloc(places * sizeof(*s->place));
	s->node = calloc(entities, sizeof(*s->node));
	s->memory = calloc(entities + 1, sizeof(*s->entry));
	if (!s->place || !s->node || !s->memory) {
		(void)diag_nomem(diag);
		goto out;
	}
	s->entry = (struct entry *)(((uintptr_t)s->memory + LINE - 1) / LINE * LINE);
	rc = random_bytes(s->key, sizeof(s->key), diag);
	if (rc)
		goto out;
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
	free(s->node);
	free(s->memory);
	free(s);
}

void state_clear(struct state *s)
{
	for (size_t i = 0; i <= s->mask; i++)
		s->place[i].entry = NONE;
	for (int i = 0; i < LIST_COUNT; i++)
		s->list[i] = (struct ends){ NONE, NONE };
	s->untouched = 0;
}

struct state_facts *state_find(struct state *s, uint32_t table, const char *id, size_t len)
{
	uint32_t i = s->place[place_of(s, hash_id(s, table, id, len), table, id, len)].entry;

	if (i == NONE)
		return NULL;
	if (s->node[i].list == LIST_CLEAN && s->list[LIST_CLEAN].newest != i) {
		list_take(s, i);
		list_put(s, i, LIST_CLEAN);
	}
	return &s->entry[i].facts;
}

bool state_has_room(const struct state *s)
{
	return s->untouched < s->capacity || s->list[LIST_FREE].oldest != NONE ||
	       s->list[LIST_CLEAN].oldest != NONE;
}

/* An entry that is in no list and not hashed; NONE: all are pinned. */
static uint32_t entry_get(struct state *s)
{
	uint32_t i = s->list[LIST_FREE].oldest;

	if (i == NONE && s->untouched < s->capacity)
		return s->untouched++;
	if (i == NONE)
		i = s->list[LIST_CLEAN].oldest;
	if (i == NONE)
		return NONE;
	list_take(s, i);
	if (s->node[i].list == LIST_CLEAN)
		entry_unhash(s, i);
	return i;
}

struct state_facts *state_add(struct state *s, uint32_t table, const char *id, size_t len)
{
	uint32_t hash = hash_id(s, table, id, len);
	uint32_t i = entry_get(s);
	size_t at;

	if (i == NONE)
		return NULL;
	s->node[i].hash = hash;
	s->node[i].table = table;
	s->node[i].id_len = (uint8_t)len;
	memcpy(s->entry[i].id, id, len);
	at = place_of(s, hash, table, id, len);
	assert(s->place[at].entry == NONE);
	s->place[at] = (struct place){ hash, i };
	list_put(s, i, LIST_CLEAN);
	return &s->entry[i].facts;
}

static uint32_t entry_of(const struct state *s, const struct state_facts *facts)
{
	const char *entry = (const char *)facts - offsetof(struct entry, facts);

	return (uint32_t)((const struct entry *)(const void *)entry - s->entry);
}

void state_drop(struct state *s, struct state_facts *facts)
{
	uint32_t i = entry_of(s, facts);

	entry_unhash(s, i);
	list_take(s, i);
	list_put(s, i, LIST_FREE);
}

void state_pin(struct state *s, struct state_facts *facts, uint64_t seq)
{
	uint32_t i = entry_of(s, facts);

	list_take(s, i);
	list_put(s, i, LIST_PINNED);
	s->node[i].seq = seq;
}

void state_settle(struct state *s, uint64_t seq)
{
	uint32_t i;

	/* The list is in the order of sequence numbers: a new write moves to its front. */
	while ((i = s->list[LIST_PINNED].oldest) != NONE && s->node[i].seq <= seq) {
		list_take(s, i);
		list_put(s, i, LIST_CLEAN);
	}
}
