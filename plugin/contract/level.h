/*
 * level.h -- one level of an address: text, parameters, or a wildcard.
 *
 * An address ("orders/{orderId}/status") is cut at its slashes. Each piece is one of enum
 * level_kind. Knows how one level of an address and one of a topic (MQTT 5, 4.7) go together;
 * knows nothing of channels.
 *
 * The text of a parameter is one character or more of valid UTF-8, none of them "+", "#", "/" or
 * U+0000. Where several stand in one level, each but the last takes the shortest text with which
 * the text behind it follows; the last one takes the rest. So a level matches in one way or not at
 * all, and no way is tried twice.
 */
#ifndef PETSTORE_CONTRACT_LEVEL_H
#define PETSTORE_CONTRACT_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/channel.h"

/* In the order in which they are preferred. */
enum level_kind {
	LEVEL_TEXT = 0, /* "orders", or nothing between two slashes */
	LEVEL_PARTS,    /* text and parameters, "dev-{id}", "{a}.{b}"; or several parameters */
	LEVEL_PARAM,    /* "{orderId}" */
	LEVEL_ANY,      /* "+": any level, also an empty one */
	LEVEL_REST,     /* "#" at the end: any number of levels, also none */
};

struct level {
	const char *text; /* as the address has it; borrowed */
	uint32_t len;
	uint16_t head; /* LEVEL_PARTS: bytes before the first parameter */
	uint16_t tail; /* LEVEL_PARTS: bytes behind the last one */
	uint8_t params;
	uint8_t kind; /* enum level_kind */
};

#define LEVEL_BYTES_MAX 4096u /* of an address, and so of a level */

/*
 * Reads the level that begins at *@address, of at most LEVEL_BYTES_MAX bytes, and moves *@address
 * to the next one; NULL behind the last. @ret borrows its text. A level that level_fault() objects
 * to is read as some kind or other.
 */
void level_read(const char **address, struct level *ret);

/* What is wrong with the level, for "the address has ..."; NULL: nothing. */
const char *level_fault(const struct level *level);

/* Is each byte of the level of a topic one that a topic may have, and all of it UTF-8? */
bool level_is_topic(const char *text, size_t len);

bool level_is_utf8(const char *text, size_t len);

/*
 * Does LEVEL_PARTS @level match the topic's level @text, which level_is_topic()? Stores the text of
 * each parameter in @ret (level->params of them). The time grows with @len and the parameters.
 */
bool level_match(const struct level *level, const char *text, size_t len,
		 struct contract_span *ret);

/*
 * Which of two levels is preferred where both match: less than 0, @a is; 0, they match the same.
 * The kinds count first. Then both are compared from the left, a parameter counting as one: text
 * beats a parameter, a parameter beats the end of the level. Text of equal standing is in
 * the order of its bytes, see level_is_tie().
 */
int level_compare(const struct level *a, const struct level *b);

/* Is there a level of a topic that both match? */
bool level_overlaps(const struct level *a, const struct level *b);

/*
 * Is neither preferred, although both match some level: is their first difference a byte of text,
 * behind the same text and parameters? "{a}.{b}" and "{a}-{b}" are a tie.
 */
bool level_is_tie(const struct level *a, const struct level *b);

/* Of two addresses: is there a topic that both match, and is @other preferred to @address there? */
bool level_is_beaten(const char *address, const char *other);

#endif
