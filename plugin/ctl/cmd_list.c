/*
 * petstorectl orders, payments, ...: the entities that the contract keeps, from the database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/contract.h"
#include "ctl/args.h"
#include "ctl/cells.h"
#include "ctl/ctl.h"
#include "ctl/files.h"
#include "ctl/output.h"

#define COLUMNS_MAX 80

struct wanted {
	struct files files;
	const char *status;
	const char *owner;
	const char *where; /* COLUMN=VALUE */
	const char *since;
	long limit;
	bool json;
};

/* clang-format off */
static const struct args_row rows[] = {
	{ "status", ARGS_TEXT, "STATUS", "those of this status", offsetof(struct wanted, status), 0, 0 },
	{ "owner", ARGS_TEXT, "USER", "those that belong to a user", offsetof(struct wanted, owner), 0, 0 },
	{ "where", ARGS_TEXT, "COLUMN=VALUE", "those with this value", offsetof(struct wanted, where), 0, 0 },
	{ "since", ARGS_TEXT, "TIME", "those that changed since (RFC 3339, UTC)",
	  offsetof(struct wanted, since), 0, 0 },
	{ "limit", ARGS_NUMBER, "N", "at most so many, latest change first (100; 0: all)",
	  offsetof(struct wanted, limit), 0, 1000000000 },
	{ "json", ARGS_SWITCH, NULL, "JSON", offsetof(struct wanted, json), 0, 0 },
	FILES_ROW_CONFIG(struct wanted, files),
	FILES_ROW_CONTRACT(struct wanted, files),
	FILES_ROW_DATABASE(struct wanted, files),
	{ .name = NULL },
};
/* clang-format on */

/* ---- listing ---------------------------------------------------------------------------- */

static bool is_empty(json_t *list, const char *key)
{
	json_t *row, *cell;
	size_t i;

	json_array_foreach(list, i, row) {
		cell = json_object_get(row, key);
		if (cell && !json_is_null(cell))
			return false;
	}
	return true;
}

/* Columns that no row fills are left out: contracts have many. */
static void print_rows(json_t *list)
{
	struct output_column column[COLUMNS_MAX + 1] = { { NULL, NULL } };
	size_t count = 0;
	const char *key;
	json_t *value;

	json_object_foreach(json_array_get(list, 0), key, value) {
		if (count < COLUMNS_MAX && !is_empty(list, key))
			column[count++] = (struct output_column){ key, key };
	}
	output_print(list, column);
}

static size_t add_filter(struct query_filter *filter, size_t count, const char *column,
			 enum query_test test, const char *text)
{
	if (text)
		filter[count++] = (struct query_filter){ column, test, text };
	return count;
}

/* The store's own tables, whose rows do not change. */
static const struct own_table {
	const char *name;
	const char *time;
} own_tables[] = { { "alerts", "time" }, { "events", "received_at" } };

/* The column with the time of a row's latest change. */
static const char *time_column(const char *table)
{
	for (size_t i = 0; i < sizeof(own_tables) / sizeof(own_tables[0]); i++)
		if (strcmp(own_tables[i].name, table) == 0)
			return own_tables[i].time;
	return "updated_at";
}

static int list(struct query *query, const char *table, struct wanted *wanted, json_t *ret,
		struct diag *diag)
{
	struct query_filter filter[QUERY_FILTERS_MAX];
	struct query_wanted ask = { .table = table,
				    .filter = filter,
				    .order = time_column(table),
				    .is_descending = true,
				    .limit = (uint64_t)wanted->limit };
	char *where = wanted->where ? strdup(wanted->where) : NULL;
	char *equals = where ? strchr(where, '=') : NULL;
	int rc;

	if (wanted->where && !equals) {
		free(where);
		return diag_set(diag, ERR_INVALID, "--where: expected COLUMN=VALUE");
	}
	if (equals)
		*equals = '\0';
	ask.filter_count = add_filter(filter, 0, "status", QUERY_IS, wanted->status);
	ask.filter_count = add_filter(filter, ask.filter_count, "owner", QUERY_IS, wanted->owner);
	ask.filter_count =
		add_filter(filter, ask.filter_count, ask.order, QUERY_FROM, wanted->since);
	if (equals)
		ask.filter_count =
			add_filter(filter, ask.filter_count, where, QUERY_IS, equals + 1);
	rc = query_rows(query, &ask, cells_collect, ret, diag);
	free(where);
	return rc;
}

/* ---- one of them, with its history ------------------------------------------------------ */

struct history {
	const struct contract *contract;
	const struct contract_channel *channel;
	const char *id;
	json_t *events; /* sorted by seq */
};

/* Events of one channel come in order; those of several are merged. */
static bool on_event(const struct query_row *row, void *ctx)
{
	struct history *history = ctx;
	const struct query_cell *topic = query_cell(row, "topic");
	const struct contract_mapping *mapping = history->channel->mapping;
	struct contract_match match;
	size_t at = json_array_size(history->events);
	json_t *event;
	json_int_t seq;

	match = contract_match(history->contract, topic->text, topic->len);
	if (match.channel != history->channel ||
	    match.param[mapping->param].len != strlen(history->id) ||
	    memcmp(match.param[mapping->param].text, history->id, strlen(history->id)) != 0)
		return true;
	event = cells_json(row);
	seq = json_integer_value(json_object_get(event, "seq"));
	while (at > 0 && json_integer_value(json_object_get(json_array_get(history->events, at - 1),
							    "seq")) > seq)
		at--;
	return json_array_insert_new(history->events, at, event) == 0;
}

/* The topic of @channel with @id in its place, up to a parameter that is something else. */
static void topic_head(const struct contract_channel *channel, const char *id, char *ret,
		       size_t cap, bool *is_whole)
{
	const char *name = channel->param[channel->mapping->param].name;
	const char *at = channel->address;
	size_t used = 0;

	*is_whole = true;
	while (*at && used + 1 < cap) {
		if (*at != '{') {
			ret[used++] = *at++;
			continue;
		}
		if (strncmp(at + 1, name, strlen(name)) != 0 || at[1 + strlen(name)] != '}') {
			*is_whole = false;
			break;
		}
		used += (size_t)snprintf(ret + used, cap - used, "%s", id);
		used = used < cap ? used : cap - 1;
		at += strlen(name) + 2;
	}
	ret[used] = '\0';
}

static int add_history(struct query *query, const struct contract *contract, const char *table,
		       const char *id, json_t *ret, struct diag *diag)
{
	struct history history = { .contract = contract, .id = id, .events = ret };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < contract_channel_count(contract); i++) {
		char topic[1024];
		struct query_filter filter = { .column = "topic", .text = topic };
		struct query_wanted ask = {
			.table = "events", .filter_count = 1, .filter = &filter, .order = "seq"
		};
		bool is_whole;

		history.channel = contract_channel(contract, i);
		if (!history.channel->mapping ||
		    strcmp(history.channel->mapping->entity->table, table) != 0)
			continue;
		topic_head(history.channel, id, topic, sizeof(topic), &is_whole);
		filter.test = is_whole ? QUERY_IS : QUERY_BEGINS;
		rc = query_rows(query, &ask, on_event, &history, diag);
	}
	return rc;
}

static void print_one(json_t *entity, json_t *events)
{
	static const struct output_column columns[] = {
		{ "received_at", "received" }, { "topic", "topic" },
		{ "publisher", "publisher" },  { "client_id", "client" },
		{ "payload", "payload" },      { NULL, NULL },
	};

	output_print_object(entity);
	if (json_array_size(events) > 0)
		(void)puts("");
	output_print(events, columns);
}

static int show(struct query *query, const char *table, const char *id, const struct wanted *wanted,
		struct diag *diag)
{
	struct query_filter filter = { "id", QUERY_IS, id };
	struct query_wanted ask = { .table = table, .filter_count = 1, .filter = &filter };
	struct contract *contract = NULL;
	json_t *found = json_array(), *events = json_array();
	int status = CTL_FAILED;
	json_t *entity;
	int rc;

	rc = query_rows(query, &ask, cells_collect, found, diag);
	if (rc == 0 && wanted->files.contract)
		rc = contract_load(wanted->files.contract, &contract, diag);
	if (rc == 0 && contract)
		rc = add_history(query, contract, table, id, events, diag);
	if (rc)
		goto out;
	entity = json_array_get(found, 0);
	status = entity ? CTL_OK : CTL_NO;
	if (!entity)
		(void)fprintf(stderr, "petstorectl %s: there is no \"%s\"\n", table, id);
	else if (wanted->json && contract)
		(void)json_object_set(entity, "history", events);
	if (entity && wanted->json)
		(void)output_print_json(entity);
	else if (entity)
		print_one(entity, events);
	if (entity && !contract)
		(void)fprintf(stderr, "petstorectl %s: --contract also shows the history\n", table);
out:
	contract_free(contract);
	json_decref(found);
	json_decref(events);
	return status;
}

/* ---- the subcommand --------------------------------------------------------------------- */

static int answer(const char *table, const char *id, struct wanted *wanted, struct diag *diag)
{
	struct query *query = NULL;
	json_t *found = json_array();
	int status = CTL_FAILED;

	if (!wanted->files.database)
		(void)diag_set(diag, ERR_INVALID,
			       "--database FILE is missing, or --config FILE, a mosquitto.conf");
	else if (query_open(wanted->files.database, &query, diag))
		; /* @diag says it */
	else if (id)
		status = show(query, table, id, wanted, diag);
	else if (list(query, table, wanted, found, diag) == 0)
		status = CTL_OK;
	if (status == CTL_OK && !id && wanted->json)
		(void)output_print_json(found);
	else if (status == CTL_OK && !id)
		print_rows(found);
	json_decref(found);
	query_close(query);
	return status;
}

static int run(int argc, char **argv)
{
	bool is_named = strcmp(argv[0], "list") == 0;
	const struct ctl_command *command = is_named ? &ctl_list : &ctl_entity;
	struct wanted wanted = { .limit = 100 };
	struct diag diag;
	int status = CTL_FAILED;
	int first = args_read(command, argc, argv, &wanted);
	const char *table;

	if (first < 0)
		return CTL_FAILED;
	table = is_named ? argv[first++] : argv[0];
	diag_init(&diag);
	if (files_find(&wanted.files, &diag) == 0)
		status = answer(table, first < argc ? argv[first] : NULL, &wanted, &diag);
	if (status == CTL_FAILED)
		(void)ctl_fail(argv[0], "%s", diag.text);
	files_clear(&wanted.files);
	return status;
}

#define HELP                                                                                       \
	"With ID, all that is known of one, and what was accepted about it, oldest first.\n"       \
	"The broker may be running. Times compare as text: 2026-01-15, 2026-01-15T10:30:00Z.\n"

const struct ctl_command ctl_list = {
	.name = "list",
	.arguments = "TABLE [ID] [--status STATUS] [--owner USER] [OPTION...]",
	.summary = "the entities of a table, from the database",
	.help = HELP,
	.options = rows,
	.operands_min = 1,
	.operands_max = 2,
	.run = run,
};

const struct ctl_command ctl_entity = {
	.name = "orders",
	.arguments = "[ID] [--status STATUS] [--owner USER] [OPTION...]",
	.summary = "likewise for the table orders; so with payments, alerts and every other table",
	.help = HELP,
	.options = rows,
	.operands_min = 0,
	.operands_max = 1,
	.run = run,
};
