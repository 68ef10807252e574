#include "ledger/idfilter_fill.h"

#include <assert.h>

static bool is_read(const struct idfilter_fill *idfilter_fill, uint32_t table)
{
	return idfilter_fill->is_read[table / 8] & (1u << table % 8);
}

void idfilter_fill_begin(struct idfilter_fill *idfilter_fill, const struct store_names *names,
			 const struct entity_plan *plan, unsigned round)
{
	struct store_numbers number;

	assert(plan->entity_count <= ENTITY_COUNT_MAX);
	idfilter_fill->round = round;
	idfilter_fill->table_count = 0;
	for (size_t i = 0; i < plan->entity_count; i++) {
		(void)store_names_find(names, &plan->entity[i], &number, NULL); /* it is there */
		if (!is_read(idfilter_fill, number.table))
			idfilter_fill->table[idfilter_fill->table_count++] = number.table;
	}
	idfilter_fill->at = 0;
	idfilter_fill->mark.len = 0;
	if (idfilter_fill->table_count == 0)
		idfilter_complete(idfilter_fill->idfilter, round);
}

static void visit(const char *id, size_t len, void *ctx)
{
	struct idfilter_fill *idfilter_fill = ctx;
	const struct entitykey key = entitykey_make(
		idfilter_fill->secret, idfilter_fill->table[idfilter_fill->at], id, len);

	idfilter_add(idfilter_fill->idfilter, &key);
}

void idfilter_fill_round(struct idfilter_fill *idfilter_fill)
{
	int rc;

	if (idfilter_fill->at == idfilter_fill->table_count)
		return;
	rc = store_ids(idfilter_fill->store, idfilter_fill->table[idfilter_fill->at],
		       &idfilter_fill->mark, IDFILTER_FILL_ROUND_IDS, visit, idfilter_fill, NULL);
	if (rc != 0)
		return; /* there is more, or no answer */
	idfilter_fill->mark.len = 0;
	idfilter_fill->is_read[idfilter_fill->table[idfilter_fill->at] / 8] |=
		(uint8_t)(1u << idfilter_fill->table[idfilter_fill->at] % 8);
	if (++idfilter_fill->at == idfilter_fill->table_count)
		idfilter_complete(idfilter_fill->idfilter, idfilter_fill->round);
}
