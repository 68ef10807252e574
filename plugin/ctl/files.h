/*
 * files.h -- where a subcommand finds contract, access file, passwords and database.
 *
 * From options of its own, or from the plugin_opt_ lines of a mosquitto.conf. An option beats
 * a line.
 */
#ifndef PETSTORE_CTL_FILES_H
#define PETSTORE_CTL_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/brokerfile.h"
#include "ctl/args.h"
#include "gate/gate.h"

#define FILES_CONFIG "/etc/mosquitto/conf.d/petstore.conf"

/* Rows of a subcommand's options; @type is its struct, @member its struct files. */
#define FILES_AT(type, member, file) offsetof(type, member.file)
/* clang-format off */
#define FILES_ROW_CONFIG(type, member) \
	{ "config", ARGS_TEXT, "FILE", "a mosquitto.conf: its plugin_opt_ lines name the files", \
	  FILES_AT(type, member, config), 0, 0 }
#define FILES_ROW_CONTRACT(type, member) \
	{ "contract", ARGS_TEXT, "FILE", "the contract", FILES_AT(type, member, contract), 0, 0 }
#define FILES_ROW_ACCESS(type, member) \
	{ "access", ARGS_TEXT, "FILE", "the access file", FILES_AT(type, member, access), 0, 0 }
#define FILES_ROW_DATABASE(type, member) \
	{ "database", ARGS_TEXT, "FILE", "the database; it is only read", \
	  FILES_AT(type, member, database), 0, 0 }
/* clang-format on */

/* Zeroed, then filled in by args_read(). */
struct files {
	const char *config;
	const char *contract;
	const char *access;
	const char *passwords;
	const char *database;
	json_t *lines;            /* what the configuration said, by option's name */
	struct brokerfile broker; /* all of it; no listener where there was none to read */
};

/* The options of a subcommand that asks for contract and access file, and has no more. */
struct files_wanted {
	struct files files;
	bool json;
};

extern const struct args_row files_rows[];

/*
 * Reads the configuration where one is named, or where nothing else is and FILES_CONFIG is
 * there, and fills in what the options left open. A file in a folder that the mosquitto.conf
 * beside that folder includes is read as a part of it, as Debian's broker does.
 */
int files_find(struct files *files, struct diag *diag);
void files_clear(struct files *files);

/* Is the line an option of a plugin's? Its name without what stands in front in *ret. */
bool files_is_option(const struct brokerfile_line *line, const char **ret);

/* Everything that a decision needs. */
struct scene {
	struct rules *rules;
	struct ledger *ledger; /* NULL where no database is named */
	struct gate gate;
};

/* Loads the rules and opens the database, where there is one, for reading only. */
int scene_open(const struct files *files, struct scene *ret, struct diag *diag);
void scene_clear(struct scene *scene);

#endif
