/* lookups_entities.c -- entities: listEntities and getEntity. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/lookups_internal.h"
#include "report/entityhistory.h"
#include "report/rowjson.h"

#define CHANNELS_BYTES_MAX 24576u /* of the addresses that are said of one kind */

static const struct entity *find_entity(const struct lookup *lookup, const char *name)
{
	const struct entity_plan *plan = &lookup->who.rules->contract->plan;

	for (size_t i = 0; i < plan->entity_count; i++)
		if (strcmp(plan->entity[i].name, name) == 0)
			return &plan->entity[i];
	return NULL;
}

/* False: nothing of it. */
static bool view(struct lookup *lookup, const struct entity *entity, struct lookups_view *ret)
{
	ret->grant = gate_view(&lookup->gate, lookup->who.principal, &lookup->asks, entity,
			       &ret->columns);
	return ret->grant != GATE_NONE;
}

static bool has_column(uint64_t columns, size_t number)
{
	return columns >> number & 1;
}

static bool is_about(const struct contract_channel *channel, const struct entity *entity)
{
	return channel->mapping && channel->mapping->entity->index == entity->index;
}

/* The entity that is asked about, where some of its rows may be seen; NULL: a failure, said. */
static const struct entity *asked_entity(struct lookup *lookup, struct lookups_view *ret)
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
	if (view(lookup, entity, ret))
		return entity;
	for (size_t i = 0; !operation && i < contract->channel_count; i++)
		if (is_about(&contract->channel[i], entity) && contract->channel[i].receive_count)
			operation = contract->channel[i].receive;
	(void)lookups_fail_scope(lookup, operation, known);
	return NULL;
}

/* ---- which there are ------------------------------------------------------------------------- */

static json_t *columns_json(const struct entity *entity, uint64_t columns)
{
	static const char *const types[] = { [VALUE_NULL] = "text",
					     [VALUE_TEXT] = "text",
					     [VALUE_INTEGER] = "integer",
					     [VALUE_REAL] = "real",
					     [VALUE_BOOLEAN] = "boolean" };
	json_t *list = json_array();

	for (size_t i = 0; list && i < entity->column_count; i++)
		if (has_column(columns, i))
			(void)json_array_append_new(list, json_pack("{ss ss}", "name",
								    entity->column[i].name, "type",
								    types[entity->column[i].type]));
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

/* Adds the channel's address to @list, whose text has @bytes so far, if there is room for it. */
static void add_channel(const struct contract_channel *channel, json_t *list, size_t *bytes,
			bool *is_cut)
{
	json_t *address = json_string(channel->address);
	size_t more = address ? json_dumpb(address, NULL, 0, JSON_ENCODE_ANY) + 1 : 0;

	if (*is_cut || *bytes + more > CHANNELS_BYTES_MAX) {
		*is_cut = true;
		json_decref(address);
		return;
	}
	*bytes += more;
	(void)json_array_append_new(list, address);
}

static json_t *entity_json(struct lookup *lookup, const struct entity *entity,
			   const struct lookups_view *seen)
{
	const struct contract *contract = lookup->who.rules->contract;
	json_t *channels = json_array(), *statuses = json_object(), *machines = json_object();
	size_t bytes = 0;
	bool is_cut = false;

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (!is_about(channel, entity) || (seen->columns != GATE_WHOLE &&
						   gate_reach(&lookup->gate, lookup->who.principal,
							      &lookup->asks, channel) == GATE_NONE))
			continue;
		add_channel(channel, channels, &bytes, &is_cut);
		add_machines(channel->mapping, entity, statuses, machines);
	}
	return json_pack("{ss ss so so so so so* so*}", "entity", entity->name, "table",
			 entity->table, "columns", columns_json(entity, seen->columns), "statuses",
			 statuses, "channels", channels, "machines", machines, "counts",
			 seen->columns == GATE_WHOLE ? counts_json(lookup, entity) : NULL, "cut",
			 is_cut ? json_true() : NULL);
}

/* "after" is the name of the kind that was listed last: one that who asks may see. */
static json_t *list_kinds(struct lookup *lookup)
{
	const struct entity_plan *plan = &lookup->who.rules->contract->plan;
	const char *after = lookup->members.after, *last = NULL;

	lookup->limit = lookup->members.limit ? lookup->members.limit : ENTITY_COUNT_MAX;
	for (size_t i = 0; i < plan->entity_count; i++) {
		const struct entity *entity = &plan->entity[i];
		struct lookups_view seen;

		if (!view(lookup, entity, &seen))
			continue;
		if (after) {
			if (strcmp(entity->name, after) == 0)
				after = NULL;
			continue;
		}
		if (!lookups_add_take(lookup, entity_json(lookup, entity, &seen))) {
			(void)snprintf(lookup->next, sizeof(lookup->next), "%s", last ? last : "");
			break;
		}
		last = entity->name;
	}
	if (after)
		(void)lookups_fail(lookup, NULL, "after: is none that was given");
	return lookup->is_failed || after ? NULL : lookups_page(lookup, "entities");
}

json_t *lookups_list_entities(struct lookup *lookup)
{
	struct lookups_view seen;
	const struct entity *entity;

	if (!lookup->members.entity)
		return list_kinds(lookup);
	entity = asked_entity(lookup, &seen);
	return entity ? lookups_list_rows(lookup, entity, &seen) : NULL;
}

bool lookups_may_see(struct lookup *lookup, const struct entity *entity,
		     const struct lookups_view *view, const char *id, uint64_t *columns)
{
	*columns = view->columns;
	return *columns == GATE_WHOLE || gate_views(&lookup->gate, lookup->who.principal,
						    &lookup->asks, entity, id, strlen(id), columns);
}

/* False: memory ran out. */
static bool take_column(json_t *ret, const json_t *row, const char *name)
{
	json_t *value = json_object_get(row, name);

	return !value || json_object_set(ret, name, value) == 0;
}

/* Columns of the table that the contract has no more are shown to who may read all that it has. */
json_t *lookups_row(const struct entity *entity, const struct query_row *row, uint64_t columns)
{
	json_t *all = rowjson(row, LOOKUPS_TEXT_MAX), *ret;
	bool is_taken;

	if (!all || columns == GATE_WHOLE)
		return all;
	ret = json_object();
	is_taken = ret != NULL;
	for (size_t i = 0; is_taken && i < ENTITY_OWN_COLUMNS; i++)
		is_taken = take_column(ret, all, entity_own_column[i].name);
	for (size_t i = 0; is_taken && i < entity->column_count; i++)
		if (has_column(columns, i))
			is_taken = take_column(ret, all, entity->column[i].name);
	json_decref(all);
	if (is_taken)
		return ret;
	json_decref(ret);
	return NULL;
}

/* ---- one, with its history ------------------------------------------------------------------- */

struct one_reading {
	const struct entity *entity;
	uint64_t columns;
	json_t *row;
	size_t bytes;
};

static bool on_one(const struct query_row *row, void *ctx)
{
	struct one_reading *one = ctx;

	one->row = lookups_row(one->entity, row, one->columns);
	one->bytes = lookups_fit(one->row, LOOKUPS_ONE_MAX);
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
	struct one_reading one = { .row = NULL };
	struct lookups_view seen;
	char name[160];

	entity = asked_entity(lookup, &seen);
	if (!entity || !lookups_is_place(lookup, lookup->members.after))
		return NULL;
	wanted.table = entity->table;
	one.entity = entity;
	if (strlen(id) <= ENTITY_ID_MAX &&
	    lookups_may_see(lookup, entity, &seen, id, &one.columns) &&
	    !lookups_read(lookup, &wanted, on_one, &one))
		goto failed;
	if (lookup->is_failed)
		goto failed;
	if (!one.row) {
		(void)lookups_fail(lookup, CONTROL_NOT_FOUND, "there is no %s %s that %s may read",
				   entity->name, diag_name(name, sizeof(name), id, strlen(id)),
				   lookup->who.principal->name);
		return NULL;
	}
	lookup->bytes = one.bytes;
	if (one.bytes > 0 && read_history(lookup, entity))
		return json_pack("{ss so sO so}", "entity", entity->name, "row", one.row, "history",
				 lookup->rows, "next",
				 lookup->next[0] ? json_string(lookup->next) : json_null());
failed:
	json_decref(one.row);
	return NULL;
}
