/*
 * A problem document over any bytes: it is JSON, one line, and says what it was given. Input:
 * one byte of the reason, then client id, topic, pointer, keyword and message, each up to a NUL.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/percent.h"
#include "report/notice.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	ENSURE(len == strlen(text));
	ENSURE(json_is_object(json));
	ENSURE(json_is_string(json_object_get(json, "type")));
	ENSURE(json_is_integer(json_object_get(json, "status")));
	for (size_t i = 0; i < len; i++)
		ENSURE((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
	for (const char *c = json_string_value(json_object_get(json, "instance")); *c; c++)
		ENSURE(*c > ' ' && *c < 0x7f && !strchr("\"<>\\^`{|}#?[]", *c));
	json_decref(json);
}

/* One level, no wildcard, and the id can be had back from it. */
static void print_level(const char *id, char *level)
{
	size_t len = percent_level(id, level), used = 0;

	ENSURE(len == strlen(level) && len <= PERCENT_LEVEL_MAX);
	ENSURE(len > 0 || id[0] == '\0' || strlen(id) > PERCENT_LEVEL_MAX / 3);
	ENSURE(level[0] != '$' && !strpbrk(level, "/+#"));
	for (size_t i = 0; i < len; i++, used++) {
		unsigned byte = (unsigned char)level[i];

		if (byte == '%') {
			ENSURE(sscanf(level + i + 1, "%2X", &byte) == 1);
			i += 2;
		}
		ENSURE(byte == (unsigned char)id[used]);
	}
	ENSURE(len == 0 || id[used] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *at = text;
	char *part[5];
	char notice[NOTICE_MAX], level[PERCENT_LEVEL_MAX + 1];
	struct refusal refusal = { .id = "0", .current_status = "" };
	struct schema_error fault[2];

	memcpy(text, data, size);
	text[size] = '\0';
	if (size > 0)
		refusal.reason = (enum reason)(*at++ & 31);
	for (size_t i = 0; i < 5; i++) {
		part[i] = at;
		at += strlen(at);
		if (at < text + size)
			at++;
	}
	refusal.who.client_id = part[0];
	refusal.topic = part[1];
	refusal.topic_len = (size_t)(part[2] - part[1]); /* the NUL too */
	refusal.message = refusal.current_status = part[4];
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(fault[i].instance, sizeof(fault[i].instance), "%s", part[2]);
		(void)snprintf(fault[i].keyword, sizeof(fault[i].keyword), "%s", part[3]);
		(void)snprintf(fault[i].message, sizeof(fault[i].message), "%s", part[4]);
	}
	check(notice, notice_print(size & 1 ? NULL : "https://example.com/errors/", &refusal, fault,
				   size % 3, notice));
	print_level(part[0], level);
	check(notice, notice_print_held(NULL, level, size, (int64_t)size, notice));
	free(text);
	return 0;
}
