/* ledger_look.c -- what is known of an entity: from memory, else from the database. */
#include <string.h>

#include "ledger/ledger_internal.h"

__attribute__((cold)) static int fail_no_entity(unsigned entity, struct diag *diag)
{
	return diag_set(diag, ERR_INVALID, "the plan has no entity %u", entity);
}

static int check_id(const char *id, size_t len, struct diag *diag)
{
	if (len == 0 || len > ENTITY_ID_MAX || memchr(id, '\0', len))
		return diag_set(diag, ERR_LIMIT, "an id has 1 to %u bytes, none of them 0",
				ENTITY_ID_MAX);
	return 0;
}

int ledger_key(struct ledger *l, unsigned entity, const char *id, size_t id_len,
	       const struct entitykey **ret, struct diag *diag)
{
	struct entitykey *key = &l->key;

	if (entity >= l->entity_count)
		return fail_no_entity(entity, diag);
	*ret = key;
	if (id_len == key->len && key->table == l->entity[entity].layout.memory && id_len > 0 &&
	    memcmp(id, key->id, id_len) == 0)
		return 0;
	if (l->entity[entity].layout.memory == 0)
		return ledger_fail_lacking(l, entity, diag);
	if (check_id(id, id_len, diag))
		return ERR_LIMIT;
	memcpy(l->key_id, id, id_len);
	*key = entitykey_make(l->secret, l->entity[entity].number.table, l->key_id, id_len);
	key->table = l->entity[entity].layout.memory;
	return 0;
}

uint64_t ledger_seed(const struct ledger *l)
{
	return l->seed;
}

int ledger_find(struct ledger *l, unsigned entity, const struct entitykey *key,
		struct state_facts **ret, bool *is_kept, struct diag *diag)
{
	struct state_facts *facts;
	int rc;

	state_settle(l->state, writer_applied(l->writer));
	*is_kept = true;
	*ret = state_find(l->state, key);
	if (*ret) {
		l->hits++;
		return 0;
	}
	facts = state_add(l->state, key);
	*is_kept = facts != NULL;
	*ret = facts ? facts : &l->scratch;
	if (idfilter_is_new(l->idfilter, key)) {
		memset(*ret, 0, sizeof(**ret));
		l->hits++;
		return 0;
	}
	l->misses++;
	rc = store_reader_find(l->reader, entity, key->id, key->len, *ret, diag);
	if (rc && facts)
		state_drop(l->state, facts);
	return rc;
}

void ledger_expect(struct ledger *l, unsigned entity, const char *id, size_t id_len)
{
	const struct entitykey *key;

	if (l->is_reader || !ledger_catch_up(l) ||
	    ledger_key(l, entity, id, id_len, &key, NULL) != 0)
		return;
	state_expect(l->state, key);
	idfilter_expect(l->idfilter, key);
}

void ledger_expect_more(struct ledger *l)
{
	if (l->key.len > 0)
		state_expect_more(l->state, &l->key);
}

/* In a database that may lack the table, and whose ids nobody checked. */
static int look_alone(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		      struct state_facts *ret, struct diag *diag)
{
	int rc = entity < l->entity_count ? check_id(id, id_len, diag)
					  : fail_no_entity(entity, diag);

	return rc ? rc : store_reader_find(l->reader, entity, id, id_len, ret, diag);
}

int ledger_find_facts(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		      struct state_facts **ret, struct diag *diag)
{
	const struct entitykey *key;
	bool is_kept;
	int rc;

	*ret = &l->scratch;
	if (l->is_reader)
		return look_alone(l, entity, id, id_len, *ret, diag);
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	rc = ledger_key(l, entity, id, id_len, &key, diag);
	return rc ? rc : ledger_find(l, entity, key, ret, &is_kept, diag);
}

int ledger_look(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		struct ledger_state *ret, struct diag *diag)
{
	struct state_facts *facts;
	int rc = ledger_find_facts(l, entity, id, id_len, &facts, diag);

	if (rc)
		return rc;
	ret->is_known = facts->is_known;
	ret->owner = facts->owner;
	ret->link = facts->link;
	for (size_t i = 0; i < ENTITY_SLOTS_MAX; i++)
		ret->status[i] = facts->status[i];
	ret->revision = facts->revision;
	return 0;
}

int ledger_find_unchanged(struct ledger *l, const struct ledger_unchanged_query *asked,
			  ledger_unchanged_visit *visit, void *ctx, struct diag *diag)
{
	const struct ledger_entity *entity;

	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	entity = asked->entity < l->entity_count ? &l->entity[asked->entity] : NULL;
	if (!entity || asked->slot >= entity->entity->slot_count)
		return diag_set(diag, ERR_INVALID, "the plan has no such status");
	if (l->entity[asked->entity].layout.memory == 0 ||
	    (!l->has_all && !entity->is_timed[asked->slot]))
		return ledger_fail_lacking(l, asked->entity, diag);
	if (!entity->is_timed[asked->slot])
		return diag_set(diag, ERR_INVALID, "the plan has no such timed status");
	return store_reader_unchanged(l->reader, asked, visit, ctx, diag);
}
