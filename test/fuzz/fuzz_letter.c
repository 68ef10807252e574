/*
 * A dead letter of any bytes as an envelope: it is JSON, one line, and the payload comes back from
 * it. Input: one byte of the number of the properties' bytes, these as on the wire, the topic up to
 * a NUL, the payload.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "report/deadletter.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_payload(json_t *json, const struct message *message)
{
	const char *text = json_string_value(json_object_get(json, "payload"));
	size_t len = json_string_length(json_object_get(json, "payload"));
	unsigned char *bytes = malloc(BASE64_DECODED_MAX(len));

	ENSURE(text && bytes);
	if (strcmp(json_string_value(json_object_get(json, "encoding")), "base64") == 0) {
		ENSURE(base64_decode(BASE64_PADDED, text, len, bytes, BASE64_DECODED_MAX(len),
				     &len));
		text = (const char *)bytes;
	}
	ENSURE(len == message->payload_len);
	ENSURE(len == 0 || memcmp(text, message->payload, len) == 0);
	free(bytes);
}

static void check(const struct deadletter *letter)
{
	size_t len = deadletter_print(letter, NULL, 0);
	char *text = malloc(len);
	json_t *json;

	ENSURE(text && deadletter_print(letter, text, len) == len);
	for (size_t i = 0; i < len; i++)
		ENSURE((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
	json = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	ENSURE(json_is_object(json));
	check_payload(json, letter->message);
	json_decref(json);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct refusal refusal = { .id = "0", .action = "publish" };
	struct message message = { .topic = "" };
	struct deadletter letter = {
		.refusal = &refusal, .message = &message, .problem = "{}", .problem_len = 2
	};
	struct deadletter_pairs pairs;
	char *text = malloc(size + 1), *at = text, *end = text + size;

	ENSURE(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (size > 0) {
		letter.properties_len = (unsigned char)*at++;
		if (letter.properties_len > (size_t)(end - at))
			letter.properties_len = (size_t)(end - at);
		letter.properties = at;
		at += letter.properties_len;
	}
	message.topic = refusal.who.principal = refusal.who.client_id = at;
	at += strlen(at);
	if (at < end)
		at++;
	message.payload = at;
	message.payload_len = (size_t)(end - at);
	letter.is_cut = size % 2 == 1;
	check(&letter);
	(void)deadletter_is_one(letter.properties, letter.properties_len);
	deadletter_pairs(&letter, &pairs);
	free(text);
	return 0;
}
