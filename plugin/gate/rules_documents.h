/*
 * rules_documents.h -- the contract's documents as the schema engine reads them, for some of the
 * schemas at a time.
 *
 * As JSON a document takes several times its size. So of a large contract each set of schemas has
 * those channels and components only that its schemas stand in, or refer to. Where it can't be told
 * from the text of references which these are ($id, anchors, discriminators), one set has all.
 */
#ifndef PETSTORE_GATE_RULES_DOCUMENTS_H
#define PETSTORE_GATE_RULES_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "contract/contract.h"
#include "schema/schema.h"

/* A schema's URI and who wants it. */
struct rules_wanted {
	const char *uri;
	const struct schema **place;
};

struct rules_documents;

/*
 * New documents of @contract, which outlives them, for the @count schemas of @wanted, in the order
 * of strcmp(). To be freed with rules_documents_free().
 */
int rules_documents_new(const struct contract *contract, const struct rules_wanted *wanted,
			size_t count, struct rules_documents **ret, struct diag *diag) MUST_CHECK;
void rules_documents_free(struct rules_documents *documents); /* NULL is fine */

/* How many of the schemas from wanted[from] on the next set gets. */
size_t rules_documents_part(const struct rules_documents *documents, size_t from);

/*
 * Adds the documents to @set, with what the @count schemas from wanted[from] on need. The set of
 * the call before is freed by now.
 */
int rules_documents_add(struct rules_documents *documents, size_t from, size_t count,
			struct schema_set *set, struct diag *diag) MUST_CHECK;

/* Has the set of the last call the value at @uri, if the contract has it? */
bool rules_documents_has(const struct rules_documents *documents, const char *uri);

#endif
