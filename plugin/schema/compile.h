/*
 * compile.h -- what the files of the compiler share. Only the compiler includes it.
 *
 * compile.c follows schemas and references. compile_rules.c turns the keywords that apply to one
 * type into rules. compile_steps.c turns all other keywords into steps. compile_constant.c copies
 * the names and values that instances are compared with. compile_dynamic.c does what the
 * dynamic scope decides. A node is made when a schema is first
 * referred to, put into a queue and filled in later. So schemas may refer to each other in
 * circles, and the depth of the compiler's recursion does not depend on them.
 */
#ifndef PETSTORE_SCHEMA_COMPILE_H
#define PETSTORE_SCHEMA_COMPILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/document.h"
#include "schema/program.h"
#include "schema/schema.h"

/* The largest number of schemas in one program. */
#define COMPILE_MAX_NODES 1000000u

/* The most schemas with a discriminator that one schema inherits and that count. */
#define COMPILE_MAX_BASES 8u

/* The most names that the discriminators of one set of schemas may choose among, all together. */
#define COMPILE_MAX_CHOICES 1048576u

struct queued_schema {
	struct schema_place *place;
	struct schema_node *node;
	bool is_plain; /* see compile_kind() */
};

/* A $dynamicRef of v1 whose own resource does not have the anchor. */
struct unbound_reference {
	const struct schema_place *place;
	uint32_t anchor; /* its number */
};

struct compiler {
	struct schema_set *set;
	struct schema *schema;
	bool assert_format;
	bool checks_examples;
	size_t max_bytes; /* see struct schema_options */
	struct diag *diag;
	int rc;                      /* the first failure */
	uint64_t number;             /* of this compilation in its set */
	struct queued_schema *queue; /* all nodes of places, in the order they were made */
	size_t queue_used;
	size_t queue_cap;
	size_t queue_done;
	struct queued_schema *plain; /* the second nodes of places, without their discriminators */
	size_t plain_count;
	size_t plain_cap;
	bool wants_plain;            /* place_node() takes these */
	struct resource **resources; /* of all nodes, each once */
	size_t resource_count;
	size_t resource_cap;
	const char **anchors; /* names in $dynamicRefs, each once; the index is the number */
	size_t anchor_count;
	size_t anchor_cap;
	size_t dynamic_cap;
	size_t pattern_cap;
	json_t *constants;            /* for each step with constants, an array of their values */
	struct step **constant_steps; /* the steps, in the same order */
	size_t constant_count;
	size_t constant_cap;
	size_t warning_cap;
	uint64_t *untold; /* hashes of the warnings beyond those that are kept */
	size_t untold_count;
	size_t untold_cap;
	const struct schema_place *untold_place; /* of the first of them */
	struct unbound_reference *unbound;       /* to be bound by what is compiled later */
	size_t unbound_count;
	size_t unbound_cap;
};

/* One schema while its node is filled in. */
struct filling {
	struct compiler *compiler;
	struct schema_place *place;
	const struct dialect *dialect;
	struct schema_node *node;
	const struct format *format; /* NULL: there is nothing to check */
	bool is_plain;               /* without its discriminator, see compile_kind() */
	bool has_plain_bases;        /* so are the schemas in its allOf */
	const char *discriminator;   /* the member that it names; NULL: none to check */
	const char *chosen; /* "oneOf" or "anyOf", where the discriminator has it; or NULL */
};

/*
 * The compiler keeps its first failure in @rc, with @diag filled in. After a failure the functions
 * below make nothing and return NULL or 0. The caller may store that result without checking it.
 */

/* Makes room for one more item in *@array, which has @used items. False: no memory. */
bool compile_grow(struct compiler *c, void *array, size_t *cap, size_t used, size_t item);

/* Allocates @size zeroed bytes from the schema's arena. */
void *compile_alloc(struct compiler *c, size_t size);

/* Copies @text into the schema's arena and adds a NUL. */
const char *compile_text(struct compiler *c, const char *text, size_t len);

/* Returns the keyword's value; NULL where the schema has none or its dialect does not know it. */
json_t *compile_keyword(const struct filling *f, const char *keyword);

/*
 * Return the node of a subschema, which is an item or a member of @keyword's value. @name is the
 * member's name, or NULL.
 */
const struct schema_node *compile_child(struct filling *f, const struct keyword_child *child);
const struct schema_node *compile_member(struct filling *f, const char *keyword, const char *name,
					 json_t *value);

/* Returns the node of @keyword's value; NULL also where the schema does not have the keyword. */
const struct schema_node *compile_value(struct filling *f, const char *keyword);

/* Returns the nodes of @array, an array of schemas. */
const struct schema_node *const *compile_children(struct filling *f, const char *keyword,
						  const json_t *array);

/* Fails with "<document>: <pointer>/<keyword>: <text>". For ERR_NOMEM the text is not used. */
void compile_fail(struct filling *f, int err, const char *keyword, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Resolves reference @keyword of @place; a failure names the place. False: it failed. */
bool compile_resolve(struct compiler *c, struct schema_place *place, const char *keyword,
		     struct target *ret);

/* Returns the node of a reference's target. A target that is only a $ref is followed further. */
const struct schema_node *compile_target(struct compiler *c, struct target target);

/* Returns the number of the anchor @name, which a reference asks for. */
uint32_t compile_anchor(struct compiler *c, const char *name);

/*
 * Finds where a reference $ref, $dynamicRef or $recursiveRef leads if the dynamic scope does not
 * say more. ret->dynamic_anchor is then the name that the dynamic scope is asked for, or NULL.
 * False: it failed.
 */
bool compile_dynamic_start(struct filling *f, const char *keyword, struct target *ret);

/* Makes rows for all anchors that are asked for, in all resources that were entered. */
void compile_dynamic_rows(struct compiler *c);

/* Fails where a $dynamicRef asks for an anchor that no schema has. Call it when all are filled. */
void compile_dynamic_check(struct compiler *c);

/* Compiles a pattern, which the schema then owns. */
const struct pattern *compile_pattern(struct filling *f, const char *keyword, const char *source,
				      size_t len);

/* Makes an empty table with room for @count names. */
void compile_table_init(struct compiler *c, struct name_table *table, size_t count);

/*
 * Returns the slot of the name and adds it if there is none. @text is copied. The caller has made
 * the table large enough with compile_table_init().
 */
struct name_slot *compile_table_add(struct compiler *c, struct name_table *table, const char *text,
				    size_t len);

/* Works out what a look-up costs. Call it when all names are in the table. */
void compile_table_finish(struct name_table *table);

/* Returns a key for a copy of the name. */
struct name_key compile_name(struct compiler *c, const char *text, size_t len);

/* Returns @keyword's value as a number; NULL also where the schema does not have the keyword. */
const struct number *compile_number(struct filling *f, const char *keyword);

/* Copies the values of const and enum into the schema. Call it when all nodes are filled in. */
void compile_constants(struct compiler *c);

/* Finds the schema's format; warns of one that can't be checked. Call it when the types are set. */
void compile_format(struct filling *f);

/* Each makes the rules of one type and sets the node's member, if the schema has such a keyword. */
void compile_number_rules(struct filling *f);
void compile_string_rules(struct filling *f);
void compile_array_rules(struct filling *f);
void compile_object_rules(struct filling *f);

/*
 * Decides whether the engine looks up each known member or walks over all members. Call it when
 * all rules of the node are made.
 */
void compile_probes(struct filling *f);

/*
 * Finds what `discriminator` asks of the schema, and of those that it inherits. A schema may have a
 * second, plain node, without discriminators: that is what its heirs inherit, because they have
 * asked for the name already. Call it before compile_steps().
 */
void compile_kind(struct filling *f);

/*
 * Adds the steps of discriminators at *@end, which has room for COMPILE_MAX_BASES + 1. Where a step
 * is made that has the alternatives in f->chosen in it, they need no other.
 */
void compile_discriminators(struct filling *f, struct step **end);

/* Makes the steps, which apply to any type: const, enum, references, in-place applicators. */
void compile_steps(struct filling *f);

/*
 * Replaces unevaluated* by additionalProperties and items where only the schema's own keywords can
 * evaluate members or items. The engine then need not track what was evaluated.
 */
void compile_simplify(struct schema_node *node);

/* Returns the fastest path that still runs all of the node's rules. */
enum fast_path compile_fast_path(const struct schema_node *node);

/*
 * Fails where a schema refers back to itself without a step into the instance. Call it when all
 * nodes are filled in.
 */
void compile_check_circles(struct compiler *c);

/*
 * Warns where a message of at most @max_bytes may need more work than its budget. Does nothing
 * where @max_bytes is 0.
 */
void compile_worst(struct compiler *c, size_t max_bytes);

/*
 * compile_warn.c: adds "<document>: <pointer>[/<keyword>]: <text>" to the schema's warnings. Does
 * nothing where no warnings are wanted, or where the same is there; where there are
 * SCHEMA_MAX_WARNINGS it only counts.
 */
void compile_warn(struct compiler *c, const struct schema_place *place, const char *keyword,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds a last one, which says how many were only counted, if any were. */
void compile_warn_of_more(struct compiler *c);

/*
 * compile_ignored.c: warns of what stands beside a $ref that hides it, of keywords that another
 * dialect has, and of names that are near a keyword: they look as if they were enforced.
 */
void compile_ignored(struct compiler *c, const struct schema_place *place);

/* Warns of a default and of examples that are not valid. Call it when the program is complete. */
void compile_examples(struct compiler *c);

/* Fills in a schema whose $ref is all that counts. */
void compile_only_reference(struct filling *f);

#endif
