/* import_ids.c -- which entities a file had: a table of hashes under a secret, open addressing. */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/siphash.h"
#include "ctl/import.h"

#define CAP_MIN 1024u

static uint64_t hash_of(const struct import_ids *ids, const struct import_row *row)
{
	struct siphash hash;
	uint64_t ret;

	siphash_begin(&hash, ids->secret);
	siphash_word(&hash, row->entity->index * (ENTITY_SLOTS_MAX + 1) + row->slot, 2);
	siphash_text(&hash, row->write.id, row->write.id_len, 2);
	ret = siphash_end(&hash, 4);
	return ret ? ret : 1;
}

static struct import_id *place_of(const struct import_ids *ids, uint64_t hash)
{
	size_t i = hash & (ids->cap - 1);

	while (ids->id[i].hash != 0 && ids->id[i].hash != hash)
		i = (i + 1) & (ids->cap - 1);
	return &ids->id[i];
}

/* At most half full. */
static int grow(struct import_ids *ids, struct diag *diag)
{
	struct import_ids more = { .cap = ids->cap ? 2 * ids->cap : CAP_MIN };
	int rc = ids->cap ? 0 : random_bytes(ids->secret, sizeof(ids->secret), diag);

	if (rc)
		return rc;
	more.id = calloc(more.cap, sizeof(*more.id));
	if (!more.id)
		return diag_nomem(diag);
	for (size_t i = 0; i < ids->cap; i++)
		if (ids->id[i].hash)
			*place_of(&more, ids->id[i].hash) = ids->id[i];
	free(ids->id);
	ids->id = more.id;
	ids->cap = more.cap;
	return 0;
}

int import_ids_add(struct import_ids *ids, const struct import_row *row, unsigned long line,
		   unsigned long *before, struct diag *diag)
{
	int rc = 2 * (ids->count + 1) > ids->cap ? grow(ids, diag) : 0;
	struct import_id *place;
	uint64_t hash;

	*before = 0;
	if (rc)
		return rc;
	hash = hash_of(ids, row);
	place = place_of(ids, hash);
	if (place->hash) {
		*before = place->line;
		return 0;
	}
	if (ids->count == IMPORT_ROWS_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u entities: make several files of it",
				IMPORT_ROWS_MAX);
	*place = (struct import_id){ hash, line };
	ids->count++;
	return 0;
}

void import_ids_clear(struct import_ids *ids)
{
	free(ids->id);
	memset(ids, 0, sizeof(*ids));
}
