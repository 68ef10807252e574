/*
 * metricsfile.h -- a file that always holds a whole text, written behind the caller's back.
 *
 * A thread of its own writes beside the file and renames: whoever reads sees the old text or
 * the new one. Only the newest text counts; when the disk is slow, older ones are skipped. No
 * fsync: after a power failure the next text is seconds away.
 */
#ifndef PETSTORE_MONITOR_METRICSFILE_H
#define PETSTORE_MONITOR_METRICSFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct metricsfile;

/*
 * Starts the thread, with all signals blocked. The folder is tried: ERR_IO, and a line that
 * names the file, where nothing can be written there.
 */
int metricsfile_new(const char *path, struct metricsfile **ret, struct diag *diag);

/* Writes what is still to be written, ends the thread. NULL is fine. */
void metricsfile_free(struct metricsfile *file);

/* Hands over @text (@len bytes, from malloc), to be written and freed. Never waits. */
void metricsfile_write_take(struct metricsfile *file, char *text, size_t len);

/* One line about trouble with the file that began or ended since the last call, or false. */
bool metricsfile_news(struct metricsfile *file, struct diag *ret);

#endif
