/*
 * rules_pack.c -- makes loaded rules small: for who only decides by them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/valuepool.h"
#include "gate/rules_internal.h"

struct rules_packing {
	struct rules *rules;
	struct valuepool pool; /* in @scratch: what is compiled for messages, and sets of grants */
	struct arena scratch;
	const void **message, **party; /* of each its value in @pool */
	struct contract_numbers numbers;
};

/* Two messages of which the same is compiled are the same to a decision; so are operations to
 * which the same grants admit. */
static bool find_facts(struct rules_packing *p)
{
	const struct contract *contract = p->rules->contract;
	const struct grantset *const *admits = p->rules->admits;

	p->message = calloc(contract->message_count + 1, sizeof(*p->message));
	p->party = calloc(contract->party_count + 1u, sizeof(*p->party));
	p->numbers.message = calloc(contract->message_count + 1, sizeof(unsigned));
	p->numbers.party = calloc(contract->party_count + 1u, sizeof(unsigned));
	if (!p->message || !p->party || !p->numbers.message || !p->numbers.party)
		return false;
	for (size_t i = 0; i < contract->message_count; i++)
		p->message[i] = valuepool_put(&p->pool, &p->rules->message[i],
					      sizeof(*p->rules->message), sizeof(void *));
	for (size_t i = 0; admits && i < contract->party_count; i++)
		p->party[i] =
			valuepool_put(&p->pool, admits[i], sizeof(**admits), sizeof(uint64_t));
	return !p->pool.is_failed;
}

static bool move_messages(const struct rules_packing *p)
{
	struct rules_parts *parts = p->rules->parts;
	size_t count = p->rules->contract->message_count;
	struct rules_message *made = calloc(count + 1, sizeof(*made));

	for (size_t i = 0; made && i < count; i++)
		made[i] = parts->message[p->numbers.message[i]];
	if (!made)
		return false;
	free(parts->message);
	p->rules->message = parts->message = made;
	return true;
}

/* The grants, by the new numbers, and the warnings: what is in the arena. */
static bool move_arena(const struct rules_packing *p)
{
	struct rules_parts *parts = p->rules->parts;
	size_t count = p->rules->contract->party_count;
	struct arena arena = { 0 };
	struct valuepool pool = { .arena = &arena };
	const struct grantset **admits = NULL;

	if (p->rules->admits)
		admits = arena_take(&arena, count, sizeof(*admits));
	for (size_t i = 0; admits && i < count; i++)
		admits[i] = valuepool_put(&pool, p->rules->admits[p->numbers.party[i]],
					  sizeof(**admits), sizeof(uint64_t));
	for (size_t i = 0; i < parts->warning_count; i++)
		parts->warning[i] = valuepool_text(&pool, parts->warning[i]);
	if (pool.is_failed || (p->rules->admits && !admits)) {
		parts->warning_count = 0; /* the rules are not used any more */
		valuepool_clear(&pool);
		arena_clear(&arena);
		return false;
	}
	valuepool_clear(&pool);
	arena_clear(&parts->arena);
	parts->arena = arena;
	p->rules->admits = admits;
	return true;
}

/* Room for schemas that there are not. */
static bool trim_schemas(struct rules_parts *parts)
{
	struct schema **fit = realloc(parts->schema, (parts->schema_count + 1) * sizeof(*fit));

	if (fit)
		parts->schema = fit;
	return fit != NULL;
}

int rules_pack(struct rules *rules, struct diag *diag)
{
	struct rules_packing p = { .rules = rules };
	int rc = ERR_NOMEM;

	p.pool.arena = &p.scratch;
	if (find_facts(&p)) {
		const struct contract_facts facts = { p.message, p.party };

		rc = contract_pack(rules->contract, &facts, &p.numbers, diag);
	}
	if (rc == 0 && !(move_messages(&p) && move_arena(&p) && trim_schemas(rules->parts)))
		rc = ERR_NOMEM;
	if (rc)
		(void)diag_nomem(diag);
	valuepool_clear(&p.pool);
	arena_clear(&p.scratch);
	free(p.message);
	free(p.party);
	free(p.numbers.message);
	free(p.numbers.party);
	return rc;
}
