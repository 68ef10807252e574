/*
 * Any JSON as a document that is cut: of its channels only those stay that may be used. The first
 * byte says which.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "contract/cut.h"

#define MEMBERS 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cut_rights rights[MEMBERS];
	struct cut_may may = { MEMBERS, MEMBERS, rights, rights };
	json_t *document, *cut = NULL, *channel;
	const char *key;
	size_t i = 0;
	struct diag diag;

	if (size < 2)
		return 0;
	document = json_loadb((const char *)data + 1, size - 1, JSON_ALLOW_NUL, NULL);
	if (!json_is_object(document)) {
		json_decref(document);
		return 0;
	}
	for (size_t k = 0; k < MEMBERS; k++)
		rights[k].send = rights[k].receive = (data[0] >> k & 1) ? CUT_OWN : CUT_NO;
	if (cut_document(document, &may, &cut, &diag) != 0)
		abort();
	json_object_foreach(json_object_get(document, "channels"), key, channel) {
		bool may_use = i < MEMBERS && rights[i].send != CUT_NO;

		if (!may_use && json_object_get(json_object_get(cut, "channels"), key))
			abort();
		i++;
	}
	json_decref(cut);
	json_decref(document);
	return 0;
}
