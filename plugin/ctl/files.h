/*
 * files.h -- where a subcommand finds contract, access file, passwords and database.
 *
 * In its own options, or else in the plugin_opt_ lines of a mosquitto.conf. That is the file of
 * --config. Without it, and if no other file was named: the file in the environment's
 * PETSTORE_CONFIG; else FILES_CONFIG, if it exists; else FILES_RUN_CONFIG, which `make run` writes,
 * unless it or a folder above it, up to the current one, is a link, belongs to another user but
 * root, or may be written by others. For the last two a line on standard error names the file.
 */
#ifndef PETSTORE_CTL_FILES_H
#define PETSTORE_CTL_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/brokerfile.h"
#include "base/diag.h"
#include "base/options.h"
#include "ctl/args_list.h"
#include "gate/gate.h"

#define FILES_OPTIONS_MAX 128u
#define FILES_ENVIRONMENT "PETSTORE_CONFIG"
#define FILES_CONFIG "/etc/mosquitto/conf.d/petstore.conf"
#define FILES_RUN_CONFIG "./build/run/mosquitto.conf"

/* Zeroed, then filled in from the options. */
struct files {
	const char *config;
	struct args_list contract;
	const char *contract_root; /* as in contract/sources.h; NULL: none is named */
	const char *contract_schemas;
	const char *access;
	const char *passwords;
	const char *database;
	const char
		*broker_name; /* whose the database's journal is; NULL: the option is not given */
	const char *journal;  /* likewise */
	struct brokerfile broker; /* the configuration; no listener where there was none to read */
	size_t option_count;
	struct options_pair
		option[FILES_OPTIONS_MAX]; /* the plugin's, as the configuration has them */
};

/* The configuration that is used where no file is named; NULL: there is none. */
const char *files_default(void);

/*
 * Reads the configuration (see above) and fills in what the options left open. A file in a folder
 * that the mosquitto.conf beside that folder includes is read as a part of it, as Debian's broker
 * does. @name is the subcommand's, for the line on standard error. Free @files->broker afterwards.
 */
int files_find(struct files *files, const char *name, struct diag *diag) MUST_CHECK;

/* Where the ledger is; lives as long as @files. */
struct ledger_place files_ledger(const struct files *files);

/* Where the contract is, and the files that it refers to; lives as long as @files. */
struct sources_place files_place(const struct files *files);

/*
 * Opens the contract as the access file, if there is one that can be read, says that its documents
 * are to be read. Arguments and result as contract_open().
 */
int files_contract(const struct files *files, struct contract **ret, struct diag_list *all,
		   struct diag *diag) MUST_CHECK;

/*
 * 0 where @path, the value of option --@option, was found; else ERR_INVALID, and @diag says where
 * it could have come from.
 */
int files_need(const struct files *files, const char *option, const char *path,
	       struct diag *diag) MUST_CHECK;

/* Of an option that may be given several times, the first value or NULL: is it there at all? */
const char *files_first(const struct args_list *list);

/* The option's value in the configuration, borrowed, or NULL. */
const char *files_option(const struct files *files, const char *name);

/* ---- listeners: what is set for one, and who reaches it ----------------------------------- */

/* The last line of @word that stands below the listener, bridges aside; NULL: there is none. */
const struct brokerfile_line *files_line(const struct brokerfile *file, size_t listener,
					 const char *word);

/* Its value; "" where there is no such line. */
const char *files_value(const struct brokerfile *file, size_t listener, const char *word);

/* The address that it is bound to; "" is any. Of a socket in the file system its path. */
const char *files_address(const struct brokerfile *file, size_t listener);

/* Reached from this machine only: a loopback address, or a socket in the file system. */
bool files_is_local(const struct brokerfile *file, size_t listener);

/*
 * Reads @path, or standard input for "-", of at most @max bytes. On success *ret is new, to be
 * freed; on failure untouched, and @diag names the file.
 */
int files_read(const char *path, size_t max, char **ret, size_t *ret_len,
	       struct diag *diag) MUST_CHECK;

/* Of a byte of a text: from 1, the column in characters. */
struct files_spot {
	unsigned long line, column;
};

/* Of the byte @offset, or of the text's end where it is not as long. */
struct files_spot files_spot(const char *text, size_t len, size_t offset);

/* ---- what decides ------------------------------------------------------------------------ */

/* Everything that a decision needs. */
struct scene {
	struct rules *rules;
	struct ledger *ledger; /* NULL where no database is named */
	struct gate gate;
	/* That a rule for certificates, or `default`, made last; or NULL. */
	struct access_principal *made;
	bool is_unlisted; /* it was `default` */
};

/* Loads the rules, where no access file is named without one; rules_free() them. */
int files_rules(const struct files *files, struct rules **ret, struct diag *diag) MUST_CHECK;

/* Loads the rules and opens the database, where there is one, for reading only. */
int scene_open(const struct files *files, struct scene *ret, struct diag *diag) MUST_CHECK;
void scene_clear(struct scene *scene);

/*
 * The principal called @name: a user of the access file, ACCESS_ANONYMOUS, or what its rules for
 * certificates make, or else its `default`. Valid until the next call. NULL: there is none, and
 * *can_be (unless it is NULL) says whether there may be one all the same, with a token or a
 * certificate that is not at hand.
 */
const struct access_principal *scene_principal(struct scene *scene, const char *name, bool *can_be);

#endif
