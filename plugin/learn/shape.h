/*
 * shape.h -- what values looked like: a summary of many, of which a schema is made.
 *
 * A shape counts kinds of values, members and items, and keeps what is between the smallest and the
 * largest; of strings it keeps the values themselves while they are few. How large it gets depends
 * on how different the values were, not on how many: every list has a bound, beyond which it is
 * only "many". Shapes are in the arena of their scribe and are freed with it.
 */
#ifndef PETSTORE_LEARN_SHAPE_H
#define PETSTORE_LEARN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "learn/texttable.h"
#include "schema/payload.h"

#define SHAPE_VALUES_MAX 32u      /* different strings that are kept */
#define SHAPE_VALUE_BYTES_MAX 64u /* of one; a longer string is one of many */
#define SHAPE_MEMBERS_MAX 128u    /* different members; with more an object is a map */
#define SHAPE_DEPTH_MAX 24u       /* levels; what is below is anything */

/* Of strings: formats that all of them had, a bit each (shape_format()). */
#define SHAPE_FORMATS 8u
#define SHAPE_FORMATS_LOOSE 6u /* from here on other texts may have them by chance */

struct shape_seen {
	uint64_t count; /* values */
	unsigned types; /* enum payload_type: a whole number is an INTEGER only */
	double low, high;
	uint64_t strings;
	size_t longest;   /* in characters */
	unsigned formats; /* bits; of no string: 0 */
	bool has_many;    /* more values than @value has */
	struct texttable value;
	uint64_t objects;
	size_t members; /* the most in one object */
	bool is_map;    /* its members' names vary; @any is what they are, and @member is empty */
	struct texttable member; /* name -> struct shape_seen */
	struct shape_seen *any;
	uint64_t arrays;
	size_t items; /* the most in one array */
	struct shape_seen *item;
	bool is_deep; /* some were below SHAPE_DEPTH_MAX: anything */
};

/* What shapes are made with. */
struct shape_scribe {
	struct arena *arena;
	struct keyhash hash;
};

/* The name of format @bit, a literal; the better of two comes first. NULL behind the last. */
const char *shape_format(unsigned bit);

/* Adds a value. ERR_NOMEM where memory ran out. */
int shape_add(struct shape_scribe *scribe, struct shape_seen *shape,
	      const struct payload_value *value);

/* The shape of member @name, or NULL. */
struct shape_seen *shape_member(const struct shape_scribe *scribe, const struct shape_seen *shape,
				const char *name, size_t len);

/*
 * Are the strings, which are all that was seen, one of few, and were these seen often enough to
 * take it for a rule?
 */
bool shape_is_choice(const struct shape_seen *shape);

#endif
