/*
 * program.h -- a compiled schema, which the compiler writes and the engine reads.
 *
 * There is one struct schema_node for each schema object that can be reached. $refs are already
 * followed, and keywords are grouped by the type that they apply to. So the engine checks a value
 * only against the keywords that can apply to it. All of it is in the schema's arena and never
 * changes after schema_compile().
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

/* ---- sets of names ------------------------------------------------------------------------ */

/*
 * A name, with its first and last 8 bytes as numbers; @first alone has a name of less than 8 bytes.
 * Names of up to 16 bytes are equal if these numbers and the lengths are equal.
 */
struct name_key {
	uint64_t first;
	uint64_t last;
	const char *text;
	size_t len;
};

/* Makes a key of @text, which is borrowed. Never reads past the end of @text. */
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
	const struct name_slot *next;   /* the next name in the order of the schema; a ring */
	const struct schema_node *node; /* of properties; NULL where the name is only required */
	bool is_required;
};

/* A hash table, at most half full. */
struct name_table {
	struct name_slot *slots;
	uint32_t mask; /* the number of slots, a power of two, minus 1 */
	uint32_t count;
	uint32_t find_units;     /* units of work for a look-up; mostly 1 */
	struct name_slot *first; /* in the schema's order; NULL while there is none */
	struct name_slot *last;
};

static inline uint32_t name_hash(const struct name_key *key)
{
	uint64_t hash = (key->first + key->len) ^ (key->last << 23 | key->last >> 41);

	return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Not inlined, so that callers with short names have more registers free. */
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

/* Is @text the name of @key? As name_equal(), but needs no key for @text. */
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

/* Returns the slot of the name, or NULL. */
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

/* ---- rules: the keywords that apply to one type ------------------------------------------- */

#define PROGRAM_NO_MAX UINT64_MAX

/*
 * What limits a number. Of the keywords "minimum" is neither, "exclusiveMaximum" is both. Behind
 * them stand the two ends of a format's range.
 */
enum {
	LIMIT_UPPER = 1,
	LIMIT_EXCLUSIVE = 2,
	LIMIT_KEYWORDS = 4,
	LIMIT_FORMAT = 4,
	LIMIT_COUNT = 6,
};

struct number_rules {
	bool is_integer;      /* type or format: a real must be whole */
	bool has_real_limits; /* no multipleOf, and real_low and real_high are exact */
	double real_low;      /* all limits for a double, inclusive */
	double real_high;
	int64_t int_low;                          /* all limits for an int64_t, inclusive */
	int64_t int_high;                         /* below int_low where no int64_t is valid */
	const struct number *limits[LIMIT_COUNT]; /* each NULL where there is none */
	const struct number *multiple;            /* multipleOf as written, for the error */
	const struct format *format;              /* for the error; NULL: none for numbers */
	struct number_divisor divisor;
	size_t limit_units; /* of work where a limit has more digits than a number holds */
};

struct string_rules {
	uint64_t min_length; /* in code points */
	uint64_t max_length;
	uint64_t sure_length;   /* a text of this many bytes always has min_length code points */
	bool only_length;       /* there is neither format nor pattern */
	bool has_costly_format; /* see format_is_costly() */
	const struct format *format;   /* NULL: not asserted */
	const struct pattern *pattern; /* NULL: none */
	const struct seq *seq;         /* the pattern as a sequence, else NULL */
	const char *pattern_source;
	size_t pattern_len; /* of it */
};

struct array_rules {
	uint64_t min_items;
	uint64_t max_items;
	uint64_t min_contains;
	uint64_t max_contains;
	const struct schema_node *const *prefix;
	size_t prefix_count;
	const char *prefix_keyword;      /* "prefixItems", or before 2020-12 "items" */
	const struct schema_node *items; /* for items behind the prefix; NULL: any */
	const char *items_keyword;
	const struct schema_node *contains; /* NULL: none */
	bool contains_evaluates;            /* what is found counts as evaluated: from 2020-12 */
	bool is_unique;
};

struct pattern_property {
	const char *source;
	const struct pattern *pattern;
	const struct schema_node *node;
};

/* One member of dependentRequired, dependentSchemas, dependencies or propertyDependencies. */
struct dependent {
	struct name_key name;
	struct name_key
		value; /* only where the member is this string; text is NULL: whatever it is */
	const struct name_key *required;
	size_t required_count;
	const struct schema_node *node; /* NULL: none */
	const char *keyword;
};

struct object_rules {
	uint64_t min_members;
	uint64_t max_members;
	struct name_table names;         /* of properties and required; count 0: no slots at all */
	const struct name_key *required; /* for the error; they are in names, too */
	size_t required_count;
	const struct pattern_property *patterns;
	size_t pattern_count;
	const struct schema_node *additional; /* NULL: anything */
	const char *additional_keyword;
	const struct schema_node *property_names; /* NULL: none */
	const struct dependent *dependents;
	size_t dependent_count;
	bool walks_members;                    /* false: the engine only counts the members */
	bool only_names;                       /* only names and additional apply to members */
	const struct name_slot *const *probes; /* all names, if each is looked up; else NULL */
	size_t probe_count;
};

/* ---- steps: the keywords that apply to any type ------------------------------------------- */

enum step_kind {
	STEP_NAMES,   /* an enum of strings: one of @names; @constants has the same strings */
	STEP_CONST,   /* one of @constants, which may have any type */
	STEP_SCHEMA,  /* $ref, allOf: all of @nodes */
	STEP_DYNAMIC, /* $dynamicRef: nodes[0] unless the dynamic scope has another */
	STEP_ANY,     /* anyOf */
	STEP_ONE,     /* oneOf */
	STEP_NOT,     /* nodes[0] */
	STEP_IF,      /* nodes[0], then nodes[1], else nodes[2]; the latter two may be NULL */
	/*
	 * discriminator: the object's member @property is one of @names, and the object is valid
	 * against the node of that name (NULL: that is known already). What is no object is held
	 * against @nodes, the alternatives, if there are any.
	 */
	STEP_CHOICE,
};

struct step {
	enum step_kind kind;
	const char *keyword;
	const struct schema_node *const *nodes;
	size_t count; /* of nodes or constants */
	const struct name_table *names;
	const struct payload_value *constants; /* an array */
	uint32_t anchor;                       /* of STEP_DYNAMIC */
	bool is_one;                           /* of STEP_CHOICE: the alternatives are oneOf's */
	const struct name_key *property;       /* of STEP_CHOICE */
};

/* How much of the engine a node needs. The compiler decides it, so that common nodes run fast. */
enum fast_path {
	FAST_PATH_NOTHING, /* only the type */
	FAST_PATH_STRING,  /* a string, and string rules only */
	FAST_PATH_NUMBER,  /* a number, and number rules only */
	FAST_PATH_NAMES,   /* one STEP_NAMES only */
	FAST_PATH_PROBES,  /* a few members to look up, and nothing else */
	FAST_PATH_MEMBERS, /* an object, and nothing but names and additional */
	FAST_PATH_SIMPLE,  /* several of these, or constants, but no subschemas */
	FAST_PATH_DEEP,
};

struct schema_node {
	uint32_t types; /* VIEW_ bits of the types that are valid */
	enum fast_path fast_path;
	bool is_boolean; /* the schema is `true` or `false` */
	uint32_t resource;
	uint32_t ordinal;                  /* number among the nodes that are not boolean */
	const struct number_rules *number; /* each is NULL where there are no rules */
	const struct string_rules *string;
	const struct array_rules *array;
	const struct object_rules *object;
	const struct step *steps;
	size_t step_count;
	const struct schema_node *unevaluated_members;
	const struct schema_node *unevaluated_items;
	const char *pointer; /* of the schema, in its document */
};

/* One row of the table in which the engine looks up a $dynamicRef. */
struct dynamic_target {
	uint32_t anchor;
	uint32_t resource;
	const struct schema_node *node;
};

struct schema {
	struct arena arena;
	const struct schema_node *root;
	struct dynamic_target *dynamic; /* owned; empty where there is no $dynamicRef */
	size_t dynamic_count;
	struct payload_parser *constants; /* owned; holds the values of const and enum */
	struct pattern **patterns;        /* owned, for schema_free() */
	size_t pattern_count;
	int64_t max_work;      /* see run.h */
	const char **warnings; /* owned; the texts are in the arena */
	size_t warning_count;
};

#endif
