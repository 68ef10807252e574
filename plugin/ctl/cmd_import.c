/*
 * petstorectl import: gives entities the status that they have already.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/import.h"
#include "ctl/tables.h"

struct import_args {
	bool is_retained, is_replacing;
};

/* clang-format off */
#define AT(member) .offset = offsetof(struct import_args, member)
static const struct args_row rows[] = {
	{ "retained", ARGS_SWITCH, NULL, "FILE has a broker's retained messages", AT(is_retained) },
	{ "replace", ARGS_SWITCH, NULL, "also what has another status or owner already",
	  AT(is_replacing) },
	{ .name = NULL },
};
/* clang-format on */

/* ---- opening ------------------------------------------------------------------------------- */

static int open_file(struct import *import)
{
	bool is_input = strcmp(import->path, "-") == 0;

	import->file = is_input ? stdin : fopen(import->path, "rbe");
	if (!import->file)
		return diag_set(&import->call->diag, ERR_IO, "%s: %s", import->path,
				strerror(errno));
	if (is_input)
		import->path = "standard input";
	return 0;
}

static int find_table(struct import *import, const char *table)
{
	const struct contract *contract = import->rules->contract;
	struct suggest suggest = suggest_begin(table);

	import->entity = tables_entity(contract, table);
	if (import->entity)
		return 0;
	for (size_t i = 0; i < contract->plan.entity_count; i++)
		suggest_add(&suggest, contract->plan.entity[i].table);
	return diag_set(&import->call->diag, ERR_INVALID,
			"%s: the contract keeps no entities in such a table%s", table,
			suggest_text(&suggest));
}

static int open_rules(struct import *import, const char *table)
{
	const struct files *files = &import->call->files;
	struct diag *diag = &import->call->diag;
	int rc = files_need(files, "database", files->database, diag);

	if (rc == 0)
		rc = files_rules(files, &import->rules, diag);
	if (rc == 0)
		rc = gate_init(&import->gate, import->rules, NULL, diag);
	if (rc == 0 && table)
		rc = find_table(import, table);
	return rc;
}

/* As the option @name says, for a journal that has to be made. */
static size_t bytes_of(const struct files *files, const char *name, size_t preset)
{
	const char *text = files_option(files, name);
	unsigned long long bytes = text ? strtoull(text, NULL, 10) : 0;

	return bytes ? (size_t)bytes : preset;
}

static struct adoption_journal journal_of(const struct files *files)
{
	return (struct adoption_journal){
		.bytes = bytes_of(files, "journal_size", (size_t)16 << 20),
		.bytes_max = bytes_of(files, "journal_max", (size_t)256 << 20),
	};
}

/* ---- the work ------------------------------------------------------------------------------ */

/* Lines of JSON begin with a brace, as no list of columns does. */
static int read_all(struct import *import, bool is_retained)
{
	int first = getc(import->file);

	if (first != EOF)
		(void)ungetc(first, import->file);
	if (is_retained)
		return import_messages(import);
	return first == '{' ? import_objects(import) : import_csv(import);
}

static void print(const struct import *import)
{
	json_t *answer;

	if (!import->call->is_json) {
		(void)printf("%" PRIu64 " adopted, %" PRIu64 " unchanged", import->adopted,
			     import->unchanged);
		if (import->passed_over)
			(void)printf(", %" PRIu64
				     " messages of other topics, cleared or not retained",
				     import->passed_over);
		(void)puts("");
		return;
	}
	answer = json_pack("{s:I, s:I, s:I}", "adopted", (json_int_t)import->adopted, "unchanged",
			   (json_int_t)import->unchanged, "passedOver",
			   (json_int_t)import->passed_over);
	output_json(answer);
	json_decref(answer);
}

/* Nothing is left of an import with a fault. */
static int end(struct import *import)
{
	if (import->faults > IMPORT_FAULTS_MAX)
		(void)ctl_fail(import->call->name, "%s: and %lu more", import->path,
			       import->faults - IMPORT_FAULTS_MAX);
	if (import->faults) {
		(void)ctl_fail(import->call->name, "%s: nothing was imported", import->path);
		return CTL_NO;
	}
	if (adoption_commit(import->adoption, &import->call->diag))
		return CTL_FAILED;
	print(import);
	return CTL_OK;
}

static int work(struct import *import, const struct import_args *args, const char *table)
{
	const struct files *files = &import->call->files;
	const struct ledger_place place = files_ledger(files);
	const struct adoption_journal journal = journal_of(files);

	if (open_file(import) || open_rules(import, table) ||
	    adoption_open(&place, &journal, &import->rules->contract->plan, &import->adoption,
			  &import->call->diag) ||
	    read_all(import, args->is_retained))
		return CTL_FAILED;
	return end(import);
}

static int run(struct ctl_call *call)
{
	const struct import_args *args = call->args;
	struct import import = { .call = call,
				 .path = call->operand[call->count - 1],
				 .is_replacing = args->is_replacing };
	int status;

	if (call->count == 1 && !args->is_retained)
		return ctl_fail(call->name, "expected TABLE and FILE (or --retained FILE)");
	status = work(&import, args, call->count > 1 ? call->operand[0] : NULL);
	adoption_close(import.adoption);
	import_ids_clear(&import.ids);
	gate_clear(&import.gate);
	rules_free(import.rules);
	if (import.file && import.file != stdin)
		(void)fclose(import.file); /* only read from */
	return status;
}

const struct ctl_command ctl_import = {
	.name = "import",
	.arguments = "TABLE FILE [--replace] | [TABLE] FILE --retained [--replace]",
	.summary = "gives entities the status that they have already",
	.help = "FILE (\"-\": standard input) has an entity a line: comma separated values, whose "
		"first\n"
		"line names columns of the table, or an object of JSON with such members. id and "
		"a\n"
		"status are needed; an empty field or null says nothing. revision and times, "
		"which\n"
		"`petstorectl list` prints, are passed over: they begin anew.\n\n"
		"With --retained FILE is what `mosquitto_sub --retained-only -F %j` prints: an "
		"object a "
		"line\n"
		"with topic and payload. Each message must be right under the contract; messages "
		"of\n"
		"other topics, and those with \"retain\": 0, are passed over.\n\n"
		"All of FILE is imported, or, where one line is wrong, nothing; up to 50 lines say "
		"what\n"
		"is wrong. An entity that has another status or owner already is wrong, too, "
		"without\n"
		"--replace. What is imported is marked (adopted_at, and adopted of events).\n"
		"Stop the broker first, and run this as the user that owns the database.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS | CTL_DATABASE,
	.options = rows,
	.args_size = sizeof(struct import_args),
	.operands_min = 1,
	.operands_max = 2,
	.run = run,
};
