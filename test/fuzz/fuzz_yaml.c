/*
 * A configuration file as YAML, and as JSON: it is read, or refused with a line. What was read is
 * whole, and is the same after it was written as either and read again. Of JSON Jansson says the
 * same.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/configwrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each value knows its parent and its place; a member is found by its name. */
static void check_tree(const struct config *value)
{
	if (value->line == 0 || value->column == 0)
		abort();
	config_foreach(child, value) {
		if (child->up != value || !child->key != (value->kind == CONFIG_ARRAY))
			abort();
		if (child->key && config_member(value, child->key) != child)
			abort();
		check_tree(child);
	}
}

static void write_again(const struct config *root, const char *name,
			int (*write)(const struct config *root, FILE *file))
{
	struct config *again = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	if (!file || write(root, file) != 0 || fclose(file) != 0)
		abort();
	if (config_parse(name, text, len, &again, NULL) != 0 || !config_equal(root, again))
		abort();
	config_free(again);
	free(text);
}

/* With the file's own comments it is the same. */
static void write_with_notes(const struct config *root, const char *text, size_t len)
{
	const struct configwrite_old old = { root, text, len };
	struct config *again = NULL;
	char *made = NULL;
	size_t made_len = 0;
	FILE *file = open_memstream(&made, &made_len);

	if (!file || configwrite_yaml_notes(root, &old, file) != 0 || fclose(file) != 0)
		abort();
	if (config_parse("f.yaml", made, made_len, &again, NULL) != 0 || !config_equal(root, again))
		abort();
	config_free(again);
	free(made);
}

/* Both take it, or neither does. They differ over big numbers, and Jansson reads no further than
 * NUL. */
static void compare(const char *text, size_t len, const struct config *root)
{
	json_error_t error;
	json_t *json = json_loadb(
		text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	json_t *own = root ? config_json(root) : NULL;
	bool is_big = !json && json_error_code(&error) == json_error_numeric_overflow;

	if (!is_big && (json != NULL) != (root != NULL))
		abort();
	if (json && !json_equal(json, own))
		abort();
	json_decref(json);
	json_decref(own);
}

static void read_file(const char *name, const uint8_t *data, size_t size)
{
	struct config *root = NULL;
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = config_parse(name, (const char *)data, size, &root, &diag);
	if (rc && (root || !diag.text[0]))
		abort();
	if (rc)
		return;
	check_tree(root);
	write_again(root, "f.yaml", configwrite_yaml);
	write_again(root, "f.json", configwrite_json);
	write_with_notes(root, (const char *)data, size);
	config_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *message = NULL;
	int rc = config_parse_message("m", (const char *)data, size, &message, NULL);

	if (rc != ERR_LIMIT && !memchr(data, '\0', size))
		compare((const char *)data, size, message);
	config_free(message);
	read_file("f.yaml", data, size);
	read_file("f", data, size);
	return 0;
}
