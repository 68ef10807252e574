/* lookups_owners.c -- who owns what: the gate asks it, by the database. */
#include <string.h>

#include "base/wordhash.h"
#include "broker/lookups_internal.h"

#define PLACES 4u /* of an entity among those that were asked about */

static bool is_of(const struct lookups_owner *at, const struct entity *entity, const char *id,
		  size_t len)
{
	return at->entity == entity->index && strncmp(at->id, id, len) == 0 && at->id[len] == '\0';
}

/* What is known of the entity; else, by @is_new, a place for it, of another; NULL: none. */
static struct lookups_owner *find(struct lookup *lookup, const struct entity *entity,
				  const char *id, size_t len, bool is_new)
{
	uint64_t hash = wordhash(entity->index, id, len);
	struct lookups_owner *free_one = NULL;

	for (unsigned i = 0; i < PLACES; i++) {
		struct lookups_owner *at = &lookup->owner[(hash + i) % LOOKUPS_OWNERS];

		if (at->id[0] && is_of(at, entity, id, len))
			return at;
		if (!free_one && !at->id[0])
			free_one = at;
	}
	if (!is_new)
		return NULL;
	if (!free_one)
		free_one = &lookup->owner[(hash + lookup->turn++ % PLACES) % LOOKUPS_OWNERS];
	*free_one = (struct lookups_owner){ .entity = entity->index };
	memcpy(free_one->id, id, len);
	return free_one;
}

static void take_text(const struct query_row *row, const char *name, char *ret, size_t cap)
{
	const struct query_cell *cell = name ? query_cell(row, name) : NULL;

	if (cell && cell->type == VALUE_TEXT && cell->len < cap) {
		memcpy(ret, cell->text, cell->len);
		ret[cell->len] = '\0';
	}
}

static const char *link_of(const struct entity *entity)
{
	return entity->owner_entity && entity->link_column >= 0
		       ? entity->column[entity->link_column].name
		       : NULL;
}

void lookups_learn(struct lookup *lookup, const struct entity *entity, const struct query_row *row)
{
	const struct query_cell *id = query_cell(row, "id");
	struct lookups_owner *at;

	if (!id || id->type != VALUE_TEXT || id->len == 0 || id->len > ENTITY_ID_MAX ||
	    memchr(id->text, '\0', id->len))
		return;
	at = find(lookup, entity, id->text, id->len, true);
	at->is_known = true;
	take_text(row, "owner", at->owner, sizeof(at->owner));
	take_text(row, link_of(entity), at->link, sizeof(at->link));
}

/* ---- those of a batch ---------------------------------------------------------------------- */

/* Ids that are asked about together. */
struct wanted_ids {
	struct lookup *lookup;
	const struct entity *entity;
	size_t count;
	const char *id[QUERY_LIST_MAX];
	char text[QUERY_LIST_MAX][ENTITY_ID_MAX + 1];
};

static void want(struct wanted_ids *ids, const char *id, size_t len)
{
	struct lookups_owner *at;

	if (len == 0 || len > ENTITY_ID_MAX || memchr(id, '\0', len) ||
	    ids->count == QUERY_LIST_MAX || find(ids->lookup, ids->entity, id, len, false))
		return;
	at = find(ids->lookup, ids->entity, id, len, true); /* that there is none is known, too */
	memcpy(ids->text[ids->count], at->id, sizeof(at->id));
	ids->id[ids->count] = ids->text[ids->count];
	ids->count++;
}

/* That the topic is about, or that this one's owner comes from. */
static void want_of_topic(struct wanted_ids *ids, const char *topic)
{
	struct lookup *lookup = ids->lookup;
	struct contract_match match =
		topics_match(lookup->who.rules->contract->topics, topic, strlen(topic));
	const struct contract_mapping *mapping = match.channel ? match.channel->mapping : NULL;
	const struct contract_span *id = mapping ? &match.param[mapping->param] : NULL;
	const struct lookups_owner *at;

	if (!id || !id->text || id->len > ENTITY_ID_MAX)
		return;
	if (mapping->entity->index == ids->entity->index) {
		want(ids, id->text, id->len);
	} else if (mapping->entity->owner_entity &&
		   mapping->entity->owner_entity->index == ids->entity->index) {
		at = find(lookup, mapping->entity, id->text, id->len, false);
		if (at)
			want(ids, at->link, strlen(at->link));
	}
}

static bool on_owner(const struct query_row *row, void *ctx)
{
	const struct wanted_ids *ids = ctx;

	lookups_learn(ids->lookup, ids->entity, row);
	return true;
}

static bool read_ids(struct wanted_ids *ids)
{
	const char *const column[] = { "id", "owner", link_of(ids->entity) };
	const struct query_list list = { .column = "id", .count = ids->count, .text = ids->id };
	const struct query_wanted wanted = { .table = ids->entity->table,
					     .list = &list,
					     .column_count = column[2] ? 3 : 2,
					     .column = column,
					     .limit = QUERY_LIST_MAX };

	return lookups_read(ids->lookup, &wanted, on_owner, ids);
}

/* Nothing of what was asked for is taken for known. */
static void forget(struct wanted_ids *ids)
{
	for (size_t i = 0; i < ids->count; i++) {
		struct lookups_owner *at =
			find(ids->lookup, ids->entity, ids->id[i], strlen(ids->id[i]), false);

		if (at)
			at->id[0] = '\0';
	}
}

/* False: it failed, which is said: what would be left out for that is no answer. */
static bool ask(struct lookup *lookup, const struct entity *entity, const char *id, size_t len)
{
	struct wanted_ids ids = { .lookup = lookup, .entity = entity };

	want(&ids, id, len);
	for (size_t i = 0; i < lookup->batch_count; i++)
		want_of_topic(&ids, lookup->batch[i].topic);
	if (read_ids(&ids))
		return true;
	forget(&ids);
	return false;
}

bool lookups_look(void *ctx, const struct entity *entity, const char *id, size_t len,
		  struct ledger_state *ret)
{
	struct lookup *lookup = ctx;
	const struct lookups_owner *at;

	*ret = (struct ledger_state){ .owner = "", .link = "" };
	for (size_t i = 0; i < ENTITY_SLOTS_MAX; i++)
		ret->status[i] = "";
	if (len == 0 || len > ENTITY_ID_MAX || memchr(id, '\0', len))
		return true; /* there is no such entity */
	at = find(lookup, entity, id, len, false);
	if (!at) {
		if (!ask(lookup, entity, id, len))
			return false;
		at = find(lookup, entity, id, len, false);
	}
	if (!at) { /* the others of the batch took its place */
		lookup->batch_count = 0;
		if (!ask(lookup, entity, id, len))
			return false;
		at = find(lookup, entity, id, len, false);
	}
	if (!at)
		return false;
	ret->is_known = at->is_known;
	ret->owner = at->owner;
	ret->link = at->link;
	return true;
}
