/* ledger_look.c -- what is known of an entity: from memory, else from the database. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"

int ledger_key(struct ledger *l, unsigned entity, const char *id, size_t id_len,
	       const struct entitykey **ret, struct diag *diag)
{
	struct entitykey *key = &l->key;

	if (entity >= l->entity_count)
		return diag_set(diag, ERR_INVALID, "the plan has no entity %u", entity);
	*ret = key;
	if (id_len == key->len && key->table == l->entity[entity].layout.memory && id_len > 0 &&
	    memcmp(id, key->id, id_len) == 0)
		return 0;
	if (l->entity[entity].layout.memory == 0)
		return ledger_fail_lacking(l, entity, diag);
	if (id_len == 0 || id_len > ENTITY_ID_MAX || memchr(id, '\0', id_len))
		return diag_set(diag, ERR_LIMIT, "an id has 1 to %u bytes, none of them 0",
				ENTITY_ID_MAX);
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

	if (l->entity_reader || !ledger_catch_up(l) ||
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

int ledger_look(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		struct ledger_state *ret, struct diag *diag)
{
	const struct entitykey *key;
	struct state_facts *facts;
	bool is_kept;
	int rc;

	if (l->entity_reader)
		return entity_reader_look(l->entity_reader, entity, id, id_len, ret, diag);
	if (!ledger_catch_up(l))
		return ledger_fail_closed(l, diag);
	rc = ledger_key(l, entity, id, id_len, &key, diag);
	if (rc == 0)
		rc = ledger_find(l, entity, key, &facts, &is_kept, diag);
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
