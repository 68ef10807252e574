/*
 * A recording: a contract is learned from it, or it is refused with a line. What was learned can be
 * read again, and nothing has to be widened for the same recording.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"
#include "learn/learn.h"
#include "learn/learned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory, and its name. */
static int open_file(const void *text, size_t len, char *path, size_t cap)
{
	int fd = memfd_create("recording", 0);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	(void)snprintf(path, cap, "/proc/self/fd/%d", fd);
	return fd;
}

/* Who published what, which is an access file as far as it can be read. */
static void write_access(struct learned *learned)
{
	struct config *root = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	if (!file || learn_write_access(learned, file, NULL) != 0 || fclose(file) != 0 ||
	    config_parse("access.json", text, len, &root, NULL) != 0)
		abort();
	config_free(root);
	free(text);
}

/* The contract's text, to be freed; NULL: nothing can be learned. */
static char *learn(struct traffic *traffic, const char *given, size_t *len, unsigned *changes)
{
	struct learned_summary summary;
	struct learned *learned = NULL;
	struct diag diag = { "" };
	char *text = NULL;
	FILE *file;
	int rc = learn_new("Fuzz", &learned, &diag);

	if (rc == 0 && given)
		rc = learn_give(learned, given, &diag);
	if (rc == 0)
		rc = learn_read(learned, &traffic, 1, &diag);
	if (rc != 0 && (diag.text[0] == '\0' || given))
		abort();
	if (rc == 0) {
		file = open_memstream(&text, len);
		if (!file || learn_write(learned, file, &diag) != 0 || fclose(file) != 0)
			abort();
		learn_summary(learned, &summary);
		*changes = summary.changes;
		if (summary.schemes > 0)
			write_access(learned);
	}
	learn_free(learned);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], given[64];
	struct traffic *traffic = NULL;
	struct diag diag = { "" };
	int fd = open_file(data, size, path, sizeof(path)), old;
	char *text = NULL, *again;
	unsigned changes = 0;
	size_t len = 0;

	if (traffic_open(path, &traffic, &diag) == 0)
		text = learn(traffic, NULL, &len, &changes);
	else if (diag.text[0] == '\0')
		abort();
	if (text) {
		old = open_file(text, len, given, sizeof(given));
		again = learn(traffic, given, &len, &changes);
		if (!again || changes > 0 || strcmp(text, again) != 0)
			abort();
		(void)close(old);
		free(again);
	}
	free(text);
	traffic_close(traffic);
	(void)close(fd);
	return 0;
}
