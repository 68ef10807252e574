#include "base/clientlevel.h"

#include <string.h>

#include "base/percent.h"

size_t clientlevel_print(const char *id, char *ret)
{
	size_t len = percent_encode(ret, CLIENTLEVEL_MAX + 1, id, strlen(id), "");

	if (len <= CLIENTLEVEL_MAX)
		return len;
	ret[0] = '\0';
	return 0;
}
