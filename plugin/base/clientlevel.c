#include "base/clientlevel.h"

#include <stdbool.h>

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

size_t clientlevel_print(const char *id, char *ret)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;

	for (; *id; id++) {
		unsigned char c = (unsigned char)*id;

		if (used + (is_plain(*id) ? 1 : 3) > CLIENTLEVEL_MAX) {
			used = 0;
			break;
		}
		if (is_plain(*id)) {
			ret[used++] = *id;
			continue;
		}
		ret[used++] = '%';
		ret[used++] = hex[c >> 4];
		ret[used++] = hex[c & 15];
	}
	ret[used] = '\0';
	return used;
}
