#include "ctl/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/rowjson.h"

/* clang-format off */
static const struct tables_columns all[] = {
	/* table, time, status, owner, user, client, topic, message, states, names */
	{ "alerts", "time", "state", NULL, "principal", "client_id", NULL, NULL, "raised cleared",
	  "seq time kind state client_id principal address document share" },
	{ "events", "received_at", NULL, NULL, "publisher", "client_id", "topic", "message", NULL,
	  "seq received_at topic publisher client_id qos retained payload will\n"
	  "correction adopted digest revision origin unique_key message\n"
	  "taken_over peer_publisher (in PostgreSQL origin_seq overruled, too)" },
	{ "refusals", "time", NULL, NULL, "principal", "client_id", "topic", "message_name", NULL,
	  "seq decision_id time action reason observed client_id principal address\n"
	  "topic qos retained pointer keyword message standing payload payload_bytes\n"
	  "share closed message_name" },
	{ NULL, "updated_at", "status", "owner", NULL, NULL, NULL, NULL, NULL, NULL },
};
/* clang-format on */

int tables_open(const struct files *files, struct query **ret, struct diag *diag)
{
	int rc = files_need(files, "database", files->database, diag);

	return rc ? rc : query_open(files->database, ret, diag);
}

const struct tables_columns *tables_columns(const char *table)
{
	const struct tables_columns *columns = all;

	while (columns->table && strcmp(columns->table, table) != 0)
		columns++;
	return columns;
}

bool tables_is_own(const char *table)
{
	return tables_columns(table)->table != NULL;
}

const struct entity *tables_entity(const struct contract *contract, const char *table)
{
	const struct entity_plan *plan = &contract->plan;

	for (size_t i = 0; i < plan->entity_count; i++)
		if (strcmp(plan->entity[i].table, table) == 0)
			return &plan->entity[i];
	return NULL;
}

/* The entity's @n-th status, over all channels that move it; NULL behind the last. */
static const char *nth_status(const struct contract *contract, const struct entity *entity,
			      size_t n)
{
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_mapping *mapping = contract->channel[i].mapping;

		if (!mapping || mapping->entity != entity || !mapping->transitions)
			continue;
		if (n < mapping->transitions->count)
			return mapping->transitions->status[n];
		n -= mapping->transitions->count;
	}
	return NULL;
}

const char *tables_statuses(const struct contract *contract, const struct entity *entity,
			    char ret[TABLES_STATUSES_MAX])
{
	const char *status;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t n = 0; (status = nth_status(contract, entity, n)); n++)
		if (!suggest_has(ret, status) && used + strlen(status) + 2 < TABLES_STATUSES_MAX)
			used += (size_t)sprintf(ret + used, "%s%s", used ? " " : "", status);
	return ret;
}

bool tables_has_status(const struct contract *contract, const struct entity *entity,
		       const char *status)
{
	const char *each;

	for (size_t n = 0; (each = nth_status(contract, entity, n)); n++)
		if (strcmp(each, status) == 0)
			return true;
	return false;
}

void tables_suggest(struct suggest *suggest, const struct contract *contract)
{
	for (size_t i = 0; all[i].table; i++)
		suggest_add(suggest, all[i].table);
	for (size_t i = 0; contract && i < contract->plan.entity_count; i++)
		suggest_add(suggest, contract->plan.entity[i].table);
}

/* ---- rows as JSON ------------------------------------------------------------------------ */

bool tables_collect(const struct query_row *row, void *ctx)
{
	return json_array_append_new(ctx, rowjson(row, 0)) == 0;
}

const char *tables_text(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "";
}
