#include "ledger/entity_reader.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/query.h"
#include "ledger/state.h"
#include "ledger/store.h"

struct entity_reader {
	struct query *query;
	const struct entity_plan *plan;
	const struct entity *entity; /* that is looked at */
	struct state_facts facts;    /* of the last look */
	char *payload;               /* of the last entity_reader_recall() */
	size_t payload_len;
	uint64_t revision;
	bool is_nomem;
};

int entity_reader_open(const char *path, const struct entity_plan *plan, struct entity_reader **ret,
		       struct diag *diag)
{
	struct entity_reader *entity_reader = calloc(1, sizeof(*entity_reader));
	int rc;

	if (!entity_reader)
		return diag_nomem(diag);
	rc = query_open(path, &entity_reader->query, diag);
	if (rc) {
		entity_reader_close(entity_reader);
		return rc;
	}
	entity_reader->plan = plan;
	*ret = entity_reader;
	return 0;
}

void entity_reader_close(struct entity_reader *entity_reader)
{
	if (!entity_reader)
		return;
	query_close(entity_reader->query);
	free(entity_reader->payload);
	free(entity_reader);
}

static void copy(const struct query_row *row, const char *name, char *ret, size_t cap)
{
	const struct query_cell *cell = query_cell(row, name);
	size_t len = cell && cell->type == VALUE_TEXT ? cell->len : 0;

	len = len < cap ? len : cap - 1;
	if (len > 0)
		memcpy(ret, cell->text, len);
	ret[len] = '\0';
}

static bool on_row(const struct query_row *row, void *ctx)
{
	struct entity_reader *entity_reader = ctx;
	const struct entity *entity = entity_reader->entity;
	const struct query_cell *revision = query_cell(row, "revision");
	struct state_facts *facts = &entity_reader->facts;

	facts->is_known = true;
	facts->revision = revision ? (uint64_t)revision->integer : 0;
	copy(row, "owner", facts->owner, sizeof(facts->owner));
	if (entity->link_column >= 0)
		copy(row, entity->column[entity->link_column].name, facts->link,
		     sizeof(facts->link));
	for (size_t i = 0; i < entity->slot_count; i++)
		copy(row, entity->column[entity->slot[i]].name, facts->status[i],
		     sizeof(facts->status[i]));
	return false;
}

int entity_reader_look(struct entity_reader *entity_reader, unsigned entity, const char *id,
		       size_t id_len, struct ledger_state *ret, struct diag *diag)
{
	char text[ENTITY_ID_MAX + 1];
	struct query_filter filter = { .column = "id", .test = QUERY_IS, .text = text };
	struct query_wanted wanted = { .filter_count = 1, .filter = &filter, .limit = 1 };
	int rc = 0;

	if (entity >= entity_reader->plan->entity_count)
		return diag_set(diag, ERR_INVALID, "the plan has no entity %u", entity);
	if (id_len == 0 || id_len > ENTITY_ID_MAX || memchr(id, '\0', id_len))
		return diag_set(diag, ERR_LIMIT, "an id has 1 to %u bytes, none of them 0",
				ENTITY_ID_MAX);
	memcpy(text, id, id_len);
	text[id_len] = '\0';
	entity_reader->entity = &entity_reader->plan->entity[entity];
	memset(&entity_reader->facts, 0, sizeof(entity_reader->facts));
	wanted.table = entity_reader->entity->table;
	if (query_has(entity_reader->query, wanted.table))
		rc = query_rows(entity_reader->query, &wanted, on_row, entity_reader, diag);
	if (rc)
		return rc;
	*ret = (struct ledger_state){ .is_known = entity_reader->facts.is_known,
				      .owner = entity_reader->facts.owner,
				      .link = entity_reader->facts.link,
				      .revision = entity_reader->facts.revision };
	for (size_t i = 0; i < ENTITY_SLOTS_MAX; i++)
		ret->status[i] = entity_reader->facts.status[i];
	return 0;
}

static bool on_event(const struct query_row *row, void *ctx)
{
	const struct query_cell *revision = query_cell(row, "revision");
	const struct query_cell *payload = query_cell(row, "payload");
	struct entity_reader *entity_reader = ctx;

	if (!revision || revision->type != VALUE_INTEGER || !payload || payload->type != VALUE_TEXT)
		return true; /* of no entity: the one before */
	entity_reader->payload = malloc(payload->len + 1);
	entity_reader->payload_len = payload->len;
	entity_reader->is_nomem = !entity_reader->payload;
	if (entity_reader->payload && payload->len > 0)
		memcpy(entity_reader->payload, payload->text, payload->len);
	entity_reader->revision = (uint64_t)revision->integer;
	return false;
}

int entity_reader_recall(struct entity_reader *entity_reader, const struct ledger_said *said,
			 struct ledger_recalled *ret, struct diag *diag)
{
	char *topic = strndup(said->topic, said->topic_len);
	struct query_filter filter = { .column = "topic", .test = QUERY_IS, .text = topic };
	struct query_wanted wanted = { .table = "events",
				       .filter_count = 1,
				       .filter = &filter,
				       .order = "seq",
				       .is_descending = true,
				       .limit = STORE_SAID_ROWS };
	int rc = topic ? 0 : diag_nomem(diag);

	free(entity_reader->payload);
	entity_reader->payload = NULL;
	entity_reader->is_nomem = false;
	if (rc == 0)
		rc = query_rows(entity_reader->query, &wanted, on_event, entity_reader, diag);
	if (rc == 0 && entity_reader->is_nomem)
		rc = diag_nomem(diag);
	if (rc == 0 && entity_reader->payload &&
	    (!said->is_shared || entity_reader->revision == said->revision)) {
		ret->payload = entity_reader->payload;
		ret->payload_len = entity_reader->payload_len;
	}
	free(topic);
	return rc;
}
