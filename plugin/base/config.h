/*
 * config.h -- the one reader of our configuration files: contract, access.json, monitor.json and
 * the commands' bodies.
 *
 * A file becomes a tree of values of our own, each with its file and place; the tree no longer
 * depends on the format it was read from, JSON or YAML. Loaders walk the tree with the typed
 * readers below. A reader that finds a fault adds a line to the report, leaves its result unchanged
 * and returns false; the loader goes on with what does not depend on that value, so that one run
 * finds all faults of a file.
 *
 * A tree never changes and may be read by any number of threads.
 */
#ifndef PETSTORE_BASE_CONFIG_H
#define PETSTORE_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* Bytes of a file. A contract with 10,000 channels has about 20 MB. */
#define CONFIG_BYTES_MAX (64u << 20)

#define CONFIG_VALUES_MAX (8u << 20)
#define CONFIG_FAULTS_MAX 1000u /* that are put in words, equal ones included */
#define CONFIG_DEPTH_MAX 512u   /* levels of objects and arrays */

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

/*
 * A value and its place. A value of a tree that was made out of others has an @origin where it
 * stands for one of theirs: what is said of it and of all that is below names the origin's file,
 * place and pointer.
 */
struct config {
	const struct config *up;     /* the object or array that it is in; NULL: it is the root */
	const struct config *origin; /* the value of a file that this one stands for; mostly NULL */
	const char *key; /* a member's name; NULL: an item of an array; the root: the file's name */
	uint32_t line, column; /* of it, or of its key; from 1; 0: not known */
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
 * Reads the file @path; @name stands for it in the lines of a report. On success *ret is the tree,
 * to be freed with config_free(). Members that occur twice and trailing text are refused. On
 * failure *ret is untouched, and @diag reads like "access.json:12:7: not JSON: ...".
 *
 * A name that ends in .json says JSON, one in .yaml or .yml YAML, in which JSON may stand as well;
 * with any other name it is JSON where the text begins with {, [ or ". A byte order mark of UTF-8
 * is skipped.
 */
int config_load(const char *path, const char *name, struct config **ret,
		struct diag *diag) MUST_CHECK;

/* Does the file's name end in .yaml or .yml? */
bool config_is_yaml(const char *name);

/* The same over text in memory. */
int config_parse(const char *name, const char *text, size_t len, struct config **ret,
		 struct diag *diag) MUST_CHECK;

/* The same for what is JSON by its own standard, such as a file of keys. */
int config_parse_json(const char *name, const char *text, size_t len, struct config **ret,
		      struct diag *diag) MUST_CHECK;

/* The same for JSON that a peer sent: no values have places. */
int config_parse_message(const char *name, const char *text, size_t len, struct config **ret,
			 struct diag *diag) MUST_CHECK;
void config_free(struct config *root); /* NULL is fine */

/* The value as a Jansson value: a new reference; NULL: memory ran out. */
struct json_t *config_json(const struct config *value);

/* ---- walking ---------------------------------------------------------------------------- */

/* Members or items; 0 where @value is neither an object nor an array, or NULL. */
size_t config_count(const struct config *value);

/*
 * Loops over @parent's values: members of an object and items of an array; members only; items
 * only. A @parent of another kind, or NULL, has none.
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

/* For these macros: @parent's first value; NULL where @parent is not of @kind or is empty. */
const struct config *config_first(const struct config *parent, enum config_kind kind);

/* Member @key, or NULL: there is none, or @object is no object, or NULL. */
const struct config *config_member(const struct config *object, const char *key);

/* Item @i of an array; @list itself where it is no array, so that "a" can be written for ["a"]. */
const struct config *config_item(const struct config *list, size_t i);
/* How many config_item() has: 1 where @list is no array. */
size_t config_items(const struct config *list);

/* Is @value the string @text? False for NULL. */
bool config_is(const struct config *value, const char *text);

/* Do both say the same, with members in the same order? Neither is NULL; places do not count. */
bool config_equal(const struct config *a, const struct config *b);

/* The text of a string; NULL where @value is no string or contains U+0000. */
const char *config_string(const struct config *value);

/* @value's root through all origins: its key is the name of the file that reports name. */
const struct config *config_root(const struct config *value);

/*
 * config_at(): the value that the JSON Pointer @pointer (RFC 6901; "" or "/a/0/b~1c") names below
 * @root; NULL: there is none. config_pointer() writes @value's pointer, or its origin's, to @ret
 * (@cap bytes), with @key appended unless it is NULL, and returns @ret; what does not fit is cut
 * off.
 */
const struct config *config_at(const struct config *root, const char *pointer);
char *config_pointer(const struct config *value, const char *key, char *ret, size_t cap);

/* ---- what is wrong ---------------------------------------------------------------------- */

/*
 * A report that is all zero is empty and ready; @diag, @all and @doubts may be set.
 *
 * With @doubts, the file may have members of others, whose names begin with "x-", beside the known
 * ones: nothing is said of these, unless the name is one of @doubts' or nearly one.
 */
struct config_report {
	struct diag *diag;                  /* gets the first line; may be NULL */
	struct diag_list *all;              /* gets all lines; may be NULL */
	const struct config_doubts *doubts; /* borrowed; may be NULL */
	int rc;                             /* enum err of the first fault; 0: there is none */
	unsigned count;                     /* of faults */
};

/* Who hears of what is legal but probably not meant. */
struct config_doubts {
	/* As config_fail(): about @value, or its member @key. @text lives for the call. */
	void (*warn)(void *ctx, const struct config *value, const char *key, const char *text);
	void *ctx;
	const char *extensions; /* our own names that begin with "x-", with spaces between them */
};

/* A warning, where @report has doubts; it is no fault. */
void config_warn(struct config_report *report, const struct config *value, const char *key,
		 const char *format, ...) __attribute__((format(printf, 4, 5), cold));

/*
 * Adds "FILE: POINTER: TEXT" ("FILE:LINE:COLUMN: ..." where they are known) about @value, or about
 * its member @key, which need not exist: then the place is @value's. A value that has no place of
 * its own has that of the nearest one above that has one. A line that the report has already is not
 * added again; after memory ran out nothing is added. Returns false, so that a reader can return
 * its result.
 */
bool config_fail(struct config_report *report, const struct config *value, const char *key, int err,
		 const char *format, ...) __attribute__((format(printf, 5, 6), cold));

/*
 * Does no further fault change the report? Then one more is only counted, and loaders end what
 * takes long for each: a file may have a million.
 */
bool config_is_full(const struct config_report *report);

bool config_nomem(struct config_report *report) __attribute__((cold));

/* Adds a complete line, such as a parser's error. Returns false. */
bool config_add(struct config_report *report, int err, const char *line) __attribute__((cold));

/* Writes the line that config_fail() would add to @diag: for warnings. */
void config_line(struct diag *diag, const struct config *value, const char *key, const char *format,
		 ...) __attribute__((format(printf, 4, 5), cold));

/* ---- typed readers ---------------------------------------------------------------------- */

/* A member that an object may have. A table, which is an array, ends with its
 * last row or with a NULL name. */
struct config_known {
	const char *name;      /* several optional ones may stand in one row, with spaces between */
	enum config_kind kind; /* what it must be; CONFIG_ANY: its reader checks the kind */
	bool is_required;
	const char *refusal; /* not NULL: the member is a fault, with this text */
};

/*
 * Checks that @value is an object, and its members against the table. Faults are unknown members
 * (with a suggestion where a known one is near; see struct config_doubts for those with "x-"),
 * refused ones, missing ones and wrong kinds. @noun
 * is what such an object is called. False only where @value is no object; NULL adds no fault.
 */
#define config_check(report, value, noun, known)                                                   \
	config_check_rows(report, value, noun, known, sizeof(known) / sizeof(*(known)))
bool config_check_rows(struct config_report *report, const struct config *value, const char *noun,
		       const struct config_known *known, size_t rows);

/*
 * These read member @key of @value, or @value itself where @key is NULL. True where it exists and
 * is valid. A missing member is no fault here: config_check() reports those that are required.
 */
bool config_text(struct config_report *report, const struct config *value, const char *key,
		 size_t max, const char **ret); /* 1 to @max bytes without U+0000; borrowed */
bool config_integer(struct config_report *report, const struct config *value, const char *key,
		    int64_t min, int64_t max, int64_t *ret);
bool config_number(struct config_report *report, const struct config *value, const char *key,
		   double min, double max, double *ret);
bool config_boolean(struct config_report *report, const struct config *value, const char *key,
		    bool *ret);
/* A string that is one of @words, a list that NULL ends; *ret is its index. */
bool config_word(struct config_report *report, const struct config *value, const char *key,
		 const char *const *words, unsigned *ret);

/* Where config_integers() stores member @name, an integer from 1 to @max: in the uint32_t that is
 * @offset bytes into @ret. */
struct config_integer {
	const char *name; /* NULL ends the table */
	uint32_t max;
	size_t offset;
};
void config_integers(struct config_report *report, const struct config *value,
		     const struct config_integer *table, void *ret);

/* Is @value of this kind? False, without a fault, for NULL. */
bool config_expect(struct config_report *report, const struct config *value, enum config_kind kind);

/* Has @value, an object or an array, @min to @max members? @what is what these are called. */
bool config_bound(struct config_report *report, const struct config *value, size_t min, size_t max,
		  const char *what);

#endif
