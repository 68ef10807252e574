/*
 * mosquitto.conf: whatever it holds, each line belongs to a listener that there is, and what is
 * said of the unguarded ones fits. Folders are not followed: their files are read the same way.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/brokerbridge.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct brokerfile *file)
{
	struct brokerbridge bridge;
	char text[256];
	size_t at = 0;

	while (brokerbridge_next(file, &at, &bridge)) {
		ENSURE(at <= file->line_count && bridge.ways <= BROKERBRIDGE_BOTH);
		ENSURE(!brokerbridge_fault(file, &bridge) || (bridge.ways & BROKERBRIDGE_IN));
	}
	ENSURE(file->listener_count >= 1 && !file->listener[0].line);
	for (size_t i = 0; i < file->line_count; i++) {
		ENSURE(file->line[i].listener < file->listener_count && file->line[i].word[0]);
		(void)brokerfile_find(file, file->line[i].word, file->line[i].listener);
	}
	if (brokerfile_unguarded(file, text, sizeof(text)))
		ENSURE(strlen(text) < sizeof(text) && strstr(text, "not enforced"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct brokerfile file;
	struct diag diag;
	char path[64];
	int fd;

	if (memmem(data, size, "include_dir", 11))
		return 0;
	fd = memfd_create("conf", MFD_CLOEXEC);
	ENSURE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (brokerfile_read(path, "/dev/null", &file, &diag) == 0) {
		check(&file);
		brokerfile_clear(&file);
	} else {
		ENSURE(diag.text[0]);
	}
	(void)close(fd);
	return 0;
}
