/*
 * petstorectl completion: a script with which bash, zsh or fish complete petstorectl's command
 * lines, made from the tables of subcommands and options.
 *
 * A word that is no subcommand is a table: it has the options of ctl_entity.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"

/* ---- what all three say ------------------------------------------------------------------ */

static void print_commands(const char *before)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		(void)printf("%s%s", i ? " " : before, ctl_commands[i]->name);
}

static void print_options(const struct ctl_command *command)
{
	struct args_walk walk = { .command = command };
	const struct args_row *row;

	while ((row = args_next(&walk)))
		(void)printf("--%s ", row->name);
	(void)fputs("--help", stdout);
}

/* What the first operand may be; "" where that is not known. */
static const char *first_words(const struct ctl_command *command)
{
	if (command->words)
		return command->words;
	return command->hints ? command->hints : "";
}

/* What a pattern of a case has in front of its words: the table's options are anybody's. */
static const char *pattern_of(const struct ctl_command *command)
{
	return command == &ctl_entity ? "*" : command->name;
}

/* "COMMAND:--OPTION) list WORDS" for the options of which the words are known. */
static void print_values(const struct ctl_command *command, const char *list, const char *end)
{
	struct args_walk walk = { .command = command };
	const struct args_row *row;
	char room[ARGS_WORDS_MAX];

	while ((row = args_next(&walk))) {
		if (row->kind == ARGS_SWITCH)
			continue;
		(void)printf("\t%s:--%s) ", pattern_of(command), row->name);
		if (args_words(row, room)[0])
			(void)printf("%s%s%s ;;\n", list, args_words(row, room), end);
		else
			(void)puts(row->kind == ARGS_FILE ? "files ;;" : "return ;;");
	}
}

/* The cases in the order that a shell tries them: "*" stands for tables, and comes last. */
static void print_cases(void (*print)(const struct ctl_command *command, const char *list,
				      const char *end),
			const char *list, const char *end)
{
	for (size_t i = 0; ctl_commands[i]; i++)
		if (ctl_commands[i] != &ctl_entity)
			print(ctl_commands[i], list, end);
	print(&ctl_entity, list, end);
}

static void print_words(const struct ctl_command *command, const char *list, const char *end)
{
	(void)printf("\t%s) %s", pattern_of(command), list);
	if (command == &ctl_help)
		print_commands("");
	else
		(void)fputs(first_words(command), stdout);
	(void)putchar(' ');
	print_options(command);
	(void)printf("%s ;;\n", end);
}

/* ---- bash -------------------------------------------------------------------------------- */

static void print_bash(void)
{
	(void)puts("# bash completion for petstorectl: made by `petstorectl completion bash`");
	(void)puts("_petstorectl()\n{\n"
		   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
		   "\tlocal previous=${COMP_WORDS[COMP_CWORD-1]}\n"
		   "\tlist() { COMPREPLY=($(compgen -W \"$*\" -- \"$cur\")); }\n"
		   "\tfiles() { COMPREPLY=($(compgen -f -- \"$cur\")); }\n"
		   "\tCOMPREPLY=()\n"
		   "\tif [ \"$COMP_CWORD\" = 1 ]; then");
	print_commands("\t\tlist ");
	(void)puts(" --help --version\n\t\treturn\n\tfi\n\tif [[ $previous == --* ]]; then\n"
		   "\tcase $command:$previous in");
	print_cases(print_values, "list ", "; return");
	(void)puts("\tesac\n\t[ ${#COMPREPLY[@]} = 0 ] || return\n\tfi\n\tcase $command in");
	print_cases(print_words, "list ", "");
	(void)puts("\tesac\n\t[ ${#COMPREPLY[@]} != 0 ] || files\n}\n"
		   "complete -o filenames -F _petstorectl petstorectl");
}

/* ---- zsh --------------------------------------------------------------------------------- */

static void print_zsh(void)
{
	(void)puts("#compdef petstorectl\n# made by `petstorectl completion zsh`\n"
		   "_petstorectl()\n{\n"
		   "\tlocal command=$words[2] previous=$words[CURRENT-1]\n"
		   "\tlist() { compadd -- $=1 }\n"
		   "\tfiles() { _files }\n"
		   "\tif (( CURRENT == 2 )); then");
	print_commands("\t\tlist '");
	(void)puts(" --help --version'\n\t\treturn\n\tfi\n\tcase $command:$previous in");
	print_cases(print_values, "list '", "'; return");
	(void)puts("\tesac\n\tcase $command in");
	print_cases(print_words, "list '", "'");
	(void)puts("\tesac\n\t[[ $PREFIX == -* ]] || files\n}\n"
		   "if [ \"$funcstack[1]\" = _petstorectl ]; then _petstorectl \"$@\"; "
		   "else compdef _petstorectl petstorectl; fi");
}

/* ---- fish -------------------------------------------------------------------------------- */

/* Text between single quotes. */
static void print_quoted(const char *text)
{
	(void)putchar('\'');
	for (; *text; text++)
		(void)printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
	(void)putchar('\'');
}

static void print_fish_option(const char *condition, const struct args_row *row)
{
	char room[ARGS_WORDS_MAX];

	(void)printf("complete -c petstorectl -n '%s' -l %s", condition, row->name);
	if (row->kind == ARGS_FILE)
		(void)fputs(" -r -F", stdout);
	else if (row->kind != ARGS_SWITCH)
		(void)printf(" -x -a '%s'", args_words(row, room));
	(void)fputs(" -d ", stdout);
	print_quoted(row->help);
	(void)puts("");
}

static void print_fish_command(const struct ctl_command *command)
{
	struct args_walk walk = { .command = command };
	const struct args_row *row;
	char condition[128];

	(void)printf("complete -c petstorectl -n __fish_use_subcommand -f -a %s -d ",
		     command->name);
	print_quoted(command->summary);
	(void)snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s",
		       command->name);
	if (first_words(command)[0])
		(void)printf("\ncomplete -c petstorectl -n '%s' -a '%s'", condition,
			     first_words(command));
	(void)puts("");
	while ((row = args_next(&walk)))
		print_fish_option(condition, row);
}

static void print_fish(void)
{
	(void)puts("# fish completion for petstorectl: made by `petstorectl completion fish`");
	for (size_t i = 0; ctl_commands[i]; i++)
		print_fish_command(ctl_commands[i]);
	print_commands("complete -c petstorectl -n '__fish_seen_subcommand_from help' -f -a '");
	(void)puts("'");
}

/* ---- the subcommand ---------------------------------------------------------------------- */

static int run(struct ctl_call *call)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(shells[i].shell, call->operand[0]) == 0)
			shells[i].print();
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
