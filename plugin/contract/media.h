/*
 * media.h -- what a media type says: how a payload is read, and what a schema is written in.
 *
 * Knows the names of RFC 6838, of AsyncAPI 3 ("Schema formats table") and what is in use for MQTT;
 * knows nothing of documents. Letters of either case, spaces, and parameters in any order are
 * taken.
 */
#ifndef PETSTORE_CONTRACT_MEDIA_H
#define PETSTORE_CONTRACT_MEDIA_H

#include <stdbool.h>

#include "contract/channel.h"

/*
 * How a payload of content type @type is read, to *ret. What is neither JSON nor text is
 * CONTRACT_BINARY where its bytes mean something to its readers alone (images, CBOR), and
 * CONTRACT_OPAQUE where a schema could describe it that is not looked at (XML, Avro). False: @type
 * is no media type.
 */
bool media_format(const char *type, enum contract_format *ret);

/* Is @type CloudEvents' JSON ("application/cloudevents+json")? */
bool media_is_cloudevents(const char *type);

/*
 * What "schemaFormat" @type says, to *ret. False: a schema of another kind than JSON Schema, such
 * as Avro, or a version that is not known.
 */
bool media_dialect(const char *type, enum contract_dialect *ret);

#endif
