/*
 * petstorectl copy: takes a whole ledger from one database to another.
 */
#include "ledger/copy.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"

struct copy_args {
	const char *broker, *journal;
};

/* clang-format off */
#define AT(member) .offset = offsetof(struct copy_args, member)
static const struct args_row rows[] = {
	{ "broker", ARGS_TEXT, "NAME", "what the broker of a SQLite FROM is called in TO",
	  AT(broker) },
	{ "journal", ARGS_FILE, "FILE", "the journal of a SQLite FROM (beside it)", AT(journal) },
	{ .name = NULL },
};
/* clang-format on */

static const struct output_column columns[] = {
	{ "table", "table", OUTPUT_PLAIN },
	{ "rows", "rows", OUTPUT_PLAIN },
	{ "digest", "digest", OUTPUT_PLAIN },
	{ "leftOut", "left out", OUTPUT_PLAIN },
	{ .key = NULL },
};

/* A copy_visit: appends to @ctx, an array. */
static void on_table(const struct copy_table *table, void *ctx)
{
	char digest[17];
	json_t *row;

	(void)snprintf(digest, sizeof(digest), "%016" PRIx64, table->digest);
	row = json_pack("{s:s, s:I, s:s}", "table", table->name, "rows", (json_int_t)table->rows,
			"digest", digest);
	if (table->left_out > 0)
		(void)json_object_set_new(row, "leftOut",
					  json_integer((json_int_t)table->left_out));
	(void)json_array_append_new(ctx, row); /* without memory the list is shorter */
}

static int run(struct ctl_call *call)
{
	const struct copy_args *args = call->args;
	const char *origin = files_option(&call->files, "origin");
	struct copy_options options = { .from = call->operand[0],
					.to = call->operand[1],
					.broker = args->broker,
					.from_journal = args->journal };
	json_t *tables = json_array();
	int rc;

	if (!options.from_journal && call->files.database &&
	    strcmp(call->files.database, options.from) == 0)
		options.from_journal = files_option(&call->files, "journal");
	if (!options.broker)
		options.broker = files_option(&call->files, "broker");
	if (!options.broker)
		options.broker = origin;
	rc = copy_ledger(&options, on_table, tables, &call->diag);
	if (rc == 0)
		ctl_rows(call, tables, columns);
	json_decref(tables);
	return rc ? CTL_FAILED : CTL_OK;
}

const struct ctl_command ctl_copy = {
	.name = "copy",
	.arguments = "FROM TO [--broker NAME] [--journal FILE] [--json]",
	.summary = "takes a whole ledger to another database, and verifies it there",
	.help = "FROM and TO are SQLite files, or connection strings of PostgreSQL databases. "
		"Stop\n"
		"the brokers of both first, with nothing left in a journal. TO must be new, or "
		"empty.\n"
		"All rows go over, with the numbers of tables and columns and the identity, in "
		"one\n"
		"transaction, or nothing does; before it ends each table is read back, and its "
		"rows\n"
		"and a digest of them are compared with FROM's. FROM stays as it is.\n\n"
		"A SQLite FROM has one broker. Its name in a PostgreSQL TO is --broker, or the\n"
		"configuration's, or that of its newest event. The other way round events that "
		"were\n"
		"overruled, and bans, are left out: a SQLite database has no place for them.\n",
	.shared = CTL_JSON | CTL_CONFIG,
	.options = rows,
	.args_size = sizeof(struct copy_args),
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};
