/*
 * shown.h -- the contract's documents as a text, cut to what somebody may use.
 *
 * Keeps the last texts that were made, compressed, so that the parts of one cost nothing; who has
 * the same rights gets the same text. For one thread at a time. The rules do not change while it
 * reads them.
 */
#ifndef PETSTORE_BROKER_SHOWN_H
#define PETSTORE_BROKER_SHOWN_H

#include <stddef.h>

#include "base/login_method.h"
#include "contract/documents.h"
#include "gate/rules.h"

#define SHOWN_TEXTS_MAX 64u
#define SHOWN_BYTES_MAX (16u << 20) /* of all texts that are kept, or one that is larger */
#define SHOWN_PART_BYTES 49152u     /* of a part, and likewise as a string in JSON: */
#define SHOWN_PART_WRITTEN 61440u

struct shown;

struct shown_text {
	unsigned char *
		packed; /* {"documents":[...],"may":[...]} by gzip: the same text, the same bytes */
	size_t packed_len;
	size_t len;                    /* of the text */
	char digest[DOCUMENTS_DIGEST]; /* of the bytes */
};

int shown_new(struct shown **ret, struct diag *diag) MUST_CHECK;
void shown_free(struct shown *shown); /* NULL is fine */

/* Forgets all texts. */
void shown_forget(struct shown *shown);

/*
 * The text for @principal, who logged in by @method: borrowed until the next call. @rules has
 * documents. ERR_NOMEM.
 */
int shown_make(struct shown *shown, const struct rules *rules,
	       const struct access_principal *principal, enum login_method method,
	       const struct shown_text **ret, struct diag *diag) MUST_CHECK;

/*
 * @text, which was the last that shown_make() gave, as it is: text->len bytes, borrowed until the
 * next call. Unpacks it, unless it was the last that was asked for here, too. ERR_NOMEM.
 */
int shown_plain(struct shown *shown, const struct shown_text *text, const char **ret,
		struct diag *diag) MUST_CHECK;

/*
 * Where the part of @plain (@len bytes) ends that begins at @offset, which is at most @len: between
 * two characters, and so that it has no more than the bytes above. 0: @offset is in the middle of a
 * character.
 */
size_t shown_part(const char *plain, size_t len, size_t offset);

#endif
