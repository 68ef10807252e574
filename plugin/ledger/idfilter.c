#include "ledger/idfilter.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WORDS 8u          /* of a block, which is a cache line; an id has a bit in each */
#define IDS_PER_BLOCK 32u /* when its layer is full: 16 bits an id */
#define FIRST_BLOCKS 2048u
#define LAYERS_MAX 24u

struct block {
	uint64_t word[WORDS];
};

struct layer {
	void *memory;
	struct block *block; /* in it, at a cache line's begin */
	uint64_t blocks;     /* a power of two */
	uint64_t count;
};

struct idfilter {
	unsigned layers;
	bool is_blind; /* an id is missing: there was no memory for it */
	struct layer layer[LAYERS_MAX];
	_Atomic bool is_complete; /* from then on only the broker's thread is here */
	bool has_new;             /* what idfilter_is_new() said so of last, and was not added */
	uint64_t new_hash;
	unsigned round;       /* counts idfilter_extend() */
	pthread_mutex_t lock; /* until then: for all of the above */
};

int idfilter_new(struct idfilter **ret, struct diag *diag)
{
	struct idfilter *f = calloc(1, sizeof(*f));

	if (!f)
		return diag_nomem(diag);
	(void)pthread_mutex_init(&f->lock, NULL); /* cannot fail with these attributes */
	*ret = f;
	return 0;
}

void idfilter_free(struct idfilter *f)
{
	if (!f)
		return;
	while (f->layers > 0)
		free(f->layer[--f->layers].memory);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

/* The id's bits within its block: one in each word. */
static struct block bits_of(uint64_t hash)
{
	static const uint64_t salt[WORDS] = {
		UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xbf58476d1ce4e5b9),
		UINT64_C(0x94d049bb133111eb), UINT64_C(0xd6e8feb86659fd93),
		UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db),
		UINT64_C(0x8ebc6af09c88c6e3), UINT64_C(0x589965cc75374cc3),
	};
	struct block ret;

	for (unsigned i = 0; i < WORDS; i++)
		ret.word[i] = UINT64_C(1) << (hash * salt[i] >> 58);
	return ret;
}

static bool layer_has(const struct layer *layer, uint64_t hash, const struct block *bits)
{
	const struct block *block = &layer->block[hash & (layer->blocks - 1)];
	uint64_t missing = 0;

	for (unsigned i = 0; i < WORDS; i++)
		missing |= bits->word[i] & ~block->word[i];
	return missing == 0;
}

static bool has(const struct idfilter *f, uint64_t hash, const struct block *bits)
{
	for (unsigned i = f->layers; i > 0; i--) /* the newest is the largest */
		if (layer_has(&f->layer[i - 1], hash, bits))
			return true;
	return false;
}

/* A layer twice the last one's size. False: none to be had. */
static bool grow(struct idfilter *f)
{
	struct layer *layer = &f->layer[f->layers];

	if (f->layers == LAYERS_MAX)
		return false;
	layer->blocks = (uint64_t)FIRST_BLOCKS << f->layers;
	layer->count = 0;
	/* Fresh pages come zeroed, and only those that are touched. */
	layer->memory = calloc(layer->blocks + 1, sizeof(struct block));
	if (!layer->memory)
		return false;
	layer->block = (struct block *)(((uintptr_t)layer->memory + sizeof(struct block) - 1) &
					~(uintptr_t)(sizeof(struct block) - 1));
	f->layers++;
	return true;
}

static void add(struct idfilter *f, uint64_t hash, bool is_new)
{
	struct block bits = bits_of(hash);
	struct block *block;
	struct layer *layer;

	if (f->is_blind || (!is_new && has(f, hash, &bits)))
		return;
	if ((f->layers == 0 ||
	     f->layer[f->layers - 1].count == f->layer[f->layers - 1].blocks * IDS_PER_BLOCK) &&
	    !grow(f)) {
		f->is_blind = true;
		return;
	}
	layer = &f->layer[f->layers - 1];
	block = &layer->block[hash & (layer->blocks - 1)];
	for (unsigned i = 0; i < WORDS; i++)
		block->word[i] |= bits.word[i];
	layer->count++;
}

void idfilter_add(struct idfilter *f, const struct entitykey *key)
{
	bool is_shared = !atomic_load_explicit(&f->is_complete, memory_order_acquire);

	if (!is_shared) {
		add(f, key->hash, f->has_new && f->new_hash == key->hash);
		f->has_new = false;
		return;
	}
	(void)pthread_mutex_lock(&f->lock); /* cannot fail: not recursive */
	add(f, key->hash, false);
	(void)pthread_mutex_unlock(&f->lock);
}

void idfilter_complete(struct idfilter *f, unsigned round)
{
	(void)pthread_mutex_lock(&f->lock);
	if (round == f->round)
		atomic_store_explicit(&f->is_complete, true, memory_order_release);
	(void)pthread_mutex_unlock(&f->lock);
}

unsigned idfilter_extend(struct idfilter *f)
{
	unsigned round;

	(void)pthread_mutex_lock(&f->lock);
	round = ++f->round;
	atomic_store_explicit(&f->is_complete, false, memory_order_release);
	(void)pthread_mutex_unlock(&f->lock);
	return round;
}

bool idfilter_is_new(struct idfilter *f, const struct entitykey *key)
{
	struct block bits;

	if (!atomic_load_explicit(&f->is_complete, memory_order_acquire) || f->is_blind)
		return false;
	bits = bits_of(key->hash);
	f->has_new = !has(f, key->hash, &bits);
	f->new_hash = key->hash;
	return f->has_new;
}

/* A new id is looked for in each layer, of which the larger ones are in no cache. */
void idfilter_expect(const struct idfilter *f, const struct entitykey *key)
{
	if (!atomic_load_explicit(&f->is_complete, memory_order_acquire))
		return;
	for (const struct layer *layer = f->layer; layer < f->layer + f->layers; layer++)
		__builtin_prefetch(&layer->block[key->hash & (layer->blocks - 1)], 1);
}

size_t idfilter_bytes(const struct idfilter *f)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < f->layers; i++)
		bytes += (f->layer[i].blocks + 1) * sizeof(struct block);
	return bytes;
}

/* ---- filled from the database -------------------------------------------------------------- */

void idfilter_fill_begin(struct idfilter_fill *fill, const struct store_names *names,
			 const struct entity_plan *plan, unsigned round)
{
	struct store_numbers number;

	assert(plan->entity_count <= ENTITY_COUNT_MAX);
	fill->round = round;
	fill->table_count = 0;
	for (size_t i = 0; i < plan->entity_count; i++) {
		diag_ignore(
			store_names_find(names, &plan->entity[i], &number, NULL)); /* it is there */
		if (!(fill->is_read[number.table / 8] & 1u << number.table % 8))
			fill->table[fill->table_count++] = number.table;
	}
	fill->at = 0;
	fill->mark.len = 0;
	if (fill->table_count == 0)
		idfilter_complete(fill->idfilter, round);
}

static void add_id(const char *id, size_t len, void *ctx)
{
	struct idfilter_fill *fill = ctx;
	const struct entitykey key = entitykey_make(fill->secret, fill->table[fill->at], id, len);

	idfilter_add(fill->idfilter, &key);
}

void idfilter_fill_round(struct idfilter_fill *fill)
{
	uint32_t table;

	if (fill->at == fill->table_count)
		return;
	table = fill->table[fill->at];
	if (store_ids(fill->store, table, &fill->mark, IDFILTER_FILL_IDS, add_id, fill, NULL) != 0)
		return; /* there is more, or no answer */
	fill->mark.len = 0;
	fill->is_read[table / 8] |= (uint8_t)(1u << table % 8);
	if (++fill->at == fill->table_count)
		idfilter_complete(fill->idfilter, fill->round);
}
