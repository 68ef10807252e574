/*
 * config.h -- the one reader of our configuration files: contract, access.json, monitor.json and
 * the commands' bodies.
 *
 * A file becomes a tree of values of our own, each of which knows where it stands; what made the
 * tree (JSON today) is forgotten. Loaders walk the tree with the typed readers below. A reader that
 * finds a fault adds a line to the report, leaves its result alone and says false; the loader goes
 * on with what does not depend on it, so that one run names all that is wrong with a file.
 *
 * A tree never changes and may be read by any number of threads.
 */
#ifndef PETSTORE_BASE_CONFIG_H
#define PETSTORE_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define CONFIG_BYTES_MAX (64u << 20) /* a contract with 10,000 channels is 5 to 20 MB */
#define CONFIG_VALUES_MAX (16u << 20)
#define CONFIG_DEPTH_MAX 512u /* levels of objects and arrays */

/* CONFIG_ANY is for tables only: no value has it. */
enum config_kind {
	CONFIG_ANY = 0,
	CONFIG_NULL,
	CONFIG_BOOLEAN,
	CONFIG_INTEGER,
	CONFIG_REAL,
	CONFIG_STRING,
	CONFIG_ARRAY,
	CONFIG_OBJECT,
};

/* A value and its place. */
struct config {
	const struct config *up; /* what it is in; NULL: the file itself */
	const char *key;         /* a member's name; NULL: an item; of the file itself its name */
	uint32_t line, column;   /* from 1; 0: not known, as in JSON */
	enum config_kind kind;
	uint32_t count; /* members, items, or bytes of the string */
	union {
		bool boolean;
		int64_t integer;
		double real;
		const char *text;          /* NUL-terminated; may have further NULs in it */
		const struct config *item; /* items, or members in the file's order */
	};
};

/*
 * Reads the JSON file @path; @name stands for it in the lines of a report. On success *ret is the
 * tree, to be freed with config_free(). Members that occur twice and trailing text are refused. On
 * failure *ret is untouched, and @diag reads like "access.json:12:7: not JSON: ...".
 */
int config_load(const char *path, const char *name, struct config **ret, struct diag *diag);

/* The same over text in memory. */
int config_parse(const char *name, const char *text, size_t len, struct config **ret,
		 struct diag *diag);
void config_free(struct config *root); /* NULL is fine */

/* The value as Jansson has it, for those that need it so: a new reference; NULL: no memory. */
struct json_t *config_json(const struct config *value);

/* ---- walking ---------------------------------------------------------------------------- */

/* Members or items; 0 where @value is neither an object nor an array, or NULL. */
size_t config_count(const struct config *value);

/*
 * Each member or item @value of @parent, which may be anything and NULL: of an object and an array,
 * of an object only, of an array only.
 */
#define config_foreach(value, parent)                                                              \
	for (const struct config *value = config_first(parent, CONFIG_ANY),                        \
				 *value##_end = value ? value + (parent)->count : NULL;            \
	     value != value##_end; value++)
#define config_foreach_member(value, parent)                                                       \
	for (const struct config *value = config_first(parent, CONFIG_OBJECT),                     \
				 *value##_end = value ? value + (parent)->count : NULL;            \
	     value != value##_end; value++)
#define config_foreach_item(value, parent)                                                         \
	for (const struct config *value = config_first(parent, CONFIG_ARRAY),                      \
				 *value##_end = value ? value + (parent)->count : NULL;            \
	     value != value##_end; value++)

/* For these: the first one, where @parent is of @kind and has any. */
const struct config *config_first(const struct config *parent, enum config_kind kind);

/* Member @key, or NULL: there is none, @object is none, or is NULL. */
const struct config *config_member(const struct config *object, const char *key);

/* Item @i of an array; the value itself where it is none, so that one may stand for a list of one.
 */
const struct config *config_item(const struct config *list, size_t i);
/* How many config_item() has: 1 where @list is no array. */
size_t config_items(const struct config *list);

/* Is it the string @text? NULL is not. */
bool config_is(const struct config *value, const char *text);

/* The text of a string without U+0000, or NULL. */
const char *config_string(const struct config *value);

/*
 * The value that RFC 6901 pointer @pointer ("" or "/a/0/b~1c") names below @root; NULL: there is
 * none. config_pointer() writes the one of @value to @ret (@cap bytes), with @key behind it where
 * it is not NULL, and returns @ret; what does not fit is cut off.
 */
const struct config *config_at(const struct config *root, const char *pointer);
char *config_pointer(const struct config *value, const char *key, char *ret, size_t cap);

/* ---- what is wrong ---------------------------------------------------------------------- */

/* A report that is all zero is empty and ready; @diag and @all may be set. */
struct config_report {
	struct diag *diag;     /* gets the first line */
	struct diag_list *all; /* gets all of them */
	int rc;                /* enum err of the first; 0: nothing is wrong */
	unsigned count;        /* faults that were found */
};

/*
 * Adds "FILE: POINTER: TEXT" ("FILE:LINE:COLUMN: ..." where they are known) about @value, or about
 * its member @key, which need not be there. The same line twice is added once; when memory has run
 * out nothing more is. Returns false, so that a reader can end with it.
 */
bool config_fail(struct config_report *report, const struct config *value, const char *key, int err,
		 const char *format, ...) __attribute__((format(printf, 5, 6), cold));
bool config_nomem(struct config_report *report) __attribute__((cold));

/* A line that is already made, such as what a file's parser says. */
bool config_add(struct config_report *report, int err, const char *line) __attribute__((cold));

/* What config_fail() adds, into @diag alone: for warnings. */
void config_line(struct diag *diag, const struct config *value, const char *key, const char *format,
		 ...) __attribute__((format(printf, 4, 5), cold));

/* ---- typed readers ---------------------------------------------------------------------- */

/* A member that an object may have. A table ends with a NULL name. */
struct config_known {
	const char *name;      /* or several with spaces between them, unless they are required */
	enum config_kind kind; /* what it must be; CONFIG_ANY: its reader looks itself */
	bool is_required;
	const char *refusal; /* known, but refused with these words */
};

/*
 * Is @value an object? Then its members are checked against the table: unknown ones (with what was
 * meant, perhaps), those that are refused, lack or have the wrong kind. @noun is what such an
 * object is called. False where it is no object, or NULL, of which nothing is said.
 */
bool config_check(struct config_report *report, const struct config *value, const char *noun,
		  const struct config_known *known);

/*
 * These read member @key of @value, or @value itself where @key is NULL. True where it is there and
 * good. What is not there is no fault: the table says what is required.
 */
bool config_text(struct config_report *report, const struct config *value, const char *key,
		 size_t max, const char **ret); /* 1 to @max bytes without U+0000; borrowed */
bool config_integer(struct config_report *report, const struct config *value, const char *key,
		    int64_t min, int64_t max, int64_t *ret);
bool config_number(struct config_report *report, const struct config *value, const char *key,
		   double min, double max, double *ret);
bool config_boolean(struct config_report *report, const struct config *value, const char *key,
		    bool *ret);
/* One of @words, which end in NULL: *ret is its index. */
bool config_word(struct config_report *report, const struct config *value, const char *key,
		 const char *const *words, unsigned *ret);

/* A member that is an integer from 1 to @max goes to the uint32_t @offset bytes into @ret. */
struct config_integer {
	const char *name; /* NULL ends the table */
	uint32_t max;
	size_t offset;
};
void config_integers(struct config_report *report, const struct config *value,
		     const struct config_integer *table, void *ret);

/* Is @value of this kind? NULL is not, and nothing is said of it. */
bool config_expect(struct config_report *report, const struct config *value, enum config_kind kind);

/* Has @value, an object or an array, @min to @max members, which are called @what? */
bool config_bound(struct config_report *report, const struct config *value, size_t min, size_t max,
		  const char *what);

#endif
