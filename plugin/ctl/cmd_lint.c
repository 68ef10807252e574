/*
 * petstorectl lint: finds what is wrong or doubtful in the files, before the broker reads them.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/own_messages.h"
#include "ctl/args.h"
#include "ctl/tables.h"
#include "ctl/ctl.h"
#include "ctl/lint.h"

struct lint_args {
	const char *passwords;
	bool strict;
};

/* clang-format off */
static const struct args_row rows[] = {
	{ "passwords", ARGS_FILE, "FILE", "the password file",
	  .offset = offsetof(struct lint_args, passwords) },
	{ "strict", ARGS_SWITCH, NULL, "warnings count as errors",
	  .offset = offsetof(struct lint_args, strict) },
	{ .name = NULL },
};
/* clang-format on */

void lint_add(struct lint *lint, enum lint_level level, const char *format, ...)
{
	struct diag line;
	va_list args;

	va_start(args, format);
	(void)diag_vset(&line, 0, format, args);
	va_end(args);
	if (lint->sources)
		sources_add_place(lint->sources, &line);
	*(level == LINT_ERROR ? &lint->errors : &lint->warnings) += 1;
	(void)json_array_append_new(lint->findings,
				    json_pack("{s:s, s:s}", "level",
					      level == LINT_ERROR ? "error" : "warning", "text",
					      line.text));
}

/* An error for each line. */
static void add_all(struct lint *lint, const struct diag_list *faults)
{
	for (unsigned i = 0; i < faults->count; i++)
		lint_add(lint, LINT_ERROR, "%s", faults->line[i].text);
}

void lint_add_at(struct lint *lint, enum lint_level level, const struct config *at,
		 const char *format, ...)
{
	char text[DIAG_MAX];
	struct diag line;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	config_line(&line, at, NULL, "%s", text);
	lint_add(lint, level, "%s", line.text);
}

const char *lint_place(const struct config *at, char ret[static LINT_PLACE_MAX])
{
	const struct config *known = at;

	while (known && known->line == 0)
		known = known->origin ? known->origin : known->up;
	(void)snprintf(ret, LINT_PLACE_MAX, "%s:%u:%u", config_root(at)->key,
		       known ? known->line : 1, known ? known->column : 1);
	return ret;
}

bool lint_lists(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *each = json_string_value(json_array_get(list, i));

		if (each && strcmp(each, name) == 0)
			return true;
	}
	return false;
}

/* All is loaded: what is doubtful in it. */
static void check_rules(struct lint *lint, const struct files *files, const char *passwords,
			const struct rules *rules)
{
	struct diag diag;

	lint->sources = &rules->contract->sources;
	lint->rules = rules;
	lint_sizes(lint, &files->broker, rules->contract);
	lint_contract(lint, rules->contract);
	lint_joined(lint);
	if (own_messages_check(rules, &diag))
		lint_add(lint, LINT_ERROR, "%s", diag.text);
	for (size_t i = 0; rules_warning(rules, i); i++)
		lint_add(lint, LINT_WARNING, "%s", rules_warning(rules, i));
	lint_examples(lint, rules);
	lint_schemas(lint, rules->contract);
	if (files->access)
		lint_access(lint, files, passwords, rules);
	lint->sources = NULL;
	lint->rules = NULL;
}

/* With @faults of what is loaded from the files: the contract's own, or what it is compiled to. */
static void check_faults(struct lint *lint, const struct files *files,
			 const struct diag_list *faults)
{
	struct contract *contract = NULL;
	struct diag_list all = { .count = 0 };
	struct diag diag;

	if (files_contract(files, &contract, &all, &diag)) {
		add_all(lint, &all);
		return;
	}
	lint->sources = &contract->sources;
	lint_sizes(lint, &files->broker, contract);
	lint_contract(lint, contract);
	add_all(lint, faults);
	lint->sources = NULL;
	contract_free(contract);
}

static void check_contract(struct lint *lint, const struct files *files, const char *passwords)
{
	struct diag_list all = { .count = 0 };
	struct rules_files paths = { .contract = files_place(files),
				     .access = files->access,
				     .keeps_documents = true,
				     .checks_examples = true,
				     .errors = &all };
	struct rules *rules = NULL;
	struct diag diag;

	if (rules_load(&paths, &rules, &diag)) {
		check_faults(lint, files, &all);
		return;
	}
	check_rules(lint, files, passwords, rules);
	rules_free(rules);
}

static void print(const struct lint *lint, const struct output *output)
{
	size_t i;
	json_t *finding;

	if (output->is_json) {
		output_json(lint->findings);
		return;
	}
	json_array_foreach(lint->findings, i, finding) {
		output_word(output, tables_text(finding, "level"));
		(void)printf(": %s\n", tables_text(finding, "text"));
	}
	(void)printf("%u error%s, %u warning%s\n", lint->errors, lint->errors == 1 ? "" : "s",
		     lint->warnings, lint->warnings == 1 ? "" : "s");
}

/* What is named without --contract is one, too, and no configuration is looked for then. */
static int add_documents(struct ctl_call *call)
{
	struct args_list *contract = &call->files.contract;

	for (int i = 0; i < call->count; i++) {
		if (!call->operand[i][0])
			return diag_set(&call->diag, ERR_INVALID,
					"expected DOCUMENT, not an empty name");
		if (contract->count == ARGS_LIST_MAX)
			return diag_set(&call->diag, ERR_LIMIT,
					"more than %u documents: name their folder", ARGS_LIST_MAX);
		contract->item[contract->count++] = call->operand[i];
	}
	return 0;
}

static int run(struct ctl_call *call)
{
	const struct lint_args *args = call->args;
	struct lint lint = { .findings = NULL };

	if (add_documents(call) || files_find(&call->files, call->name, &call->diag) ||
	    files_need(&call->files, "contract", files_first(&call->files.contract), &call->diag))
		return CTL_FAILED;
	lint.findings = json_array();
	lint.schemas = json_object();
	lint_config(&lint, &call->files);
	check_contract(&lint, &call->files,
		       args->passwords ? args->passwords : call->files.passwords);
	lint_scram(&lint, &call->files);
	print(&lint, &call->output);
	json_decref(lint.findings);
	json_decref(lint.schemas);
	return lint.errors || (args->strict && lint.warnings) ? CTL_NO : CTL_OK;
}

const struct ctl_command ctl_lint = {
	.name = "lint",
	.arguments = "[--config FILE] [--contract FILE] [--access FILE] [OPTION...] [DOCUMENT...]",
	.summary = "what is wrong or doubtful in contract, accounts, certificates",
	.help = "Errors are what the broker would refuse to start with; warnings what it takes\n"
		"but you may not have meant. --config looks at all of the broker's configuration:\n"
		"listeners that the plugin does not guard, settings that let somebody in or lose\n"
		"messages, certificates and lists of revoked ones. A finding names file and\n"
		"line. DOCUMENT is short for --contract DOCUMENT.\n\n"
		"Exit status: 0 no error, 1 errors (with --strict also warnings), 2 no file.\n",
	.shared = CTL_JSON | CTL_CONFIG | CTL_CONTRACT | CTL_ACCESS,
	.options = rows,
	.args_size = sizeof(struct lint_args),
	.operands_max = INT_MAX,
	.finds_files = true,
	.run = run,
};
