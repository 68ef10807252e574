#include "ledger/idfilter.h"

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
	unsigned round;           /* counts idfilter_extend() */
	pthread_mutex_t lock;     /* until then: for all of the above */
};

int idfilter_new(struct idfilter **ret, struct diag *diag)
{
	struct idfilter *c = calloc(1, sizeof(*c));

	if (!c)
		return diag_nomem(diag);
	(void)pthread_mutex_init(&c->lock, NULL); /* cannot fail with these attributes */
	*ret = c;
	return 0;
}

void idfilter_free(struct idfilter *c)
{
	if (!c)
		return;
	while (c->layers > 0)
		free(c->layer[--c->layers].memory);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
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

static bool has(const struct idfilter *c, uint64_t hash, const struct block *bits)
{
	for (unsigned i = c->layers; i > 0; i--) /* the newest is the largest */
		if (layer_has(&c->layer[i - 1], hash, bits))
			return true;
	return false;
}

/* A layer twice the last one's size. False: none to be had. */
static bool grow(struct idfilter *c)
{
	struct layer *layer = &c->layer[c->layers];

	if (c->layers == LAYERS_MAX)
		return false;
	layer->blocks = (uint64_t)FIRST_BLOCKS << c->layers;
	layer->count = 0;
	/* Fresh pages come zeroed, and only those that are touched. */
	layer->memory = calloc(layer->blocks + 1, sizeof(struct block));
	if (!layer->memory)
		return false;
	layer->block = (struct block *)(((uintptr_t)layer->memory + sizeof(struct block) - 1) &
					~(uintptr_t)(sizeof(struct block) - 1));
	c->layers++;
	return true;
}

static void add(struct idfilter *c, uint64_t hash)
{
	struct block bits = bits_of(hash);
	struct block *block;
	struct layer *layer;

	if (c->is_blind || has(c, hash, &bits))
		return;
	if ((c->layers == 0 ||
	     c->layer[c->layers - 1].count == c->layer[c->layers - 1].blocks * IDS_PER_BLOCK) &&
	    !grow(c)) {
		c->is_blind = true;
		return;
	}
	layer = &c->layer[c->layers - 1];
	block = &layer->block[hash & (layer->blocks - 1)];
	for (unsigned i = 0; i < WORDS; i++)
		block->word[i] |= bits.word[i];
	layer->count++;
}

void idfilter_add(struct idfilter *c, const struct entitykey *key)
{
	bool is_shared = !atomic_load_explicit(&c->is_complete, memory_order_acquire);

	if (is_shared)
		(void)pthread_mutex_lock(&c->lock); /* cannot fail: not recursive */
	add(c, key->hash);
	if (is_shared)
		(void)pthread_mutex_unlock(&c->lock);
}

void idfilter_complete(struct idfilter *c, unsigned round)
{
	(void)pthread_mutex_lock(&c->lock);
	if (round == c->round)
		atomic_store_explicit(&c->is_complete, true, memory_order_release);
	(void)pthread_mutex_unlock(&c->lock);
}

unsigned idfilter_extend(struct idfilter *c)
{
	unsigned round;

	(void)pthread_mutex_lock(&c->lock);
	round = ++c->round;
	atomic_store_explicit(&c->is_complete, false, memory_order_release);
	(void)pthread_mutex_unlock(&c->lock);
	return round;
}

bool idfilter_is_new(const struct idfilter *c, const struct entitykey *key)
{
	struct block bits;

	if (!atomic_load_explicit(&c->is_complete, memory_order_acquire) || c->is_blind)
		return false;
	bits = bits_of(key->hash);
	return !has(c, key->hash, &bits);
}

/* The newest layer has half of all ids, and the most lines that are in no cache. */
void idfilter_expect(const struct idfilter *c, const struct entitykey *key)
{
	const struct layer *layer;

	if (!atomic_load_explicit(&c->is_complete, memory_order_acquire) || c->layers == 0)
		return;
	layer = &c->layer[c->layers - 1];
	__builtin_prefetch(&layer->block[key->hash & (layer->blocks - 1)], 1);
}

size_t idfilter_bytes(const struct idfilter *c)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < c->layers; i++)
		bytes += (c->layer[i].blocks + 1) * sizeof(struct block);
	return bytes;
}
