#include "ledger/enroll.h"

#include <assert.h>

void enroll_begin(struct enroll *enroll, const struct store_entity *entity, size_t entity_count)
{
	assert(entity_count <= LEDGER_ENTITIES_MAX);
	census_clear(enroll->census);
	enroll->table_count = entity_count;
	for (size_t i = 0; i < entity_count; i++)
		enroll->table[i] = entity[i].table;
	enroll->at = 0;
	enroll->mark.len = 0;
	if (entity_count == 0)
		census_complete(enroll->census);
}

static void visit(const char *id, size_t len, void *ctx)
{
	struct enroll *enroll = ctx;
	const struct entitykey key =
		entitykey_make(enroll->secret, enroll->table[enroll->at], id, len);

	census_add(enroll->census, &key);
}

void enroll_round(struct enroll *enroll)
{
	int rc;

	if (enroll->at == enroll->table_count)
		return;
	rc = store_ids(enroll->store, enroll->table[enroll->at], &enroll->mark, ENROLL_ROUND_IDS,
		       visit, enroll, NULL);
	if (rc != 0)
		return; /* there is more, or no answer */
	enroll->mark.len = 0;
	if (++enroll->at == enroll->table_count)
		census_complete(enroll->census);
}
