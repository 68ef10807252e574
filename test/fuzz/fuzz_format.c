/*
 * A text under every format, and what one format says about another.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is(const char *name, const char *text, size_t len)
{
	return format_check(format_find(name, strlen(name)), text, len);
}

/* Whatever has the format @narrow has @wide. */
static void implies(const char *narrow, const char *wide, const char *text, size_t len)
{
	if (is(narrow, text, len) && !is(wide, text, len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const alone[] = { "date",        "date-time", "duration",
					     "ipv6",        "regex",     "relative-json-pointer",
					     "time",        "uuid",      "uri-template",
					     "json-pointer" };
	bool is_ascii = true;
	char *text = malloc(size ? size : 1); /* ASan sees a byte too far */

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		(void)is(alone[i], text, size);
	implies("uri", "uri-reference", text, size);
	implies("uri", "iri", text, size);
	implies("iri", "iri-reference", text, size);
	implies("uri-reference", "iri-reference", text, size);
	implies("ipv4", "hostname", text, size);
	implies("email", "idn-email", text, size);
	/* Not the other way round: RFC 5890 keeps "ab--cd" from internationalised names. */
	for (size_t i = 0; i < size; i++)
		is_ascii = is_ascii && !(text[i] & 0x80);
	if (is_ascii)
		implies("idn-hostname", "hostname", text, size);
	free(text);
	return 0;
}
