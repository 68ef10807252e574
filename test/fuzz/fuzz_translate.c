/*
 * The text of a document of AsyncAPI 2.x: it is translated, or refused with a line. What was made
 * is a document of 3.x that is read as it is, and is the same when it is written and translated
 * again; and it can be bundled, as a tree and as text. The input is the document; there are no
 * other files beside it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/configwrite.h"
#include "contract/bundle.h"
#include "contract/translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_warning(void *ctx, const struct config *at, const char *text)
{
	struct diag line;

	config_line(&line, at, NULL, "%s", text);
	if (line.text[0] == '\0')
		abort();
	++*(unsigned *)ctx;
}

/* Each value has a place in the file, or is made for one. */
static void check_places(const struct config *value)
{
	char pointer[64];

	(void)config_pointer(value, NULL, pointer, sizeof(pointer));
	config_foreach(child, value)
		check_places(child);
}

static void check_again(const struct config *root)
{
	struct config *again = NULL;
	struct diag diag;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	if (!file || configwrite_json(root, file) != 0 || fclose(file) != 0)
		abort();
	if (config_parse("again.json", text, len, &again, &diag) != 0)
		abort();
	if (!config_is(config_member(again, "asyncapi"), "3.0.0"))
		abort();
	config_free(again);
	free(text);
}

/* What is written without a tree is the text of the tree. */
static void check_text(struct sources *sources, const struct config *tree)
{
	char *text[2] = { NULL, NULL };
	size_t len[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		FILE *file = open_memstream(&text[i], &len[i]);

		if (!file ||
		    (i ? bundle_write(sources, sources->file[0], file)
		       : configwrite_compact(tree, file)) ||
		    fclose(file))
			abort();
	}
	if (len[0] != len[1] || memcmp(text[0], text[1], len[0]) != 0)
		abort();
	free(text[0]);
	free(text[1]);
}

static void translate(const char *path, enum translate_view view)
{
	const struct sources_place place = SOURCES_AT(path);
	struct diag diag = { "" };
	struct config_report report = { .diag = &diag };
	struct arena arena = { 0 };
	unsigned warnings = 0;
	struct sources sources = { .warn = take_warning, .warn_ctx = &warnings };

	if (sources_open(&sources, &arena, &place, &report) &&
	    translate_open(&sources, sources.file[0], view)) {
		const struct sources_file *file = sources.file[0];

		check_places(file->root);
		if (file->root != file->original)
			check_again(file->root);
		for (int i = 0; i < 2; i++) {
			const struct config *made = bundle_document(
				&sources, file, i ? BUNDLE_KEEP : BUNDLE_COLLECT, &arena);

			if (!made && report.rc == 0)
				abort();
			if (made && i == 0)
				check_text(&sources, made);
		}
	}
	if (report.rc && diag.text[0] == '\0')
		abort();
	sources_clear(&sources);
	arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("contract", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	translate(path, size % 2 ? TRANSLATE_CLIENT : TRANSLATE_APPLICATION);
	(void)close(fd);
	return 0;
}
