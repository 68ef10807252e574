#include "ledger/store_words.h"

#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

bool store_identity_parse(const char *hex, unsigned char ret[STORE_IDENTITY])
{
	if (!hex || strlen(hex) != 2 * STORE_IDENTITY)
		return false;
	for (size_t i = 0; i < STORE_IDENTITY; i++) {
		const char *high = strchr(digits, hex[2 * i]);
		const char *low = strchr(digits, hex[2 * i + 1]);

		if (!high || !low)
			return false;
		ret[i] = (unsigned char)((high - digits) << 4 | (low - digits));
	}
	return true;
}

bool store_ring_parse(const char *hex, struct store_facts *ret)
{
	ret->ring_number = 0;
	ret->ring = !hex ? STORE_RING_UNKNOWN : *hex ? STORE_RING_IN_USE : STORE_RING_NONE;
	if (ret->ring != STORE_RING_IN_USE)
		return true;
	if (strlen(hex) != STORE_RING_DIGITS || strspn(hex, digits) != STORE_RING_DIGITS)
		return false;
	ret->ring_number = strtoull(hex, NULL, 16);
	return true;
}
