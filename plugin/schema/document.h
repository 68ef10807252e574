/*
 * document.h -- what a schema set knows: documents, the resources in them, every schema's place.
 *
 * A *document* is JSON that was added. A *resource* is a schema with a URI of its own: a
 * document's root, or a subschema with $id. What only has a $schema of its own (the payload of a
 * message, in a contract) is a part of its resource that is written in another dialect. A *place*
 * is one schema that is an object, with its JSON Pointer in the document; boolean schemas need
 * none. Places are found by walking known keywords only, so that an $id inside a const or an
 * unknown keyword names nothing, until a reference makes a schema of it.
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

/* How deep schemas may be nested in one document. */
#define DOCUMENT_MAX_NESTING 256u

struct document {
	struct document *next;
	const char *uri;
	const char *name; /* for people */
	json_t *root;     /* owned */
	struct resource *resource;
	bool is_indexed;
	bool is_builtin; /* one of our metaschemas: known to be right */
};

struct anchor {
	struct anchor *next;
	const char *name;
	json_t *node;
	bool is_dynamic;
};

struct resource {
	struct document *document;
	const char *uri; /* the base of the references in it */
	json_t *node;
	const char *pointer;           /* of @node in the document */
	const struct dialect *dialect; /* NULL: its $schema is not known */
	const char *dialect_uri;
	struct anchor *anchors;
	struct resource *whole; /* of a part in another dialect: what has the URI; else NULL */
	uint32_t id;
};

struct schema_place {
	struct resource *resource;
	struct schema_place *parent; /* the schema around it, NULL at a document's root */
	json_t *node;
	const char *pointer;
	bool is_detached; /* no keyword's subschema: a reference made it a schema */
	bool is_checked;  /* it and all below it: against their metaschemas */
	size_t id;        /* 0, 1, 2, ... in its set */
};

/* One URI and what it names; there may be several of one URI. */
struct known_uri {
	struct known_uri *next;
	const char *uri;
	struct resource *resource;
};

/* A dialect found once, and the compiled metaschema that goes with it. */
struct known_dialect {
	struct known_dialect *next;
	const char *uri;
	struct dialect dialect;
	struct schema *metaschema; /* owned; NULL until it is needed */
	bool is_in_progress;
};

struct schema_set {
	struct arena arena;
	struct document *documents;
	struct known_uri *names;
	struct known_dialect *dialects;
	struct schema_place **places; /* a hash table by node and document */
	size_t place_count;
	size_t place_slots; /* a power of two */
	uint32_t resource_count;
	bool has_dynamic_anchors; /* outside of our metaschemas */
};

/* Where a reference leads. */
struct target {
	struct resource *resource;  /* the one that the schema is in */
	struct schema_place *place; /* NULL: a boolean schema */
	json_t *node;
	const char *pointer;
	const char *dynamic_anchor; /* the fragment, where $dynamicAnchor made it; else NULL */
};

/* "<document>: <pointer>[/<more>]: <text>" into @diag; @more may be NULL. Returns @err. */
int document_fail(struct diag *diag, int err, const struct resource *resource, const char *pointer,
		  const char *more, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The place of @node in @document, or NULL. */
struct schema_place *document_place(const struct schema_set *set, const struct document *document,
				    const json_t *node);

/*
 * A new place of @node in the set's table; @parent is the schema around it, @pointer in the set's
 * arena. NULL with @diag filled in.
 */
struct schema_place *document_add_place(struct schema_set *set, struct resource *resource,
					struct schema_place *parent, json_t *node,
					const char *pointer, struct diag *diag);

/* The pointer of @child from the pointer of its schema, in the set's arena; NULL: no memory. */
char *document_pointer(struct schema_set *set, const char *pointer,
		       const struct keyword_child *child);

/*
 * set.c: walks every document that was not walked before and whose dialect is known by now. After
 * it, every place and every anchor of those is known.
 */
int document_index_all(struct schema_set *set, struct diag *diag) MUST_CHECK;

/*
 * set.c: makes places of @node (an object) and all schemas below it; @parent and @resource are what
 * is around it. Does nothing where it is a place already.
 */
int document_index(struct schema_set *set, struct resource *resource, struct schema_place *parent,
		   json_t *node, const char *pointer, struct diag *diag) MUST_CHECK;

/*
 * resolve.c: what @ref names, seen from @from. Where it leads into something that was no schema
 * so far, a place is made of it. Fails with ERR_INVALID where it names nothing; the text in
 * @diag then starts with the reference and @diag has no document and pointer yet.
 */
int document_resolve(struct schema_set *set, struct resource *from, const char *ref,
		     struct target *ret, struct diag *diag) MUST_CHECK;

/*
 * resolve.c: the resource that @uri (absolute, without fragment) names, seen from @from (may be
 * NULL). What is in the same document comes first, then the URIs that documents were added
 * under, then every other $id; ERR_INVALID where there is none or where two claim to be it.
 */
int document_find(const struct schema_set *set, struct resource *from, const char *uri,
		  struct resource **ret, struct diag *diag) MUST_CHECK;

#endif
