/*
 * petstorectl list TABLE and petstorectl TABLE: rows of the database, of the entities that the
 * contract keeps or of the store's own tables; or one entity with its history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/tables.h"
#include "report/entityhistory.h"
#include "report/rowjson.h"

struct list_args {
	const char *status, *owner, *user, *client, *topic, *message;
	const char *where; /* COLUMN=VALUE */
	char since[ARGS_TIME_MAX], until[ARGS_TIME_MAX];
	long limit;
};

static const struct list_args defaults = { .limit = 100 };

/* clang-format off */
#define AT(member) .offset = offsetof(struct list_args, member)
static const struct args_row rows[] = {
	{ "status", ARGS_TEXT, "STATUS", "those of this status, alerts of this state", AT(status) },
	{ "owner", ARGS_TEXT, "USER", "those that belong to a user", AT(owner) },
	{ "user", ARGS_TEXT, "USER", "events and alerts of this user", AT(user) },
	{ "client", ARGS_TEXT, "ID", "events and alerts of this client", AT(client) },
	{ "topic", ARGS_TEXT, "PREFIX", "events on topics that begin so", AT(topic) },
	{ "message", ARGS_TEXT, "NAME", "events that are this message of the contract",
	  AT(message) },
	{ "where", ARGS_TEXT, "COLUMN=VALUE", "those with this value", AT(where) },
	{ "since", ARGS_TIME, "TIME", "not changed before", AT(since) },
	{ "until", ARGS_TIME, "TIME", "not changed after", AT(until) },
	{ "limit", ARGS_NUMBER, "N", "at most so many, latest change first (100; 0: all)",
	  AT(limit), 0, 1000000000 },
	{ .name = NULL },
};
/* clang-format on */

/* What the subcommand works with. */
struct listing {
	struct ctl_call *call;
	const struct list_args *args;
	const char *table;
	struct query *query;
	struct contract *contract; /* NULL: none is named, or it is broken */
};

/* ---- many --------------------------------------------------------------------------------- */

/*
 * No row has the status: is it misspelt? Rows may have one of an earlier contract, so that the
 * contract is asked only then.
 */
static int check_status(const struct listing *list)
{
	const struct entity *entity =
		list->contract ? tables_entity(list->contract, list->table) : NULL;
	char room[TABLES_STATUSES_MAX], names[SUGGEST_LIST_MAX];
	const char *statuses = entity ? tables_statuses(list->contract, entity, room)
				      : tables_columns(list->table)->states;
	struct suggest suggest;

	if (!statuses || !list->args->status || suggest_has(statuses, list->args->status) ||
	    (entity && tables_has_status(list->contract, entity, list->args->status)))
		return 0;
	suggest = suggest_begin(list->args->status);
	suggest_add(&suggest, statuses);
	return diag_set(&list->call->diag, ERR_INVALID, "--status: expected %s, not %s%s",
			suggest_list(statuses, names), list->args->status, suggest_text(&suggest));
}

/* Those that were asked for, in @filter (QUERY_FILTERS_MAX). @where: a name, NUL, a value. */
static int set_filters(const struct listing *list, const char *where, struct query_filter *filter,
		       size_t *count)
{
	const struct tables_columns *columns = tables_columns(list->table);
	const struct list_args *args = list->args;
	const struct {
		const char *option;
		struct query_filter filter;
	} all[] = {
		{ "status", { columns->status, QUERY_IS, args->status } },
		{ "owner", { columns->owner, QUERY_IS, args->owner } },
		{ "user", { columns->user, QUERY_IS, args->user } },
		{ "client", { columns->client, QUERY_IS, args->client } },
		{ "topic", { columns->topic, QUERY_BEGINS, args->topic } },
		{ "message", { columns->message, QUERY_IS, args->message } },
		{ "since", { columns->time, QUERY_FROM, args->since[0] ? args->since : NULL } },
		{ "until", { columns->time, QUERY_UNTIL, args->until[0] ? args->until : NULL } },
		{ "where", { where, QUERY_IS, where ? where + strlen(where) + 1 : NULL } },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].filter.text)
			continue;
		if (!all[i].filter.column)
			return diag_set(&list->call->diag, ERR_INVALID,
					"--%s: rows of %s have no such column", all[i].option,
					list->table);
		filter[(*count)++] = all[i].filter;
	}
	return 0;
}

/* Of an alert what its document says, for a person instead of the document. */
static void open_document(json_t *row)
{
	json_t *document = json_loads(tables_text(row, "document"), 0, NULL), *member;
	const json_t *evidence = json_object_get(document, "evidence");

	member = json_object_get(document, "title");
	(void)json_object_set_new(row, "title", member ? json_incref(member) : json_null());
	member = json_object_get(document, "detail");
	(void)json_object_set_new(row, "detail", member ? json_incref(member) : json_null());
	member = json_object_get(evidence, "threshold");
	(void)json_object_set_new(row, "threshold", member ? json_incref(member) : json_null());
	(void)json_object_del(row, "document");
	(void)json_object_del(row, "share");
	json_decref(document);
}

static int list_rows(const struct listing *list)
{
	struct query_filter filter[QUERY_FILTERS_MAX];
	struct query_wanted ask = { .table = list->table,
				    .filter = filter,
				    .order = tables_columns(list->table)->time,
				    .is_descending = true,
				    .limit = (uint64_t)list->args->limit };
	char *where = list->args->where ? strdup(list->args->where) : NULL;
	char *equals = where ? strchr(where, '=') : NULL;
	json_t *found = json_array(), *row;
	size_t i;
	int rc;

	if (equals)
		*equals = '\0';
	rc = where && !equals
		     ? diag_set(&list->call->diag, ERR_INVALID, "--where: expected COLUMN=VALUE")
		     : set_filters(list, where, filter, &ask.filter_count);
	if (rc)
		goto out;
	rc = query_rows(list->query, &ask, tables_collect, found, &list->call->diag);
	if (!rc && json_array_size(found) == 0)
		rc = check_status(list);
	if (rc)
		goto out;
	json_array_foreach(found, i, row)
		if (!list->call->is_json && json_object_get(row, "document"))
			open_document(row);
	ctl_rows(list->call, found, NULL);
out:
	json_decref(found);
	free(where);
	return rc ? CTL_FAILED : CTL_OK;
}

/* ---- one of them, with its history ------------------------------------------------------ */

/* A maker of struct entityhistory. */
static json_t *make_event(void *ctx, const struct query_row *row)
{
	(void)ctx;
	return rowjson(row, 0);
}

/*
 * Appends to @ret, an array, what was accepted on the channels that fill @table for the entity
 * @id, oldest first. The contract says which channels those are.
 */
static int add_history(const struct listing *list, const char *id, json_t *ret)
{
	const struct entityhistory wanted = {
		.contract = list->contract, .table = list->table, .id = id, .make = make_event
	};

	return entityhistory_read(list->query, &wanted, ret, &list->call->diag);
}

static bool has_overruled(const json_t *events)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
		if (json_integer_value(json_object_get(event, "overruled")) != 0)
			return true;
	return false;
}

static void print_one(const struct output *output, json_t *entity, json_t *events)
{
	/* The last one is there where brokers share the database, and one overruled another. */
	const struct output_column columns[] = {
		{ "received_at", "received", OUTPUT_PLAIN },
		{ "topic", "topic", OUTPUT_PLAIN },
		{ "publisher", "publisher", OUTPUT_PLAIN },
		{ "client_id", "client", OUTPUT_PLAIN },
		{ "payload", "payload", OUTPUT_PLAIN },
		{ has_overruled(events) ? "overruled" : NULL, "overruled", OUTPUT_PLAIN },
		{ .key = NULL },
	};

	output_object(output, entity);
	if (output->is_json)
		return;
	if (json_array_size(events) > 0)
		(void)puts("");
	output_rows(output, events, columns);
}

static int show(const struct listing *list, const char *id)
{
	struct query_filter filter = { "id", QUERY_IS, id };
	struct query_wanted ask = { .table = list->table, .filter_count = 1, .filter = &filter };
	json_t *found = json_array(), *events = json_array();
	struct diag *diag = &list->call->diag;
	int status = CTL_FAILED;
	json_t *entity;

	if (query_rows(list->query, &ask, tables_collect, found, diag) ||
	    (list->contract && add_history(list, id, events)))
		goto out;
	entity = json_array_get(found, 0);
	status = entity ? CTL_OK : CTL_NO;
	if (!entity) {
		(void)ctl_fail(list->table, "there is no \"%s\"", id);
		goto out;
	}
	if (list->contract && list->call->is_json)
		(void)json_object_set(entity, "history", events);
	print_one(&list->call->output, entity, events);
	if (!list->call->files.contract.count)
		(void)ctl_fail(list->table, "--contract also shows the history");
out:
	json_decref(found);
	json_decref(events);
	return status;
}

/* ---- the subcommands --------------------------------------------------------------------- */

static bool on_table(const struct query_row *row, void *ctx)
{
	suggest_add(ctx, row->cell[0].text);
	return true;
}

/* Also what was meant as a subcommand comes here. */
static int no_table(const struct listing *list)
{
	struct suggest suggest = suggest_begin(list->table);
	struct query_wanted ask = { .table = list->table };
	struct diag ignored;

	diag_ignore(query_tables(list->query, on_table, &suggest, &ignored));
	tables_suggest(&suggest, list->contract);
	ctl_suggest(&suggest);
	diag_ignore(query_rows(list->query, &ask, tables_collect, NULL, &list->call->diag));
	(void)ctl_fail(list->call->name, "%s, alerts, events, refusals%s", list->call->diag.text,
		       suggest_text(&suggest));
	diag_init(&list->call->diag); /* it was said */
	return CTL_FAILED;
}

/* The rows stand in the database, also while the file on disk is broken. */
static void open_contract(struct listing *list)
{
	struct files *files = &list->call->files;
	struct diag *diag = &list->call->diag;

	if (!files->contract.count || files_contract(files, &list->contract, NULL, diag) == 0)
		return;
	(void)ctl_fail(list->call->name, "%s (without the contract no entity's history is shown)",
		       diag->text);
	diag_init(diag); /* it was said */
}

static int answer(struct listing *list, const char *id)
{
	struct files *files = &list->call->files;
	struct diag *diag = &list->call->diag;

	if (tables_open(files, &list->query, diag))
		return CTL_FAILED;
	if (!query_has(list->query, list->table))
		return no_table(list);
	open_contract(list);
	if (id && tables_is_own(list->table)) {
		(void)diag_set(diag, ERR_INVALID, "%s: rows of %s have no id; see --where", id,
			       list->table);
		return CTL_FAILED;
	}
	if (id)
		return show(list, id);
	return list_rows(list);
}

static int run(struct ctl_call *call)
{
	bool is_named = strcmp(call->name, "list") == 0;
	struct listing list = { .call = call,
				.args = call->args,
				.table = is_named ? call->operand[0] : call->name };
	int status = answer(&list, call->count > is_named ? call->operand[is_named] : NULL);

	contract_free(list.contract);
	query_close(list.query);
	return status;
}

#define HELP                                                                                       \
	"TABLE is one of the contract's (orders), or alerts or events, which have no ID.\n"        \
	"With ID, all that is known of one entity, and what was accepted about it, oldest\n"       \
	"first. The broker may be running.\n\n" ARGS_TIME_HELP

const struct ctl_command ctl_list = {
	.name = "list",
	.arguments = "TABLE [ID] [--status STATUS] [--owner USER] [OPTION...]",
	.summary = "rows of a table of the database: entities, alerts, events",
	.help = HELP,
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_DATABASE,
	.options = rows,
	.args_size = sizeof(struct list_args),
	.defaults = &defaults,
	.hints = "alerts events",
	.operands_min = 1,
	.operands_max = 2,
	.run = run,
};

const struct ctl_command ctl_entity = {
	.name = "orders",
	.arguments = "[ID] [--status STATUS] [--owner USER] [OPTION...]",
	.summary = "rows of the table orders; so for every other table, by its name",
	.help = HELP,
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_DATABASE,
	.options = rows,
	.args_size = sizeof(struct list_args),
	.defaults = &defaults,
	.operands_min = 0,
	.operands_max = 1,
	.run = run,
};
