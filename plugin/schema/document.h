/*
 * document.h -- what a schema set knows: documents, the resources in them, every schema's place.
 *
 * A *document* is JSON that was added to the set. A *resource* is a schema with a URI of its own:
 * a document's root, or a subschema with $id. A subschema with a $schema but no $id (the payload of
 * a message, in a contract) is a part of its resource that is written in another dialect. A *place*
 * is one schema that is an object, with its JSON Pointer in the document; boolean schemas have no
 * place. The set finds places by walking the known keywords only. So an $id inside a const or
 * inside an unknown keyword names nothing, unless a reference to it makes it a schema.
 *
 * All of it is in the set's arena and is freed with the set. One thread at a time.
 */
#ifndef PETSTORE_SCHEMA_DOCUMENT_H
#define PETSTORE_SCHEMA_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/arena.h"
#include "schema/keyword.h"
#include "schema/schema.h"

/* The deepest nesting of schemas in one document. */
#define DOCUMENT_MAX_NESTING 256u

/* What schema_set_mark() said of a place in a document of SCHEMA_UNSAID. */
struct unsaid_mark {
	struct unsaid_mark *next;
	const char *pointer;
	enum schema_dialect dialect;
};

/* What was added as SCHEMA_UNSAID. */
struct unsaid {
	struct unsaid *next;
	const char *uri;
	const char *name;
	json_t *root; /* owned */
	struct unsaid_mark *marks;
};

struct schema_node;

struct document {
	struct document *next;
	const char *uri;
	const char *name; /* for error messages */
	json_t *root;     /* owned */
	struct resource *resource;
	const struct dialect *edition; /* the dialect that it is the edition for; else NULL */
	bool is_indexed;
	bool is_builtin; /* a built-in metaschema, which is not checked */
	bool has_heirs;  /* heirs.h knows its schemas */
};

struct anchor {
	struct anchor *next;
	const char *name;
	json_t *node;
	bool is_dynamic;
};

struct resource {
	struct document *document;
	const char *uri;    /* the base of the references in it */
	const char *second; /* the base of those that lead nowhere from @uri; NULL: none */
	json_t *node;
	const char *pointer;           /* of @node in the document */
	const struct dialect *dialect; /* NULL: its $schema is not known */
	const char *dialect_uri;
	struct anchor *anchors;
	struct resource *whole; /* of a part: the resource around it; else NULL */
	uint32_t id;
};

/* Is there a discriminator in a schema, or in one that it inherits? See heirs.h. */
enum schema_place_kind {
	PLACE_NOT_ASKED = 0,
	PLACE_IN_QUESTION,
	PLACE_IS_NO_KIND,
	PLACE_IS_KIND,
};

struct schema_place {
	struct resource *resource;
	struct schema_place *parent; /* the schema around it, NULL at a document's root */
	json_t *node;
	const char *pointer;
	bool is_detached; /* not a keyword's subschema: a reference made it a schema */
	bool is_checked;  /* it and all schemas below it passed their metaschemas */
	/*
	 * The node that the compilation of this number made of it; 0: none. (That one starts
	 * another, of a metaschema with the same place, costs a second node at worst.)
	 */
	uint64_t compilation;
	struct schema_node *compiled;
	const char *name; /* that a discriminator may have for it; NULL: none */
	struct heir *heirs;
	enum schema_place_kind kind;
	unsigned stamp; /* of schema_set.stamp, when it was last put into a list */
};

/* One URI and the resource that it names. Several entries may have the same URI. */
struct known_uri {
	struct known_uri *next;
	const char *uri;
	struct resource *resource;
};

/* A dialect that was found before, and its compiled metaschema. */
struct known_dialect {
	struct known_dialect *next;
	const char *uri;
	struct dialect dialect;
	struct schema *metaschema; /* owned; NULL until it is needed */
	bool is_in_progress;
	const struct unsaid *edited; /* this and those added before it have an edition in it */
};

/* The slots of the table of URIs, each a list; a power of two. */
#define SET_NAME_SLOTS 4096u

struct schema_set {
	struct arena arena;
	struct document *documents;
	struct unsaid *unsaid;
	struct known_uri *names[SET_NAME_SLOTS]; /* by the hash of the URI */
	struct known_dialect *dialects;
	struct schema_place **places; /* a hash table by node and document */
	size_t place_count;
	size_t place_slots; /* a power of two */
	uint32_t resource_count;
	uint64_t compilations;    /* that were begun */
	bool has_dynamic_anchors; /* outside of the built-in metaschemas */
	unsigned stamp;           /* of the list that is made; see struct schema_place */
	size_t choices;           /* names that discriminators choose among */
};

/* Where a reference leads. */
struct target {
	struct resource *resource;  /* that the schema is in */
	struct schema_place *place; /* NULL: a boolean schema */
	json_t *node;
	const char *pointer;
	const char *dynamic_anchor; /* the fragment, if a $dynamicAnchor defines it; else NULL */
};

/* Writes "<document>: <pointer>[/<more>]: <text>" to @diag; @more may be NULL. Returns @err. */
int document_fail(struct diag *diag, int err, const struct resource *resource, const char *pointer,
		  const char *more, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Returns the place of @node in @document, or NULL. */
struct schema_place *document_place(const struct schema_set *set, const struct document *document,
				    const json_t *node);

/*
 * Adds a place for @node to the set's table. @parent is the schema around it; @pointer must be in
 * the set's arena. On failure returns NULL with @diag filled in.
 */
struct schema_place *document_add_place(struct schema_set *set, struct resource *resource,
					struct schema_place *parent, json_t *node,
					const char *pointer, struct diag *diag);

/*
 * Returns the pointer of @child, in the set's arena; @pointer is that of the schema around it.
 * NULL: no memory.
 */
char *document_pointer(struct schema_set *set, const char *pointer,
		       const struct keyword_child *child);

/*
 * document_index.c: walks every document that was not walked before and whose dialect is now known.
 * After the call the set knows every place and every anchor of these documents.
 */
int document_index_all(struct schema_set *set, struct diag *diag) MUST_CHECK;

/*
 * document_index.c: makes places for @node (an object) and for all schemas below it. @parent is the
 * schema around @node, @resource the resource around it. @dialect_uri is what @node is written in
 * where it has no $schema; NULL: what @resource is written in. Does nothing where @node is a place
 * already.
 */
int document_index(struct schema_set *set, struct resource *resource, struct schema_place *parent,
		   json_t *node, const char *pointer, const char *dialect_uri,
		   struct diag *diag) MUST_CHECK;

/* document_index.c: makes @resource, which begins with its @node, known as @uri. */
int document_add_name(struct schema_set *set, const char *uri, struct resource *resource,
		      struct diag *diag) MUST_CHECK;

/* document_index.c: names a document's root: its own URI, and its $id. */
int document_name_root(struct schema_set *set, struct resource *resource,
		       struct diag *diag) MUST_CHECK;

/* set.c: makes what is missing of the editions in the dialect @known. */
int document_edit(struct schema_set *set, struct known_dialect *known,
		  struct diag *diag) MUST_CHECK;

/* set.c: adds the built-in metaschema @uri, unless it is none or was added before. */
int document_add_metaschema(struct schema_set *set, const char *uri, struct diag *diag) MUST_CHECK;

/* Returns the slot of @uri in set->names. */
size_t document_name_slot(const char *uri);

/*
 * resolve.c: finds what @ref names, when it stands in the resource @from, or else (NULL) when a
 * reader of @dialect names it. If the target was not known as a schema, the function makes a place
 * for it. ERR_INVALID where @ref names nothing; the text in @diag then starts with the reference,
 * and the caller adds document and pointer.
 */
int document_resolve(struct schema_set *set, struct resource *from, enum schema_dialect dialect,
		     const char *ref, struct target *ret, struct diag *diag) MUST_CHECK;

/*
 * resolve.c: finds the resource that @uri (absolute, without fragment) names. It looks first in the
 * document of @from (may be NULL), then at the URIs that documents were added under, then at every
 * other $id. Of editions it takes those in @dialect (NULL: none). ERR_INVALID where no resource has
 * this URI, or two at the first of these that has any.
 */
int document_find(struct schema_set *set, struct resource *from, const struct dialect *dialect,
		  const char *uri, struct resource **ret, struct diag *diag) MUST_CHECK;

#endif
