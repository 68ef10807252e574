/*
 * documents.h -- the contract's documents as one can show them, when the contract itself is packed.
 *
 * Each is one JSON text of AsyncAPI 3.x: translated where it was of 2.x, and with what its
 * references brought from other files in its components (bundle.h). The text is compressed while it
 * is written: neither it nor a tree of it is in memory then. It is kept so, a tenth of its size or
 * less. Never changes; any number of threads may read it.
 */
#ifndef PETSTORE_CONTRACT_DOCUMENTS_H
#define PETSTORE_CONTRACT_DOCUMENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "contract/contract.h"

#define DOCUMENTS_BYTES_MAX (64u << 20) /* of all texts together, before they are compressed */
#define DOCUMENTS_DIGEST 33u            /* bytes of a digest as text, NUL included */

struct documents_one {
	unsigned char *packed; /* owned */
	size_t packed_len, len;
	/* Of each member of /channels, and of /x-broker-topics, the channel's index in the
	 * contract, or CONTRACT_NO_CHANNEL. Owned. */
	size_t channel_count, topic_count;
	unsigned *channel, *topic;
};

struct documents {
	size_t count;
	struct documents_one *one;
	size_t len, packed_len; /* of all texts */
	char digest[DOCUMENTS_DIGEST];
};

/*
 * Makes them of a contract that is not packed. On success *ret is new. ERR_LIMIT: they are too
 * large to be shown; ERR_NOMEM.
 */
int documents_make(struct contract *contract, struct documents **ret, struct diag *diag) MUST_CHECK;
void documents_free(struct documents *documents); /* NULL is fine */

/* The @i-th document, new. ERR_NOMEM. */
int documents_read(const struct documents *documents, size_t i, json_t **ret,
		   struct diag *diag) MUST_CHECK;

/* The digest of @len bytes as text, for whoever compares what was shown. False: no memory. */
bool documents_digest(const void *bytes, size_t len, char ret[static DOCUMENTS_DIGEST]);

#endif
