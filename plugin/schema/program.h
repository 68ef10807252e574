/*
 * program.h -- a compiled schema: what the compiler writes and the engine reads.
 *
 * One struct schema_node for each schema object that can be reached, with $refs already followed
 * and keywords grouped by the type they look at, so that a value is held only against what can
 * apply to it. All of it lives in the schema's arena and is never written to again.
 */
#ifndef PETSTORE_SCHEMA_PROGRAM_H
#define PETSTORE_SCHEMA_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/wordhash.h"
#include "schema/format.h"
#include "schema/number.h"
#include "schema/pattern.h"
#include "schema/pattern_seq.h"
#include "schema/payload_view.h"

/* Of one schema; more are left out. */
#define SCHEMA_MAX_WARNINGS 8u

/* ---- sets of names ------------------------------------------------------------------------ */

/* A name, and its ends as numbers: for up to 16 bytes they and the length are the name. */
struct name_key {
	uint64_t first;
	uint64_t last;
	const char *text;
	size_t len;
};

/* Never reads past the end of @text. */
static inline struct name_key name_key(const char *text, size_t len)
{
	struct name_key key = { 0, 0, text, len };

	if (len < 8) {
		key.first = wordhash_few((const unsigned char *)text, len);
	} else {
		memcpy(&key.first, text, 8);
		memcpy(&key.last, text + len - 8, 8);
	}
	return key;
}

struct name_slot {
	struct name_key key;            /* text is NULL in an empty slot */
	const struct name_slot *next;   /* the name that the schema has after this one; a ring */
	const struct schema_node *node; /* of properties; NULL where the name is only required */
	bool is_required;
};

/* A hash table, at most half full. */
struct name_table {
	struct name_slot *slots;
	uint32_t mask; /* slots - 1, a power of two less one */
	uint32_t count;
	uint32_t find_units;     /* of work for a look-up; mostly 1 */
	struct name_slot *first; /* in the schema's order; NULL while there is none */
	struct name_slot *last;
};

static inline uint32_t name_hash(const struct name_key *key)
{
	uint64_t hash = (key->first + key->len) ^ (key->last << 23 | key->last >> 41);

	return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Out of line, to keep registers free where it is not needed. */
static __attribute__((noinline, unused)) bool name_same_long(const char *a, const char *b,
							     size_t len)
{
	return memcmp(a, b, len) == 0;
}

static inline bool name_equal(const struct name_key *a, const struct name_key *b)
{
	return a->len == b->len && a->first == b->first && a->last == b->last &&
	       (a->len <= 16 || name_same_long(a->text, b->text, a->len));
}

/* Is @text the name of @key? As name_equal(), without making a key of it. */
static inline bool name_is(const struct name_key *key, const char *text, size_t len)
{
	uint64_t first;
	uint64_t last;

	if (len != key->len)
		return false;
	if (len < 8)
		return wordhash_few((const unsigned char *)text, len) == key->first;
	memcpy(&first, text, 8);
	memcpy(&last, text + len - 8, 8);
	return first == key->first && last == key->last &&
	       (len <= 16 || name_same_long(text, key->text, len));
}

/* The slot of the name, or NULL. */
static inline const struct name_slot *name_find_key(const struct name_table *table,
						    const struct name_key *key)
{
	for (uint32_t i = name_hash(key) & table->mask; table->slots[i].key.text;
	     i = (i + 1) & table->mask)
		if (name_equal(&table->slots[i].key, key))
			return &table->slots[i];
	return NULL;
}

static inline const struct name_slot *name_find(const struct name_table *table, const char *text,
						size_t len)
{
	struct name_key key = name_key(text, len);

	return name_find_key(table, &key);
}

/* ---- what a type's values are held against ------------------------------------------------ */

#define PROGRAM_NO_MAX UINT64_MAX

/* The keywords that limit a number: "minimum" is neither, "exclusiveMaximum" is both. */
enum {
	LIMIT_UPPER = 1,
	LIMIT_EXCLUSIVE = 2,
	LIMIT_COUNT = 4,
};

struct number_rules {
	bool is_integer;      /* type: a real must be whole */
	bool has_real_limits; /* no multipleOf, and the next two are the limits exactly */
	double real_low;      /* what the four limits mean for a double, inclusive */
	double real_high;
	int64_t int_low;  /* what the four limits mean for an int64_t, inclusive */
	int64_t int_high; /* below int_low where none passes */
	const struct number *limits[LIMIT_COUNT]; /* these are NULL where there is none */
	const struct number *multiple;            /* as written, for the error */
	struct number_divisor divisor;
	size_t limit_units; /* of work where a limit has more digits than a number holds */
};

struct string_rules {
	uint64_t min_length; /* in code points */
	uint64_t max_length;
	uint64_t sure_length;   /* texts of this many bytes have min_length code points for sure */
	bool only_length;       /* neither format nor pattern */
	bool has_costly_format; /* more than a look at each byte */
	const struct format *format;   /* NULL: not asserted */
	const struct pattern *pattern; /* NULL: none */
	const struct seq *seq;         /* what the pattern is where it is that simple, else NULL */
	const char *pattern_source;
};

struct array_rules {
	uint64_t min_items;
	uint64_t max_items;
	uint64_t min_contains;
	uint64_t max_contains;
	const struct schema_node *const *prefix;
	size_t prefix_count;
	const char *prefix_keyword;      /* "prefixItems", or draft 7's "items" */
	const struct schema_node *items; /* behind the prefix; NULL: anything */
	const char *items_keyword;
	const struct schema_node *contains; /* NULL: none */
	bool is_unique;
};

struct pattern_property {
	const struct pattern *pattern;
	const struct schema_node *node;
};

/* dependentRequired, dependentSchemas and dependencies. */
struct dependent {
	struct name_key name;
	const struct name_key *required;
	size_t required_count;
	const struct schema_node *node; /* NULL: none */
	const char *keyword;
};

struct object_rules {
	uint64_t min_members;
	uint64_t max_members;
	struct name_table names;         /* of properties and required; count 0: no slots at all */
	const struct name_key *required; /* for the error; names has them too */
	size_t required_count;
	const struct pattern_property *patterns;
	size_t pattern_count;
	const struct schema_node *additional; /* NULL: anything */
	const char *additional_keyword;
	const struct schema_node *property_names; /* NULL: none */
	const struct dependent *dependents;
	size_t dependent_count;
	bool walks_members; /* false: counting is all there is to do */
	bool only_names;    /* nothing but names and additional looks at members */
	const struct name_slot *const *probes; /* all names, where they are few and all there is */
	size_t probe_count;
};

/* ---- what any value is held against ------------------------------------------------------- */

enum step_kind {
	STEP_NAMES,   /* an enum of strings: one of @names, which @constants are */
	STEP_CONST,   /* one of @constants, any type */
	STEP_SCHEMA,  /* $ref, allOf: all of @nodes */
	STEP_DYNAMIC, /* $dynamicRef: nodes[0] unless the dynamic scope has another */
	STEP_ANY,     /* anyOf */
	STEP_ONE,     /* oneOf */
	STEP_NOT,     /* nodes[0] */
	STEP_IF,      /* nodes[0], then nodes[1], else nodes[2]; the latter two may be NULL */
};

struct step {
	enum step_kind kind;
	const char *keyword;
	const struct schema_node *const *nodes;
	size_t count; /* of nodes or constants */
	const struct name_table *names;
	const struct payload_value *constants; /* an array */
	uint32_t anchor;                       /* of STEP_DYNAMIC */
};

/* How much of a node there is to run: found when it is compiled, so that common ones run fast. */
enum fast_path {
	FAST_PATH_NOTHING, /* the type is all */
	FAST_PATH_STRING,  /* a string, and string rules only */
	FAST_PATH_NUMBER,  /* a number, and number rules only */
	FAST_PATH_NAMES,   /* one STEP_NAMES only */
	FAST_PATH_PROBES,  /* a few members to look up, and nothing else */
	FAST_PATH_MEMBERS, /* an object, and nothing but names and additional */
	FAST_PATH_SIMPLE,  /* several of these, or constants: still no subschemas */
	FAST_PATH_DEEP,
};

struct schema_node {
	uint32_t types; /* VIEW_ bits that may pass */
	enum fast_path fast_path;
	bool is_boolean; /* true or false, written so */
	uint32_t resource;
	uint32_t ordinal;                  /* among the nodes that are no booleans */
	const struct number_rules *number; /* each NULL where there is nothing to do */
	const struct string_rules *string;
	const struct array_rules *array;
	const struct object_rules *object;
	const struct step *steps;
	size_t step_count;
	const struct schema_node *unevaluated_members;
	const struct schema_node *unevaluated_items;
	const char *pointer; /* of the schema, in its document */
};

/* One row of the table that $dynamicRef is answered from. */
struct dynamic_target {
	uint32_t anchor;
	uint32_t resource;
	const struct schema_node *node;
};

struct schema {
	struct arena arena;
	const struct schema_node *root;
	struct dynamic_target *dynamic; /* owned; empty where no $dynamicRef is */
	size_t dynamic_count;
	struct payload_parser *constants; /* owned: it has the values of const and enum */
	struct pattern **patterns;        /* owned, for schema_free() */
	size_t pattern_count;
	int64_t max_work; /* see run.h */
	const char *warnings[SCHEMA_MAX_WARNINGS];
	size_t warning_count;
};

#endif
