#include "ledger/enroll.h"

#include <assert.h>

static bool is_read(const struct enroll *enroll, uint32_t table)
{
	return enroll->is_read[table / 8] & (1u << table % 8);
}

void enroll_begin(struct enroll *enroll, const struct store_entity *entity, size_t entity_count,
		  unsigned round)
{
	assert(entity_count <= LEDGER_ENTITIES_MAX);
	enroll->round = round;
	enroll->table_count = 0;
	for (size_t i = 0; i < entity_count; i++)
		if (!is_read(enroll, entity[i].table))
			enroll->table[enroll->table_count++] = entity[i].table;
	enroll->at = 0;
	enroll->mark.len = 0;
	if (enroll->table_count == 0)
		census_complete(enroll->census, round);
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
	enroll->is_read[enroll->table[enroll->at] / 8] |=
		(uint8_t)(1u << enroll->table[enroll->at] % 8);
	if (++enroll->at == enroll->table_count)
		census_complete(enroll->census, enroll->round);
}
