#include "base/base64.h"

#include <openssl/evp.h>

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
	int n = EVP_EncodeBlock((unsigned char *)ret, data, (int)len);

	while (kind != BASE64_PADDED && n > 0 && ret[n - 1] == '=')
		ret[--n] = '\0';
	for (int i = 0; kind == BASE64_URL && i < n; i++)
		ret[i] = ret[i] == '+' ? '-' : ret[i] == '/' ? '_' : ret[i];
	return ret;
}
