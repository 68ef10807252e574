/*
 * brokerfile.h -- mosquitto.conf as the broker reads it, and which listeners a plugin guards.
 *
 * For the plugin's check at its start and for petstorectl lint: both need the settings beside the
 * plugin's own. A word that this reader does not know is no error, since the broker checks it.
 * Knows where listeners and bridges begin, and for which listeners Mosquitto 2.0 and 2.1 load a
 * plugin line; knows nothing of the plugin's options.
 *
 * Each file of an include_dir starts outside of any listener, as in the broker.
 */
#ifndef PETSTORE_BROKERFILE_H
#define PETSTORE_BROKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"

#define BROKERFILE_FILES_MAX 1024u
#define BROKERFILE_LINES_MAX 65536u
#define BROKERFILE_LINE_MAX 65536u /* bytes */
#define BROKERFILE_NAME "petstore" /* in the file name of every build of this plugin */

/* Strings live as long as the struct brokerfile. */
struct brokerfile_line {
	const char *file;
	unsigned number;    /* from 1 */
	const char *word;   /* "plugin" */
	const char *value;  /* the rest without spaces around it; "" where there is none */
	size_t listener;    /* index into brokerfile.listener; 0: before the first listener line */
	const char *bridge; /* the name of the bridge connection it belongs to; NULL: none */
};

struct brokerfile_listener {
	const struct brokerfile_line *line; /* NULL: the default listener, on port 1883 */
	bool is_there;     /* false only for a default listener that the broker does not open */
	bool is_guarded;   /* the broker loads this plugin for it */
	bool has_others;   /* another plugin or a password file decides as well */
	bool is_anonymous; /* allow_anonymous is on for it */
};

struct brokerfile {
	size_t line_count;
	struct brokerfile_line *line;
	size_t listener_count; /* at least 1: the default listener comes first */
	struct brokerfile_listener *listener;
	const struct brokerfile_line *per_listener; /* the line that turns it on; NULL: off */
	size_t plugins;                             /* lines that load a plugin of ours */
	struct arena arena;
	size_t cap[2];
	size_t files;
};

/*
 * Reads @path and what its include_dir lines name. @own is the path of the plugin's own file, which
 * a plugin line may name by another path; NULL: the plugin is known by BROKERFILE_NAME alone. On
 * failure *ret is cleared and @diag says why; ERR_LIMIT beyond the bounds above.
 */
int brokerfile_read(const char *path, const char *own, struct brokerfile *ret,
		    struct diag *diag) MUST_CHECK;
void brokerfile_clear(struct brokerfile *file);

/* The path of the plugin that the line loads (plugin, auth_plugin, global_plugin, plugin_load),
 * borrowed; NULL: it loads none. */
const char *brokerfile_plugin(const struct brokerfile_line *line);

/* Is the plugin at @path this one? By BROKERFILE_NAME, or because it is the file @own. */
bool brokerfile_is_own(const char *path, const char *own);

/* Does the broker read @value as true? */
bool brokerfile_is_true(const char *value);

/* The last line of @word that applies to @listener; NULL: there is none. */
const struct brokerfile_line *brokerfile_find(const struct brokerfile *file, const char *word,
					      size_t listener);

/*
 * Writes which listeners are not guarded, in one line, those with anonymous access first: "2 of 3
 * listeners are not ...". False, and nothing is written, where all are guarded. @cap is at least
 * 256 bytes; of listeners that do not fit only the number is written.
 */
bool brokerfile_unguarded(const struct brokerfile *file, char *ret, size_t cap);

#endif
