#include "base/packer.h"

#include <stdlib.h>

/* The 5 MB of 10,000 channels are made in 0.1 s; more effort makes them no smaller. */
#define LEVEL 3
#define MEMORY 8 /* zlib's own value */
#define ROOM_FIRST 16384u
#define GZIP_BITS 16   /* added to the window's: what is written is gzip */
#define EITHER_BITS 32 /* likewise: what is read is of either kind */

int packer_init(struct packer *packer, enum packer_kind kind, size_t most)
{
	int bits = MAX_WBITS + (kind == PACKER_GZIP ? GZIP_BITS : 0);

	*packer = (struct packer){ .most = most, .room = ROOM_FIRST };
	packer->bytes = malloc(packer->room);
	if (packer->bytes && deflateInit2(&packer->stream, LEVEL, Z_DEFLATED, bits, MEMORY,
					  Z_DEFAULT_STRATEGY) == Z_OK)
		return 0;
	free(packer->bytes);
	return ERR_NOMEM;
}

void packer_clear(struct packer *packer)
{
	(void)deflateEnd(&packer->stream); /* says that it ended too early, after a failure */
	free(packer->bytes);
	packer->bytes = NULL;
}

static int pack(struct packer *packer, const void *text, size_t len, int flush)
{
	packer->stream.next_in = (unsigned char *)text; /* zlib does not write there */
	packer->stream.avail_in = (unsigned)len;
	for (;;) {
		unsigned char *more;
		int rc;

		packer->stream.next_out = packer->bytes + packer->used;
		packer->stream.avail_out = (unsigned)(packer->room - packer->used);
		rc = deflate(&packer->stream, flush);
		packer->used = packer->room - packer->stream.avail_out;
		if (rc == Z_STREAM_END || (rc == Z_OK && packer->stream.avail_out > 0))
			return 0;
		if (rc == Z_BUF_ERROR && packer->stream.avail_out > 0)
			return 0; /* nothing was left to do */
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			return ERR_NOMEM;
		more = realloc(packer->bytes, 2 * packer->room);
		if (!more)
			return ERR_NOMEM;
		packer->bytes = more;
		packer->room *= 2;
	}
}

int packer_write(struct packer *packer, const void *text, size_t len)
{
	if (packer->rc == 0 && packer->most - packer->len < len)
		packer->rc = ERR_LIMIT;
	if (packer->rc == 0)
		packer->rc = pack(packer, text, len, Z_NO_FLUSH);
	if (packer->rc == 0)
		packer->len += len;
	return packer->rc;
}

/* The C library's, for what is written to a FILE. */
static ssize_t on_write(void *cookie, const char *text, size_t len)
{
	return packer_write(cookie, text, len) ? 0 : (ssize_t)len;
}

FILE *packer_open(struct packer *packer)
{
	return fopencookie(packer, "w", (cookie_io_functions_t){ .write = on_write });
}

int packer_end(struct packer *packer, unsigned char **ret, size_t *ret_len)
{
	unsigned char *fit;

	if (packer->rc == 0)
		packer->rc = pack(packer, "", 0, Z_FINISH);
	if (packer->rc)
		return packer->rc;
	fit = realloc(packer->bytes, packer->used);
	*ret = fit ? fit : packer->bytes;
	*ret_len = packer->used;
	packer->bytes = NULL;
	return 0;
}

int packer_unpack(const void *packed, size_t len, unsigned char **ret, size_t *ret_len)
{
	z_stream stream = { .next_in = (unsigned char *)packed, .avail_in = (unsigned)len };
	unsigned char *text = malloc(*ret_len + 1); /* of an empty one, too */
	int rc = Z_MEM_ERROR;

	if (text && inflateInit2(&stream, MAX_WBITS + EITHER_BITS) == Z_OK) {
		stream.next_out = text;
		stream.avail_out = (unsigned)*ret_len + 1;
		rc = inflate(&stream, Z_FINISH);
		(void)inflateEnd(&stream);
	}
	if (rc != Z_STREAM_END || stream.total_out > *ret_len) {
		free(text);
		return rc == Z_MEM_ERROR ? ERR_NOMEM : ERR_SYNTAX;
	}
	*ret_len = stream.total_out;
	*ret = text;
	return 0;
}
