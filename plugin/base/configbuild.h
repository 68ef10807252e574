/*
 * configbuild.h -- makes the tree of a configuration file (base/config.h) out of what its parser
 * meets, value after value.
 *
 * Knows trees, their bounds, members that occur twice, and YAML's aliases and merge keys; knows no
 * syntax. The calls come in the order of the text: configbuild_open(), what is in it, and
 * configbuild_close(); in an object each value has its configbuild_key() before it. Text that is
 * given is copied.
 *
 * Functions return 0, or a negative enum err with @diag set, after which there is nothing to do but
 * configbuild_free(). The time and memory for a file grow with its length alone: aliases, which
 * could multiply it, have a bound of their own.
 */
#ifndef PETSTORE_BASE_CONFIGBUILD_H
#define PETSTORE_BASE_CONFIGBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/diag.h"

/* Values that aliases and merge keys may add: these, and one for each byte of the text. */
#define CONFIGBUILD_COPIES_MIN 65536u
/* So many bytes of a text that they repeat, also of a name, count as one more value. */
#define CONFIGBUILD_COPY_BYTES 16u
/* Members of an object with a merge key, the merged ones included. */
#define CONFIGBUILD_MERGE_MAX 128u

/* From 1; a line of 0 says that places are not wanted. */
struct configbuild_place {
	uint32_t line, column;
};

struct configbuild;

/* @name stands for the file in what is said; it is borrowed, as @diag, which may be NULL. On
 * failure *ret is untouched. */
int configbuild_new(const char *name, size_t text_len, struct diag *diag,
		    struct configbuild **ret) MUST_CHECK;
void configbuild_free(struct configbuild *build); /* NULL is fine */

/* @kind: CONFIG_OBJECT or CONFIG_ARRAY. */
int configbuild_open(struct configbuild *build, enum config_kind kind,
		     struct configbuild_place place) MUST_CHECK;
int configbuild_close(struct configbuild *build) MUST_CHECK;

/* The name of the next value; its place becomes the value's. A name that has U+0000 is refused. */
int configbuild_key(struct configbuild *build, const char *text, size_t len,
		    struct configbuild_place place) MUST_CHECK;

/* The same for a name that the tree has already, and that an alias repeats: it counts as a copy. */
int configbuild_key_copy(struct configbuild *build, const char *text, size_t len,
			 struct configbuild_place place) MUST_CHECK;

/* The copy of that name, which lives as long as the tree. */
const char *configbuild_next_key(const struct configbuild *build);

/*
 * The next value is no member, but an object, or an array of objects, whose members the open object
 * gets where it has none of that name itself. Of several the first one wins. Once in an object.
 */
int configbuild_merge(struct configbuild *build, struct configbuild_place place) MUST_CHECK;

/* A value that is neither an object nor an array; of @value the kind and what belongs to it count.
 */
int configbuild_value(struct configbuild *build, const struct config *value,
		      struct configbuild_place place) MUST_CHECK;

/*
 * The decimal number that @text is, with whatever signs, point and exponent. What has neither point
 * nor exponent is an integer, or the nearest double where int64_t can't hold it or @is_real says
 * so.
 */
int configbuild_number(struct configbuild *build, const char *text, size_t len, bool is_real,
		       struct configbuild_place place) MUST_CHECK;

/* The value that was added or closed last; it may be copied as a struct until the next call, and
 * the copy be given to configbuild_copy(). */
const struct config *configbuild_last(const struct configbuild *build);

/* The next value is @from once more, with all that is below. */
int configbuild_copy(struct configbuild *build, const struct config *from,
		     struct configbuild_place place) MUST_CHECK;

/* The tree, which has one value and all of it closed; to be freed with config_free(). */
struct config *configbuild_finish(struct configbuild *build);

/* Stores "FILE:LINE:COLUMN: POINTER: TEXT", the pointer of what is open, and returns @err. */
int configbuild_fail(struct configbuild *build, struct configbuild_place place, int err,
		     const char *format, ...) __attribute__((format(printf, 4, 5), cold));
int configbuild_nomem(struct configbuild *build) __attribute__((cold));

#endif
