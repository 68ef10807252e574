#include "contract/place.h"

#include <stdio.h>
#include <string.h>

#include "contract/sources.h"

struct place place_member(const struct place *up, const char *key)
{
	return (struct place){
		.file = up->file,
		.json = json_object_get(up->json, key),
		.path = { .up = &up->path, .key = key },
	};
}

struct place place_item(const struct place *up, size_t index)
{
	return (struct place){
		.file = up->file,
		.json = json_array_get(up->json, index),
		.path = { .up = &up->path, .index = index },
	};
}

int place_fail(const struct place *place, struct diag *diag, int err, const char *format, ...)
{
	struct diag text;
	va_list args;

	va_start(args, format);
	(void)diag_vset(&text, err, format, args);
	va_end(args);
	return jsonpath_fail(diag, err, place->file->name, &place->path, "%s", text.text);
}

int place_object(const struct place *place, struct diag *diag)
{
	if (json_is_object(place->json))
		return 0;
	return place_fail(place, diag, ERR_INVALID, "expected an object");
}

int place_array(const struct place *place, struct diag *diag)
{
	if (json_is_array(place->json))
		return 0;
	return place_fail(place, diag, ERR_INVALID, "expected an array");
}

int place_text(const struct place *place, size_t max, const char **ret, struct diag *diag)
{
	const char *text = json_string_value(place->json);
	size_t len = json_string_length(place->json);

	if (!text)
		return place_fail(place, diag, ERR_INVALID, "expected a string");
	if (len == 0 || strlen(text) != len)
		return place_fail(place, diag, ERR_INVALID,
				  "expected a string that is not empty and has no U+0000");
	if (len > max)
		return place_fail(place, diag, ERR_LIMIT, "longer than %zu bytes", max);
	*ret = text;
	return 0;
}

int place_integer(const struct place *place, json_int_t min, json_int_t max, json_int_t *ret,
		  struct diag *diag)
{
	json_int_t value = json_integer_value(place->json);

	if (!json_is_integer(place->json) || value < min || value > max)
		return place_fail(place, diag, ERR_INVALID,
				  "expected an integer of %" JSON_INTEGER_FORMAT
				  " to %" JSON_INTEGER_FORMAT,
				  min, max);
	*ret = value;
	return 0;
}

int place_boolean(const struct place *place, bool *ret, struct diag *diag)
{
	if (!json_is_boolean(place->json))
		return place_fail(place, diag, ERR_INVALID, "expected true or false");
	*ret = json_is_true(place->json);
	return 0;
}

/* Adds "a", "b" or "c" to @list, cut where it does not fit. */
static void list_add(char *list, size_t cap, const char *word, const char *quote, const char *join)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, cap - used, "%s%s%s%s", used ? join : "", quote, word, quote);
}

int place_word(const struct place *place, const char *const *words, unsigned *ret,
	       struct diag *diag)
{
	char list[DIAG_MAX] = "";

	for (unsigned i = 0; words[i]; i++) {
		if (json_is_string(place->json) &&
		    json_string_length(place->json) == strlen(words[i]) &&
		    strcmp(json_string_value(place->json), words[i]) == 0) {
			*ret = i;
			return 0;
		}
		list_add(list, sizeof(list), words[i], "\"", words[i + 1] ? ", " : " or ");
	}
	return place_fail(place, diag, ERR_INVALID, "expected %s", list);
}

static int fail_unknown(const struct place *place, const char *noun,
			const struct place_known *known, struct diag *diag)
{
	char list[DIAG_MAX] = "";

	for (; known->name; known++)
		if (!known->refusal)
			list_add(list, sizeof(list), known->name, "", ", ");
	return place_fail(place, diag, ERR_INVALID, "unknown member; %s has: %s", noun, list);
}

int place_check(const struct place *place, const char *noun, const struct place_known *known,
		struct diag *diag)
{
	const char *key;
	json_t *value;

	if (place_object(place, diag))
		return ERR_INVALID;
	json_object_foreach(place->json, key, value) {
		struct place member = place_member(place, key);
		const struct place_known *row = known;

		while (row->name && strcmp(row->name, key) != 0)
			row++;
		if (!row->name)
			return fail_unknown(&member, noun, known, diag);
		if (row->refusal)
			return place_fail(&member, diag, ERR_INVALID, "%s", row->refusal);
	}
	return 0;
}
