/*
 * translate.h -- which AsyncAPI a document is written in, and a document of 2.0 to 2.6 as the one
 * of 3.x that means the same (AsyncAPI 2.6.0 and 3.0.0, and the migration guide between them).
 *
 * What becomes of a document of 2.x:
 * - a channel's name is its address; "publish" and "subscribe" become operations, whose action
 *   enum translate_view decides; "operationId" names them, else "CHANNEL.publish";
 * - the messages of both are the channel's, one each for an item of "oneOf", also of one in
 *   another; they are named by messageId, by the reference, by name, in this order;
 * - "schemaFormat" moves into the payload; a parameter's schema becomes enum, default, examples and
 *   x-pattern; a server's "url" host and pathname; the document's tags and externalDocs are info's;
 * - a security requirement with scopes becomes a scheme with these scopes; where it has several
 *   schemes, all of which are needed, the others become the first one's "x-and", which is ours;
 * - traits stay traits, unless one has a member that its object has too: in 2.x the trait wins, in
 *   3.x the object, so that they are merged then;
 * - what a reference brings from another file, or from under another channel, is translated in
 *   place. Everything else, extensions and schemas among it, stays the very value that it was.
 *
 * What 3.x has no place for is a warning. All values name the place in the original.
 */
#ifndef PETSTORE_CONTRACT_TRANSLATE_H
#define PETSTORE_CONTRACT_TRANSLATE_H

#include "contract/sources.h"

#define TRANSLATE_MESSAGES_MAX 1024u /* of one operation */
#define TRANSLATE_NESTING_MAX 8u     /* of "oneOf" in messages */

/*
 * Whose view the operations are. A document of 2.x says what a client of the application does:
 * "publish" is sent by clients and received by the application. 3.x describes the application
 * itself.
 *
 * As the specification has it, a document is translated for the application: publish -> receive,
 * subscribe -> send. One whose x-perspective is "client" becomes what its clients do: publish ->
 * send, subscribe -> receive.
 */
enum translate_view { TRANSLATE_CLIENT, TRANSLATE_APPLICATION };

/*
 * Looks at the version of @file, a document, and translates it where that is of 2.x: then its root
 * is another than the original. A version that is not known by its last part, or is newer than
 * those known of 2.x and 3.x, is read as the nearest known, with a warning. False, and a fault,
 * where it is no such document.
 */
bool translate_open(struct sources *sources, struct sources_file *file, enum translate_view view);

#endif
