/*
 * ctl.h -- petstorectl's subcommands: what each declares, and what it is called with.
 *
 * main() reads the options, finds the files, calls the subcommand, prints why it failed and makes
 * sure that standard output took all. A subcommand has a row of options and a function.
 */
#ifndef PETSTORE_CTL_H
#define PETSTORE_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/diag.h"
#include "base/login_method.h"
#include "base/suggest.h"
#include "ctl/files.h"
#include "ctl/output.h"

/* Exit statuses, of every subcommand. */
enum ctl_status {
	CTL_OK = 0,
	CTL_NO = 1,     /* it ran, and the answer is no: invalid, refused, missing, different */
	CTL_FAILED = 2, /* it could not be done: wrong arguments, files, network, full output */
};

/* Options that several subcommands have. All have --color and --help. */
enum ctl_option {
	CTL_JSON = 1,
	CTL_CONFIG = 2,
	CTL_CONTRACT = 4,
	CTL_ACCESS = 8,
	CTL_DATABASE = 16,
};

/* What a subcommand is called with. */
struct ctl_call {
	const char *name;     /* as it was typed: of a table its own name */
	void *args;           /* the subcommand's own struct */
	struct files files;   /* of the shared options, and the configuration */
	struct output output; /* how to print */
	bool is_json;
	const char *color;
	int count; /* of operands */
	char **operand;
	struct diag diag; /* why it failed; printed where the subcommand returns CTL_FAILED */
};

struct args_row;

struct ctl_command {
	const char *name;
	const char *arguments; /* as the usage line shows them */
	const char *summary;   /* one line without a full stop */
	const char *help;      /* what --help adds; NULL: nothing */
	unsigned shared;       /* options that others have, too: enum ctl_option, added up */
	const struct args_row *options; /* its own; NULL: none */
	size_t args_size;               /* of the struct that they are read into */
	const void *defaults;           /* such a struct; NULL: zeros */
	const char *words; /* what the first operand has to be, by spaces; NULL: anything */
	const char *hints; /* what it may be, among others */
	int operands_min, operands_max;
	bool finds_files; /* it calls files_find() itself, where it needs them; else main() does */
	/* Returns an enum ctl_status. */
	int (*run)(struct ctl_call *call);
};

/* All of them, in the order of the usage text; NULL behind the last. */
extern const struct ctl_command *const ctl_commands[];

/* The subcommand of that name, or NULL. */
const struct ctl_command *ctl_find(const char *name);

/* Adds the subcommands' names. */
void ctl_suggest(struct suggest *suggest);

/* What petstorectl says of all subcommands, a line each. */
void ctl_usage(FILE *file);

/* And of one. @name: as it was typed, which for a table is not the command's. */
void ctl_help_print(const struct ctl_command *command, const char *name);

/* output_rows(), and a line on standard error where there is none for a person to see. */
void ctl_rows(const struct ctl_call *call, json_t *rows, const struct output_column *columns);

/* The words of an option --login, and which login one of them is; of NULL: GATE_LOGIN_ANY. */
#define CTL_LOGINS "password certificate token scram certificate+password"
enum login_method ctl_login(const char *word);

/* Says on standard error that the access file names no such user. */
void ctl_no_user(const struct ctl_call *call, const struct scene *scene, const char *name);

/* Prints "petstorectl NAME: <text>" to standard error. Returns CTL_FAILED. */
int ctl_fail(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const struct ctl_command ctl_bans, ctl_brokers, ctl_completion, ctl_contract, ctl_copy,
	ctl_ctl, ctl_diff, ctl_explain, ctl_help, ctl_import, ctl_init, ctl_lint, ctl_list, ctl_may,
	ctl_passwd, ctl_refusals, ctl_replay, ctl_restored, ctl_validate, ctl_version;
extern const struct ctl_command ctl_entity; /* any table of the database, by its own name */
extern const struct ctl_command ctl_words;  /* asked by the scripts of ctl_completion */

#endif
