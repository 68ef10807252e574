/*
 * compile.h -- the parts of the compiler, between themselves.
 *
 * compile.c follows schemas and references; compile_rules.c turns the keywords that look at one
 * type into rules, compile_steps.c all others into steps, compile_constant.c values and names
 * of the schema into what messages are compared with. Nodes are
 * made when they are first referred to and filled in later, from a queue, so that schemas may
 * refer to each other in circles and no recursion depends on them.
 */
#ifndef PETSTORE_SCHEMA_COMPILE_H
#define PETSTORE_SCHEMA_COMPILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/document.h"
#include "schema/program.h"
#include "schema/schema.h"

/* Most schemas in one program. */
#define COMPILE_MAX_NODES 1000000u

struct queued_schema {
	struct schema_place *place;
	struct schema_node *node;
};

struct compiler {
	struct schema_set *set;
	struct schema *schema;
	bool assert_format;
	size_t max_bytes; /* see struct schema_options */
	struct diag *diag;
	int rc;                     /* the first failure */
	struct schema_node **nodes; /* by place id; NULL where not compiled */
	size_t node_slots;
	struct queued_schema *queue; /* all nodes of places, in the order they were made */
	size_t queue_used;
	size_t queue_cap;
	size_t queue_done;
	struct resource **resources; /* that nodes are in, each once */
	size_t resource_count;
	size_t resource_cap;
	const char **anchors; /* of $dynamicRefs, each once; the index is its number */
	size_t anchor_count;
	size_t anchor_cap;
	size_t dynamic_cap;
	size_t pattern_cap;
	json_t *constants;            /* an array for each step that has some: the values */
	struct step **constant_steps; /* whose they are */
	size_t constant_count;
	size_t constant_cap;
};

/* One schema while its node is filled in. */
struct filling {
	struct compiler *compiler;
	struct schema_place *place;
	const struct dialect *dialect;
	struct schema_node *node;
};

/*
 * The first failure stays in @rc of the compiler, with @diag filled in. After it nothing more is
 * made: what the functions below return is NULL or 0 then, which may be stored without a look.
 */

/* Room for one more item of an array that grows, *@array with @used items. False: no memory. */
bool compile_grow(struct compiler *c, void *array, size_t *cap, size_t used, size_t item);

/* Zeros from the schema's arena. */
void *compile_alloc(struct compiler *c, size_t size);

/* A copy in the schema's arena, with a NUL. */
const char *compile_text(struct compiler *c, const char *text, size_t len);

/* The keyword's value where the schema's dialect knows it, else NULL. */
json_t *compile_keyword(const struct filling *f, const char *keyword);

/* The node of a subschema: an item or a member (@name, else NULL) of @keyword's value. */
const struct schema_node *compile_child(struct filling *f, const struct keyword_child *child);
const struct schema_node *compile_member(struct filling *f, const char *keyword, const char *name,
					 json_t *value);

/* The node of @keyword's value; NULL also where the schema has none. */
const struct schema_node *compile_value(struct filling *f, const char *keyword);

/* The nodes of an array of schemas. */
const struct schema_node *const *compile_children(struct filling *f, const char *keyword,
						  const json_t *array);

/* Fails with "<document>: <pointer>/<keyword>: <text>", or as ERR_NOMEM does, without the text. */
void compile_fail(struct filling *f, int err, const char *keyword, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Resolves reference @keyword of @place; a failure names the place. False: it failed. */
bool compile_resolve(struct compiler *c, struct schema_place *place, const char *keyword,
		     struct target *ret);

/* The node of what a reference leads to, behind all $refs that only lead on. */
const struct schema_node *compile_target(struct compiler *c, struct target target);

/* The number of an anchor that a $dynamicRef asks for. */
uint32_t compile_anchor(struct compiler *c, const char *name);

/* A pattern that the schema owns. */
const struct pattern *compile_pattern(struct filling *f, const char *keyword, const char *source,
				      size_t len);

/* Room for @count names. */
void compile_table_init(struct compiler *c, struct name_table *table, size_t count);

/* The slot of the name, new or found; the table was made large enough. @text is copied. */
struct name_slot *compile_table_add(struct compiler *c, struct name_table *table, const char *text,
				    size_t len);

/* All names are in the table: what a look-up costs. */
void compile_table_finish(struct name_table *table);

/* A key with a copy of the name. */
struct name_key compile_name(struct compiler *c, const char *text, size_t len);

/* The number that is @keyword's value; NULL also where the schema has none. */
const struct number *compile_number(struct filling *f, const char *keyword);

/* All nodes are filled in: the values of const and enum come into the schema. */
void compile_constants(struct compiler *c);

/* The rules of one type; each sets the node's member where a keyword asks for it. */
void compile_number_rules(struct filling *f);
void compile_string_rules(struct filling *f);
void compile_array_rules(struct filling *f);
void compile_object_rules(struct filling *f);

/* Last of all: whether the node's members are better looked up than walked over. */
void compile_probes(struct filling *f);

/* What any type is held against: const, enum, references and in-place applicators. */
void compile_steps(struct filling *f);

/*
 * Where only the schema's own keywords can evaluate anything, unevaluated* is what
 * additionalProperties and items are, and nothing has to be tracked.
 */
void compile_simplify(struct schema_node *node);

/* The fastest path that runs all of a node's rules. */
enum fast_path compile_fast_path(const struct schema_node *node);

/* Last of all: fails where a schema leads back to itself on the spot. */
void compile_check_circles(struct compiler *c);

/* Warns where a message of at most @max_bytes (0: not asked) may take more than its budget. */
void compile_worst(struct compiler *c, size_t max_bytes);

/* Puts "<document>: <pointer>[/<keyword>]: <text>" among the schema's warnings. */
void compile_warn(struct compiler *c, const struct schema_place *place, const char *keyword,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A schema of draft 7 with $ref, where nothing else counts. */
void compile_only_reference(struct filling *f);

#endif
