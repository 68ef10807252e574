#include "ledger/view.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/query.h"
#include "ledger/state.h"
#include "ledger/store.h"

struct view {
	struct query *query;
	const struct ledger_plan *plan;
	const struct ledger_entity *entity; /* that is looked at */
	struct state_facts facts;           /* of the last look */
	char *payload;                      /* of the last view_recall() */
	size_t payload_len;
	uint64_t revision;
	bool is_nomem;
};

int view_open(const char *path, const struct ledger_plan *plan, struct view **ret,
	      struct diag *diag)
{
	struct view *view = calloc(1, sizeof(*view));
	int rc;

	if (!view)
		return diag_nomem(diag);
	rc = query_open(path, &view->query, diag);
	if (rc) {
		view_close(view);
		return rc;
	}
	view->plan = plan;
	*ret = view;
	return 0;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	query_close(view->query);
	free(view->payload);
	free(view);
}

static void copy(const struct query_row *row, const char *name, char *ret, size_t cap)
{
	const struct query_cell *cell = query_cell(row, name);
	size_t len = cell && cell->type == LEDGER_TEXT ? cell->len : 0;

	len = len < cap ? len : cap - 1;
	if (len > 0)
		memcpy(ret, cell->text, len);
	ret[len] = '\0';
}

static bool on_row(const struct query_row *row, void *ctx)
{
	struct view *view = ctx;
	const struct ledger_entity *entity = view->entity;
	const struct query_cell *revision = query_cell(row, "revision");
	struct state_facts *facts = &view->facts;

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

int view_look(struct view *view, unsigned entity, const char *id, size_t id_len,
	      struct ledger_state *ret, struct diag *diag)
{
	char text[LEDGER_ID_MAX + 1];
	struct query_filter filter = { .column = "id", .test = QUERY_IS, .text = text };
	struct query_wanted wanted = { .filter_count = 1, .filter = &filter, .limit = 1 };
	int rc = 0;

	if (entity >= view->plan->entity_count)
		return diag_set(diag, ERR_INVALID, "the plan has no entity %u", entity);
	if (id_len == 0 || id_len > LEDGER_ID_MAX || memchr(id, '\0', id_len))
		return diag_set(diag, ERR_LIMIT, "an id has 1 to %u bytes, none of them 0",
				LEDGER_ID_MAX);
	memcpy(text, id, id_len);
	text[id_len] = '\0';
	view->entity = &view->plan->entity[entity];
	memset(&view->facts, 0, sizeof(view->facts));
	wanted.table = view->entity->table;
	if (query_has(view->query, wanted.table))
		rc = query_rows(view->query, &wanted, on_row, view, diag);
	if (rc)
		return rc;
	*ret = (struct ledger_state){ .is_known = view->facts.is_known,
				      .owner = view->facts.owner,
				      .link = view->facts.link,
				      .revision = view->facts.revision };
	for (size_t i = 0; i < LEDGER_SLOTS_MAX; i++)
		ret->status[i] = view->facts.status[i];
	return 0;
}

static bool on_event(const struct query_row *row, void *ctx)
{
	const struct query_cell *revision = query_cell(row, "revision");
	const struct query_cell *payload = query_cell(row, "payload");
	struct view *view = ctx;

	if (!revision || revision->type != LEDGER_INTEGER || !payload ||
	    payload->type != LEDGER_TEXT)
		return true; /* of no entity: the one before */
	view->payload = malloc(payload->len + 1);
	view->payload_len = payload->len;
	view->is_nomem = !view->payload;
	if (view->payload && payload->len > 0)
		memcpy(view->payload, payload->text, payload->len);
	view->revision = (uint64_t)revision->integer;
	return false;
}

int view_recall(struct view *view, const struct ledger_said *said, struct ledger_recalled *ret,
		struct diag *diag)
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

	free(view->payload);
	view->payload = NULL;
	view->is_nomem = false;
	if (rc == 0)
		rc = query_rows(view->query, &wanted, on_event, view, diag);
	if (rc == 0 && view->is_nomem)
		rc = diag_nomem(diag);
	if (rc == 0 && view->payload && (!said->is_shared || view->revision == said->revision)) {
		ret->payload = view->payload;
		ret->payload_len = view->payload_len;
	}
	free(topic);
	return rc;
}
