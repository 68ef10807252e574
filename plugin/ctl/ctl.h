/*
 * ctl.h -- petstorectl's subcommands: one row of main.c's table each.
 */
#ifndef PETSTORE_CTL_H
#define PETSTORE_CTL_H

/* Exit statuses, of every subcommand. */
enum ctl_status {
	CTL_OK = 0,
	CTL_NO = 1,     /* it ran, and the answer is no: invalid, refused, missing */
	CTL_FAILED = 2, /* it could not run: wrong arguments, a file that is no use */
};

struct args_row;

struct ctl_command {
	const char *name;
	const char *arguments;          /* as the usage line shows them */
	const char *summary;            /* one line without a full stop */
	const char *help;               /* what --help adds; NULL: nothing */
	const struct args_row *options; /* for args_read() and --help; NULL: it has its own way */
	int operands_min, operands_max; /* likewise */
	/* @argv[0] is the subcommand's name. Returns an enum ctl_status. */
	int (*run)(int argc, char **argv);
};

/* Prints "petstorectl NAME: <text>" to standard error. Returns CTL_FAILED. */
int ctl_fail(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const struct ctl_command ctl_bans;
extern const struct ctl_command ctl_ctl;
extern const struct ctl_command ctl_diff;
extern const struct ctl_command ctl_entity; /* any table of the database, by its own name */
extern const struct ctl_command ctl_explain;
extern const struct ctl_command ctl_lint;
extern const struct ctl_command ctl_list;
extern const struct ctl_command ctl_may;
extern const struct ctl_command ctl_passwd;
extern const struct ctl_command ctl_refusals;
extern const struct ctl_command ctl_replay;
extern const struct ctl_command ctl_restored;
extern const struct ctl_command ctl_validate;

#endif
