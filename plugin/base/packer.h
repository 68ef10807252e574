/*
 * packer.h -- a text that is compressed while it is written (zlib), so that it is never whole.
 */
#ifndef PETSTORE_PACKER_H
#define PETSTORE_PACKER_H

#include <stddef.h>
#include <stdio.h>
#include <zlib.h>

#include "base/diag.h"

enum packer_kind { PACKER_ZLIB, PACKER_GZIP };

struct packer {
	z_stream stream;
	unsigned char *bytes; /* @used of @room */
	size_t room, used;
	size_t len;  /* of the text so far */
	size_t most; /* that it may have */
	int rc;      /* of what failed first: ERR_LIMIT, ERR_NOMEM */
};

/* On success clear it with packer_clear(). ERR_NOMEM. */
int packer_init(struct packer *packer, enum packer_kind kind, size_t most) MUST_CHECK;
void packer_clear(struct packer *packer);

/* The text's next @len bytes; afterwards packer->rc, too, says whether all went well. */
int packer_write(struct packer *packer, const void *text, size_t len);

/* What is written to the stream is written by packer_write(). NULL: memory ran out. */
FILE *packer_open(struct packer *packer);

/* The text ends. *ret is new, of *ret_len bytes. */
int packer_end(struct packer *packer, unsigned char **ret, size_t *ret_len) MUST_CHECK;

/*
 * The text of @packed, which has @len bytes of either kind: new, of *ret_len bytes, *ret_len at
 * most before. ERR_NOMEM; ERR_SYNTAX where it is no such text.
 */
int packer_unpack(const void *packed, size_t len, unsigned char **ret, size_t *ret_len) MUST_CHECK;

#endif
