/*
 * brokerfile.h -- mosquitto.conf as the broker reads it, and which listeners a plugin guards.
 *
 * For the plugin's check at its start and for petstorectl lint: both need to know what stands
 * beside the plugin. Lenient: a word that it does not know is a line like any other, since the
 * broker has the say about those. Knows where listeners and bridges begin and the rules of
 * Mosquitto 2.0 and 2.1 about whose a plugin line is; knows nothing of the plugin's options.
 *
 * Of several files (include_dir) each begins before its first listener anew, as in the broker.
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
	size_t listener;    /* whose line it is, into brokerfile.listener; 0: before the first */
	const char *bridge; /* the name of the connection it stands below; NULL: none */
};

struct brokerfile_listener {
	const struct brokerfile_line *line; /* NULL: the default listener, on port 1883 */
	bool is_there;     /* false only for a default listener that nothing asks for */
	bool is_guarded;   /* a plugin line of ours counts for it */
	bool has_others;   /* another plugin or a password file decides as well */
	bool is_anonymous; /* allow_anonymous counts for it */
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
 * Reads @path and what its include_dir lines name. @own is the plugin's own file, which a
 * plugin line may name by another path; NULL: names only. On failure *ret is cleared and @diag
 * says why; ERR_LIMIT beyond the bounds above.
 */
int brokerfile_read(const char *path, const char *own, struct brokerfile *ret, struct diag *diag);
void brokerfile_clear(struct brokerfile *file);

/* Does this line load a plugin (plugin, auth_plugin, global_plugin, plugin_load)? Its path, or
 * NULL. */
const char *brokerfile_plugin(const struct brokerfile_line *line);

/* Is the plugin at @path this one, by its name, or because it is the file @own? */
bool brokerfile_is_own(const char *path, const char *own);

/* Is the value one that the broker takes for true? */
bool brokerfile_is_true(const char *value);

/* The last line of @word that counts for @listener; NULL: there is none. */
const struct brokerfile_line *brokerfile_find(const struct brokerfile *file, const char *word,
					      size_t listener);

/*
 * What is not guarded, in one line, those that are open first: "2 of 3 listeners are not ...".
 * False, and nothing is written, where all are. @cap is 256 at least; of those that find no room
 * the number is said.
 */
bool brokerfile_unguarded(const struct brokerfile *file, char *ret, size_t cap);

#endif
