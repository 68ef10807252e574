/*
 * petstorectl completion: a script with which bash, zsh or fish complete petstorectl's command
 * lines; and petstorectl --words, which those scripts ask what may stand next.
 *
 * A word that is not a subcommand is taken for a table, which has the options of ctl_entity.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/tables.h"

/* ---- what may stand next ----------------------------------------------------------------- */

static void print_word(const char *dashes, const char *word, const char *help)
{
	(void)printf("%s%s\t%s\n", dashes, word, help);
}

/* @words: by spaces. */
static void print_list(const char *words)
{
	for (size_t len; words && *words; words += len + strspn(words + len, " ")) {
		len = strcspn(words, " ");
		(void)printf("%.*s\t\n", (int)len, words);
	}
}

static void print_commands(void)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		print_word("", ctl_commands[i]->name, ctl_commands[i]->summary);
}

/* Of an option with a value of its own the row, else NULL. */
static const struct args_row *find_option(const struct ctl_command *command, const char *word)
{
	const struct args_row *row;

	for (size_t n = 0; (row = args_row(command, n)); n++)
		if (strncmp(word, "--", 2) == 0 && strcmp(row->name, word + 2) == 0)
			return row->kind != ARGS_SWITCH ? row : NULL;
	return NULL;
}

static void print_operands(const struct ctl_command *command)
{
	const struct args_row *row;

	if (command == &ctl_help) {
		print_commands();
		print_list("reasons alerts events");
	}
	print_list(command->words ? command->words : command->hints);
	for (size_t n = 0; (row = args_row(command, n)); n++)
		print_word("--", row->name, row->help);
	print_word("--", "help", "what the command does");
}

/* Names that only the files know, where a configuration is found: tables, statuses, users. */
static void print_names(struct ctl_call *call, const struct ctl_command *command,
			const struct args_row *option)
{
	const char *table =
		command == &ctl_list && call->count > 1 ? call->operand[1] : call->operand[0];
	bool wants_tables = call->count == 1 && (command == &ctl_list || command == &ctl_help);
	bool wants_users =
		option ? strcmp(option->name, "user") == 0 || strcmp(option->name, "owner") == 0
		       : command == &ctl_may && call->count == 1;
	bool wants_status = option && strcmp(option->name, "status") == 0;
	const struct access_principal *principal;
	const struct entity *entity;
	struct scene scene = { .rules = NULL };
	char statuses[TABLES_STATUSES_MAX];

	if (wants_status)
		print_list(tables_columns(table)->states);
	if (!(wants_tables || wants_users || wants_status) ||
	    files_find(&call->files, call->name, &call->diag))
		return;
	call->files.database = NULL; /* names do not depend on it */
	if (scene_open(&call->files, &scene, &call->diag))
		return;
	entity = tables_entity(scene.rules->contract, table);
	if (wants_status && entity)
		print_list(tables_statuses(scene.rules->contract, entity, statuses));
	for (size_t i = 0; wants_tables && i < scene.rules->contract->plan.entity_count; i++)
		print_word("", scene.rules->contract->plan.entity[i].table, "a table");
	for (size_t i = 0; wants_users && (principal = access_principal(scene.rules->access, i));
	     i++)
		print_word("", principal->name, "a user");
	scene_clear(&scene);
}

/* CTL_OK: a file's name may stand there as well; CTL_NO: it may not. */
static int run_words(struct ctl_call *call)
{
	const struct ctl_command *command = call->count ? ctl_find(call->operand[0]) : NULL;
	const struct args_row *row;

	/* bash makes three words of --reason=CODE. */
	if (call->count > 1 && strcmp(call->operand[call->count - 1], "=") == 0)
		call->count--;
	if (call->count == 0) {
		print_commands();
		print_list("--help --version");
		return CTL_NO;
	}
	if (!command)
		command = &ctl_entity;
	row = find_option(command, call->operand[call->count - 1]);
	if (row)
		print_list(row->words);
	else
		print_operands(command);
	print_names(call, command, row);
	return row && row->kind != ARGS_FILE && row->kind != ARGS_FILES ? CTL_NO : CTL_OK;
}

const struct ctl_command ctl_words = {
	.name = "--words",
	.arguments = "-- [WORD...]",
	.summary = "what may follow on a command line, with what it is",
	.operands_max = INT_MAX,
	.run = run_words,
};

/* ---- the scripts: files are offered where --words says so and none of the words fits ------- */

static const char bash[] =
	"# bash completion for petstorectl: made by `petstorectl completion bash`\n"
	"_petstorectl()\n{\n"
	"\tlocal IFS=$'\\n' words cur=${COMP_WORDS[COMP_CWORD]} files=-f\n"
	"\t[ \"$cur\" != = ] || cur=\n"
	"\twords=$(petstorectl --words -- \"${COMP_WORDS[@]:1:COMP_CWORD-1}\" 2>/dev/null) || "
	"files=\n"
	"\tCOMPREPLY=($(compgen -W \"$(cut -f 1 <<<\"$words\")\" -- \"$cur\"))\n"
	"\t[ ${#COMPREPLY[@]} != 0 ] || [ -z \"$files\" ] || COMPREPLY=($(compgen -f -- "
	"\"$cur\"))\n"
	"}\n"
	"complete -o filenames -F _petstorectl petstorectl\n";

static const char zsh[] =
	"#compdef petstorectl\n# made by `petstorectl completion zsh`\n"
	"_petstorectl()\n{\n"
	"\tlocal found files=1\n"
	"\tfound=$(petstorectl --words -- \"${(@)words[2,CURRENT-1]}\" 2>/dev/null) || files=\n"
	"\tcompadd -- ${${(f)found}%%$'\\t'*}\n"
	"\t[[ -z $files || $PREFIX == -* ]] || _files\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _petstorectl ]; then _petstorectl \"$@\"; "
	"else compdef _petstorectl petstorectl; fi\n";

static const char fish[] =
	"# fish completion for petstorectl: made by `petstorectl completion fish`\n"
	"function __petstorectl_words\n"
	"\tset -l typed (commandline -opc)\n"
	"\tset -e typed[1]\n"
	"\tpetstorectl --words -- $typed 2>/dev/null\n"
	"end\n"
	"complete -c petstorectl -f -a '(__petstorectl_words)'\n"
	"complete -c petstorectl -n '__petstorectl_words >/dev/null' -F\n";

static int run(struct ctl_call *call)
{
	const char *shell = call->operand[0];

	(void)fputs(shell[0] == 'b' ? bash : shell[0] == 'z' ? zsh : fish, stdout);
	return CTL_OK;
}

const struct ctl_command ctl_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "a script that completes petstorectl's command lines",
	.help = "The packages install it. By hand: `source <(petstorectl completion bash)`, or a\n"
		"file _petstorectl in a folder of zsh's $fpath, or petstorectl.fish in\n"
		"~/.config/fish/completions.\n",
	.words = "bash zsh fish",
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
