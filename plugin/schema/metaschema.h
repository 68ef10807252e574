/*
 * metaschema.h -- the built-in metaschemas: what each draft says a schema looks like.
 *
 * The texts are those that json-schema.org publishes under the same URIs. That of v1, which is not
 * published yet, says in a $comment what differs.
 */
#ifndef PETSTORE_SCHEMA_METASCHEMA_H
#define PETSTORE_SCHEMA_METASCHEMA_H

#include <stddef.h>

/*
 * Returns the text of the document that @uri (without fragment) names, *len bytes; NULL where
 * none of that URI is built in.
 */
const char *metaschema_text(const char *uri, size_t *len);

#endif
