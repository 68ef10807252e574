#include "access/base64.h"

#include <string.h>

static const char std_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of @c, or -1. */
static int bits_of(enum base64_kind kind, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (kind == BASE64_URL ? '-' : '+'))
		return 62;
	if (c == (kind == BASE64_URL ? '_' : '/'))
		return 63;
	return -1;
}

bool base64_decode(enum base64_kind kind, const char *text, size_t len, unsigned char *ret,
		   size_t cap, size_t *ret_len)
{
	unsigned hold = 0; /* bits not yet written, at the low end */
	unsigned held = 0;
	size_t n = 0;

	if (kind == BASE64_PADDED) {
		if (len % 4 != 0)
			return false;
		for (int pads = 0; pads < 2 && len > 0 && text[len - 1] == '='; pads++)
			len--;
	}
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int bits = bits_of(kind, text[i]);

		if (bits < 0)
			return false;
		hold = (hold << 6) | (unsigned)bits;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (n == cap)
			return false;
		ret[n++] = (unsigned char)(hold >> held);
		hold &= (1u << held) - 1;
	}
	*ret_len = n;
	return hold == 0; /* bits left over must be zero, or the text has two spellings */
}

char *base64_encode(enum base64_kind kind, const unsigned char *data, size_t len, char *ret)
{
	const char *alphabet = kind == BASE64_URL ? url_alphabet : std_alphabet;
	char *out = ret;

	for (size_t i = 0; i < len; i += 3) {
		size_t take = len - i < 3 ? len - i : 3;
		unsigned bits = (unsigned)data[i] << 16;

		if (take > 1)
			bits |= (unsigned)data[i + 1] << 8;
		if (take > 2)
			bits |= data[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k <= take)
				*out++ = alphabet[(bits >> (18 - 6 * k)) & 63];
			else if (kind == BASE64_PADDED)
				*out++ = '=';
		}
	}
	*out = '\0';
	return ret;
}
