/*
 * petstorectl help: subcommands, tables and reasons, as far as petstorectl and the contract know
 * them; and petstorectl version: which build this is, and of what.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/reason.h"
#include "base/version.h"
#include "contract/contract.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/tables.h"
#include "schema/payload.h"

const struct ctl_command *const ctl_commands[] = {
	&ctl_lint,       &ctl_explain, &ctl_may,     &ctl_list,     &ctl_entity, &ctl_refusals,
	&ctl_brokers,    &ctl_diff,    &ctl_replay,  &ctl_ctl,      &ctl_bans,   &ctl_restored,
	&ctl_copy,       &ctl_import,  &ctl_passwd,  &ctl_contract, &ctl_init,   &ctl_validate,
	&ctl_completion, &ctl_help,    &ctl_version, NULL,
};

const struct ctl_command *ctl_find(const char *name)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		if (strcmp(name, ctl_commands[i]->name) == 0)
			return ctl_commands[i];
	return NULL;
}

void ctl_suggest(struct suggest *suggest)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		suggest_add(suggest, ctl_commands[i]->name);
}

void ctl_usage(FILE *file)
{
	(void)fputs("usage: petstorectl COMMAND [ARGUMENT...]\n\n", file);
	for (size_t i = 0; ctl_commands[i]; i++)
		(void)fprintf(file, "  %-12s %s\n", ctl_commands[i]->name,
			      ctl_commands[i]->summary);
	(void)fputs("\n`petstorectl help COMMAND` says more. Exit status: 0 yes, or done; 1 no; "
		    "2 could\nnot be done.\n",
		    file);
}

void ctl_help_print(const struct ctl_command *command, const char *name)
{
	const struct tables_columns *columns = tables_columns(name);

	(void)printf("usage: petstorectl %s %s\n\n", name,
		     columns->table && command == &ctl_entity ? "[OPTION...]" : command->arguments);
	if (command == &ctl_entity)
		(void)printf("rows of the table %s.\n", name);
	else
		(void)printf("%s.\n", command->summary);
	if (command->help)
		(void)printf("\n%s", command->help);
	(void)puts("");
	args_print(stdout, command);
	if (command != &ctl_entity || !columns->table)
		return;
	(void)printf("\nColumns: %s\n", columns->names);
	if (columns->states)
		(void)printf("Statuses: %s\n", columns->states);
}

static void print_reasons(void)
{
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		(void)printf("%-20s %s\n", reason_code((enum reason)i),
			     reason_title((enum reason)i));
}

/* What of the table stands in the contract. */
static void print_entity(const struct entity *entity, const struct contract *contract)
{
	char statuses[TABLES_STATUSES_MAX];

	(void)fputs("\nColumns: id owner revision created_at updated_at adopted_at", stdout);
	for (size_t i = 0; i < entity->column_count; i++)
		(void)printf(" %s", entity->column[i].name);
	(void)puts("");
	if (tables_statuses(contract, entity, statuses)[0])
		(void)printf("Statuses: %s\n", statuses);
}

static int print_table(struct ctl_call *call, const char *name)
{
	const struct entity *entity = NULL;
	struct contract *contract = NULL;
	struct suggest suggest = suggest_begin(name);

	if (call->files.contract.count > 0 &&
	    files_contract(&call->files, &contract, NULL, &call->diag))
		return CTL_FAILED;
	entity = contract ? tables_entity(contract, name) : NULL;
	if (entity || tables_is_own(name)) {
		ctl_help_print(&ctl_entity, name);
		if (entity)
			print_entity(entity, contract);
	} else {
		ctl_suggest(&suggest);
		tables_suggest(&suggest, contract);
		(void)ctl_fail("help", "there is no command and no table \"%s\"%s", name,
			       suggest_text(&suggest));
	}
	contract_free(contract);
	return entity || tables_is_own(name) ? CTL_OK : CTL_FAILED;
}

static int run(struct ctl_call *call)
{
	const char *name = call->count ? call->operand[0] : NULL;
	const struct ctl_command *command = name ? ctl_find(name) : NULL;

	if (command == &ctl_entity || (name && !command && strcmp(name, "reasons") != 0)) {
		if (files_find(&call->files, call->name, &call->diag))
			return CTL_FAILED;
		if (!command || call->files.contract.count)
			return print_table(call, name);
	}
	if (command)
		ctl_help_print(command, name);
	else if (name)
		print_reasons();
	else
		ctl_usage(stdout);
	return CTL_OK;
}

const struct ctl_command ctl_help = {
	.name = "help",
	.arguments = "[COMMAND | TABLE | reasons]",
	.summary = "what a command does; columns and statuses of a table",
	.help = "TABLE is one that the contract declares (`help orders`), alerts or events; its\n"
		"columns and statuses are shown where a contract is found. `help reasons` lists\n"
		"the reasons of refusals.\n",
	.shared = CTL_CONFIG | CTL_CONTRACT,
	.operands_max = 1,
	.finds_files = true,
	.run = run,
};

/* ---- version ------------------------------------------------------------------------------ */

static int run_version(struct ctl_call *call)
{
	char pcre2[64] = "";
	json_t *all;

	(void)pcre2_config(PCRE2_CONFIG_VERSION, pcre2); /* the answer is its length */
	pcre2[strcspn(pcre2, " ")] = '\0';
	all = json_pack("{s:s, s:s, s:s, s:s, s:s}", "petstorectl", PETSTORE_VERSION, "parser",
			payload_backend(), "jansson", jansson_version_str(), "pcre2", pcre2,
			"openssl", OpenSSL_version(OPENSSL_VERSION));
	output_object(&call->output, all);
	json_decref(all);
	return CTL_OK;
}

const struct ctl_command ctl_version = {
	.name = "version",
	.arguments = "[--json]",
	.summary = "the version, the parser of messages and the libraries",
	.shared = CTL_JSON,
	.run = run_version,
};
