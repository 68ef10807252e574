/*
 * packedparts.h -- an answer compressed by gzip, in parts that are messages of their own.
 *
 * A part is {"size","offset","next","encoding":"gzip","text"}: "text" is base64 of the bytes from
 * "offset" on, of "size" compressed ones in all; "next" is where the next part begins, or null. All
 * parts, each decoded, one behind the other, are one gzip file.
 *
 * What is written of a message in one round of the broker's loop is bounded (control.h, contract),
 * so the parts of an answer are small. Knows nothing of commands. For any thread.
 */
#ifndef PETSTORE_PACKEDPARTS_H
#define PETSTORE_PACKEDPARTS_H

#include <jansson.h>
#include <stddef.h>

/*
 * Compressed bytes of a part. Around its text there are some 300 bytes and the request's
 * correlationData (CONTROL_CORRELATION_MAX), and in all the message has less than 4 KiB. Of the
 * largest answer there are CONTROL_PARTS_MAX.
 */
#define PACKEDPARTS_BYTES 2048u

/* A message of so many bytes, with its topic, is no larger than one that has a part. */
#define PACKEDPARTS_SMALL 3900u

/* The part of @packed (@len bytes) at @offset, which is inside, of @bytes at most: new. NULL:
 * memory ran out. */
json_t *packedparts_one(const unsigned char *packed, size_t len, size_t offset, size_t bytes);

/* The small parts from @offset on, @most at most, an array: new. NULL: memory ran out. */
json_t *packedparts_list(const unsigned char *packed, size_t len, size_t offset, size_t most);

/* The parts of @data's text, an array: new. NULL: memory ran out. */
json_t *packedparts_of(const json_t *data);

#endif
