/* lookups_entities.c -- entities: listEntities and getEntity. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/lookups_internal.h"
#include "report/entityhistory.h"
#include "report/rowjson.h"

static const struct entity *find_entity(const struct lookup *lookup, const char *name)
{
	const struct entity_plan *plan = &lookup->who.rules->contract->plan;

	for (size_t i = 0; i < plan->entity_count; i++)
		if (strcmp(plan->entity[i].name, name) == 0)
			return &plan->entity[i];
	return NULL;
}

static enum gate_grant view(struct lookup *lookup, const struct entity *entity)
{
	return gate_view(&lookup->gate, lookup->who.principal, &lookup->asks, entity);
}

static bool is_about(const struct contract_channel *channel, const struct entity *entity)
{
	return channel->mapping && channel->mapping->entity->index == entity->index;
}

/* The entity that is asked about, where some of its rows may be seen; NULL: a failure, said. */
static const struct entity *asked_entity(struct lookup *lookup, enum gate_grant *grant)
{
	const char *name = lookup->members.entity;
	const struct contract *contract = lookup->who.rules->contract;
	const struct entity *entity = find_entity(lookup, name);
	const struct contract_operation *operation = NULL;
	char known[80];

	(void)diag_name(known, sizeof(known), name, strlen(name));
	if (!entity) {
		(void)lookups_fail(lookup, CONTROL_NOT_FOUND, "the contract has no entity %s",
				   known);
		return NULL;
	}
	*grant = view(lookup, entity);
	if (*grant != GATE_NONE)
		return entity;
	for (size_t i = 0; !operation && i < contract->channel_count; i++)
		if (is_about(&contract->channel[i], entity) && contract->channel[i].receive_count)
			operation = contract->channel[i].receive;
	(void)lookups_fail_scope(lookup, operation, known);
	return NULL;
}

/* ---- which there are ------------------------------------------------------------------------- */

static json_t *columns_json(const struct entity *entity)
{
	static const char *const types[] = { [VALUE_NULL] = "text",
					     [VALUE_TEXT] = "text",
					     [VALUE_INTEGER] = "integer",
					     [VALUE_REAL] = "real",
					     [VALUE_BOOLEAN] = "boolean" };
	json_t *list = json_array();

	for (size_t i = 0; list && i < entity->column_count; i++)
		(void)json_array_append_new(list,
					    json_pack("{ss ss}", "name", entity->column[i].name,
						      "type", types[entity->column[i].type]));
	return list;
}

/* Of each column with a status: what it may be, and by which state machine. */
static void add_machines(const struct contract_mapping *mapping, const struct entity *entity,
			 json_t *statuses, json_t *machines)
{
	const struct contract_transitions *transitions = mapping->transitions;
	json_t *list;
	const char *column;

	if (!transitions)
		return;
	column = entity->column[entity->slot[mapping->slot]].name;
	list = json_array();
	for (size_t i = 0; list && i < transitions->count; i++)
		(void)json_array_append_new(list, json_string(transitions->status[i]));
	(void)json_object_set_new(statuses, column, list);
	(void)json_object_set_new(machines, column, json_string(transitions->name));
}

static bool on_count(const struct query_row *row, void *ctx)
{
	bool is_cut;
	json_t *status;

	if (row->count < 2 || row->cell[0].type != VALUE_TEXT)
		return true;
	status = rowjson_cell(&row->cell[0], ENTITY_STATUS_MAX, &is_cut);
	if (status)
		(void)json_object_set_new(ctx, json_string_value(status),
					  json_integer(row->cell[1].integer));
	json_decref(status);
	return true;
}

/* How many have which status, where an index has it and time is left; NULL: it is left out. */
static json_t *counts_json(struct lookup *lookup, const struct entity *entity)
{
	struct query_wanted wanted = { .table = entity->table, .limit = ENTITY_STATUSES_MAX };
	const char *column = entity->slot_count > 0 ? entity->column[entity->slot[0]].name : NULL;
	json_t *counts;
	struct diag diag;
	int rc;

	if (!column || !entity->column[entity->slot[0]].is_indexed)
		return NULL;
	counts = json_object();
	diag_init(&diag);
	rc = counts ? query_groups(lookup->query, &wanted, column, column, on_count, counts, &diag)
		    : ERR_NOMEM;
	if (rc == 0)
		return counts;
	if (rc != ERR_LIMIT)
		(void)lookups_fail_read(lookup, rc, &diag);
	json_decref(counts);
	return NULL;
}

static json_t *entity_json(struct lookup *lookup, const struct entity *entity,
			   enum gate_grant grant)
{
	const struct contract *contract = lookup->who.rules->contract;
	json_t *channels = json_array(), *statuses = json_object(), *machines = json_object();

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (!is_about(channel, entity))
			continue;
		(void)json_array_append_new(channels, json_string(channel->address));
		add_machines(channel->mapping, entity, statuses, machines);
	}
	return json_pack("{ss ss so so so so so*}", "entity", entity->name, "table", entity->table,
			 "columns", columns_json(entity), "statuses", statuses, "channels",
			 channels, "machines", machines, "counts",
			 grant == GATE_FULL ? counts_json(lookup, entity) : NULL);
}

static json_t *list_kinds(struct lookup *lookup)
{
	const struct entity_plan *plan = &lookup->who.rules->contract->plan;

	lookup->limit = ENTITY_COUNT_MAX;
	for (size_t i = 0; i < plan->entity_count; i++) {
		enum gate_grant grant = view(lookup, &plan->entity[i]);

		if (grant != GATE_NONE &&
		    !lookups_add_take(lookup, entity_json(lookup, &plan->entity[i], grant)))
			break;
	}
	return lookup->is_failed ? NULL : json_pack("{sO}", "entities", lookup->rows);
}

json_t *lookups_list_entities(struct lookup *lookup)
{
	enum gate_grant grant = GATE_NONE;
	const struct entity *entity;

	if (!lookup->members.entity)
		return list_kinds(lookup);
	entity = asked_entity(lookup, &grant);
	return entity ? lookups_list_rows(lookup, entity, grant) : NULL;
}

bool lookups_may_see(struct lookup *lookup, const struct entity *entity, enum gate_grant grant,
		     const char *id)
{
	return grant == GATE_FULL || gate_views(&lookup->gate, lookup->who.principal, &lookup->asks,
						entity, id, strlen(id));
}

/* ---- one, with its history ------------------------------------------------------------------- */

static bool on_one(const struct query_row *row, void *ctx)
{
	json_t **ret = ctx;

	*ret = rowjson(row, LOOKUPS_TEXT_MAX);
	return false;
}

static json_t *make_event(void *ctx, const struct query_row *row)
{
	return lookups_event(ctx, row);
}

/* Adds what of @events has room; the rest comes with the next page. */
static bool add_events(struct lookup *lookup, const json_t *events)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event) {
		if (lookups_add_take(lookup, json_incref(event)))
			continue;
		event = json_array_get(lookup->rows, json_array_size(lookup->rows) - 1);
		(void)snprintf(lookup->next, sizeof(lookup->next), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(json_object_get(event, "seq")));
		break;
	}
	return !lookup->is_failed;
}

static bool read_history(struct lookup *lookup, const struct entity *entity)
{
	const struct entityhistory wanted = { .contract = lookup->who.rules->contract,
					      .table = entity->table,
					      .id = lookup->members.id,
					      .after = lookup->members.after,
					      .limit = lookup->limit + 1,
					      .text_max = LOOKUPS_PAYLOAD_MAX + 1,
					      .make = make_event,
					      .ctx = lookup };
	json_t *events = json_array();
	struct diag diag;
	bool is_read;
	int rc;

	diag_init(&diag);
	rc = events ? entityhistory_read(lookup->query, &wanted, events, &diag) : ERR_NOMEM;
	is_read = rc == 0 ? !lookup->is_failed : lookups_fail_read(lookup, rc, &diag);
	is_read = is_read && add_events(lookup, events);
	json_decref(events);
	return is_read;
}

/* That there is one that it may not see is not said either. */
json_t *lookups_get_entity(struct lookup *lookup)
{
	const char *id = lookup->members.id;
	const struct query_filter filter = { "id", QUERY_IS, id };
	struct query_wanted wanted = {
		.filter_count = 1, .filter = &filter, .limit = 1, .text_max = LOOKUPS_TEXT_MAX + 1
	};
	const struct entity *entity;
	enum gate_grant grant = GATE_NONE;
	json_t *row = NULL;
	char name[160];

	entity = asked_entity(lookup, &grant);
	if (!entity || !lookups_is_place(lookup, lookup->members.after))
		return NULL;
	wanted.table = entity->table;
	if (strlen(id) <= ENTITY_ID_MAX && lookups_may_see(lookup, entity, grant, id) &&
	    !lookups_read(lookup, &wanted, on_one, &row))
		goto failed;
	if (lookup->is_failed)
		goto failed;
	if (!row) {
		(void)lookups_fail(lookup, CONTROL_NOT_FOUND, "there is no %s %s that %s may read",
				   entity->name, diag_name(name, sizeof(name), id, strlen(id)),
				   lookup->who.principal->name);
		return NULL;
	}
	if (read_history(lookup, entity))
		return json_pack("{ss so sO so}", "entity", entity->name, "row", row, "history",
				 lookup->rows, "next",
				 lookup->next[0] ? json_string(lookup->next) : json_null());
failed:
	json_decref(row);
	return NULL;
}
