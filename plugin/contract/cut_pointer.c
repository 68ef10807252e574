/*
 * cut_pointer.c -- references and pointers, taken apart.
 */
#include "contract/cut_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"
#include "base/percent.h"
#include "base/utf8.h"

static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = strlen(text), len;

	for (; left > 0; at += len, left -= len)
		if ((len = utf8_length(at, left)) == 0)
			return false;
	return true;
}

bool cut_read_text(const char *text, struct cut_pointer *ret)
{
	char token[CUT_POINTER_MAX];
	size_t used = 0;

	ret->count = 0;
	while (*text == '/') {
		if (!jsonpointer_next(&text, token, sizeof(token)))
			return false;
		used += jsonpointer_put(ret->text + used, sizeof(ret->text) - used, token,
					strlen(token));
		if (ret->count < CUT_TOKEN)
			(void)snprintf(ret->token[ret->count], CUT_POINTER_MAX, "%s", token);
		ret->count++;
	}
	return used + 8 < sizeof(ret->text);
}

bool cut_read_pointer(const char *ref, struct cut_pointer *ret)
{
	char text[CUT_POINTER_MAX];
	size_t len = ref[0] == '#' ? strlen(ref + 1) : 0;

	ret->count = 0;
	if (len == 0 || ref[1] != '/' || len >= sizeof(text))
		return false;
	memcpy(text, ref + 1, len + 1);
	return percent_decode(text) == strlen(text) && is_utf8(text) && cut_read_text(text, ret);
}
