/*
 * A text with big numbers is parsed in two steps. First each big number is replaced by a 0 and
 * spaces in a copy of the text, so that Jansson accepts it and every offset stays the same. Then
 * the tree is walked in the order of the text, and the zeros are replaced by the big numbers, which
 * are found by their ordinal. (Jansson keeps members in the order of the text. It drops none,
 * because names are unique.) A text without big numbers is neither copied nor walked; most have
 * none.
 */
#include "schema/jsonbig.h"

#include <stdlib.h>
#include <string.h>

#include "schema/jsonscan.h"
#include "schema/jsonspan.h"
#include "schema/payload_backend.h"

struct exchange_run {
	const char *text;
	const struct jsonscan_big *big;
	size_t count;
	size_t done;
	size_t ordinal; /* of the next scalar */
};

/* New reference to the big number of @big, or NULL. */
static json_t *marked_new(const char *text, const struct jsonscan_big *big)
{
	char *copy = malloc(big->len + 1);
	json_t *value = NULL;

	if (copy) {
		copy[0] = (char)JSONBIG_MARK;
		memcpy(copy + 1, text + big->offset, big->len);
		value = json_stringn_nocheck(copy, big->len + 1);
	}
	free(copy);
	return value;
}

static bool is_container(const json_t *value)
{
	return json_is_object(value) || json_is_array(value);
}

/*
 * Counts the next scalar. *ret is what it is to be exchanged for, or NULL
 * where it stays. False when out of memory.
 */
static bool next_scalar(struct exchange_run *run, json_t **ret)
{
	*ret = NULL;
	if (run->ordinal++ != run->big[run->done].ordinal)
		return true;
	*ret = marked_new(run->text, &run->big[run->done]);
	run->done++;
	return *ret != NULL;
}

/* Recursion is as deep as the text, which the scan has bounded. */
static bool exchange(struct exchange_run *run, json_t *container)
{
	bool is_array = json_is_array(container);
	void *member = json_object_iter(container);

	for (size_t i = 0; run->done < run->count; i++) {
		json_t *child =
			is_array ? json_array_get(container, i) : json_object_iter_value(member);
		json_t *marked = NULL;

		if (!child)
			return true;
		if (is_container(child) ? !exchange(run, child) : !next_scalar(run, &marked))
			return false;
		if (marked && (is_array ? json_array_set_new(container, i, marked)
					: json_object_iter_set_new(container, member, marked)))
			return false;
		member = json_object_iter_next(container, member);
	}
	return true;
}

/* New reference, or NULL with @error; the scan has accepted @text already. */
static json_t *load(const char *text, size_t len, struct payload_error *error)
{
	json_error_t why;
	json_t *root = json_loadb(text, len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);

	if (root)
		return root;
	/* Only what the scan does not look for is left. */
	if (json_error_code(&why) != json_error_duplicate_key) {
		payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
		return NULL;
	}
	/* Jansson stands behind the name. */
	payload_report(
		error, PAYLOAD_DUPLICATE,
		jsonspan_string_start(text, len, why.position > 0 ? (size_t)why.position : 0),
		"a member name occurs twice");
	return NULL;
}

/* New reference, or NULL with @error; @count big numbers are in @text. */
static json_t *load_big(const char *text, size_t len, unsigned max_depth, size_t count,
			struct payload_error *error)
{
	struct jsonscan_big *big = malloc(count * sizeof(*big));
	char *copy = malloc(len);
	struct exchange_run run = { .text = text, .big = big, .count = count };
	struct jsonscan scan;
	json_t *root = NULL;

	if (!big || !copy) {
		payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
		goto out;
	}
	(void)jsonscan_run(text, len, max_depth, big, count, &scan);
	memcpy(copy, text, len);
	for (size_t i = 0; i < count; i++) {
		memset(copy + big[i].offset, ' ', big[i].len);
		copy[big[i].offset] = '0';
	}
	root = load(copy, len, error);
	if (!root)
		goto out;
	if (!is_container(root)) {
		json_decref(root);
		root = marked_new(text, &big[0]);
	} else if (!exchange(&run, root)) {
		json_decref(root);
		root = NULL;
	}
	if (!root)
		payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
out:
	free(copy);
	free(big);
	return root;
}

json_t *jsonbig_parse(const char *text, size_t len, unsigned max_depth, struct payload_error *error)
{
	struct jsonscan scan;

	if (!jsonscan_run(text, len, max_depth, NULL, 0, &scan)) {
		jsonscan_report(&scan, error);
		return NULL;
	}
	if (scan.big_count > 0)
		return load_big(text, len, max_depth, scan.big_count, error);
	return load(text, len, error);
}
