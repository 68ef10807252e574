#include "monitor/packedparts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/packer.h"
#include "monitor/control.h"

json_t *packedparts_one(const unsigned char *packed, size_t len, size_t offset, size_t bytes)
{
	size_t left = len - offset, end = left < bytes ? len : offset + bytes;
	char *base64 = malloc(BASE64_ENCODED_SIZE(end - offset));
	json_t *ret = NULL;

	if (base64) {
		(void)base64_encode(BASE64_PADDED, packed + offset, end - offset, base64);
		ret = json_pack("{sI sI so ss ss}", "size", (json_int_t)len, "offset",
				(json_int_t)offset, "next",
				end < len ? json_integer((json_int_t)end) : json_null(), "encoding",
				"gzip", "text", base64);
	}
	free(base64);
	return ret;
}

json_t *packedparts_list(const unsigned char *packed, size_t len, size_t offset, size_t most)
{
	json_t *ret = json_array();

	for (; ret && most > 0 && offset < len; most--, offset += PACKEDPARTS_BYTES)
		if (json_array_append_new(
			    ret, packedparts_one(packed, len, offset, PACKEDPARTS_BYTES))) {
			json_decref(ret);
			return NULL;
		}
	return ret;
}

/* The text's gzip file, new; NULL: memory ran out. */
static unsigned char *pack(const char *text, size_t *len)
{
	unsigned char *ret = NULL;
	struct packer packer;

	if (packer_init(&packer, PACKER_GZIP, CONTROL_ANSWER_MAX))
		return NULL;
	if (packer_write(&packer, text, strlen(text)) || packer_end(&packer, &ret, len))
		ret = NULL;
	packer_clear(&packer);
	return ret;
}

json_t *packedparts_of(const json_t *data)
{
	char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
	size_t len = 0;
	unsigned char *packed = text ? pack(text, &len) : NULL;
	json_t *ret = packed ? packedparts_list(packed, len, 0, SIZE_MAX) : NULL;

	free(packed);
	free(text);
	return ret;
}
