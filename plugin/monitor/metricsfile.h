/*
 * metricsfile.h -- a file that always has a whole text, written by a thread of its own.
 *
 * The thread writes another file and renames it, so that a reader sees the old text or the new one.
 * When the disk is slow, only the newest text is written. No fsync: after a power failure the next
 * text comes seconds later.
 */
#ifndef PETSTORE_MONITOR_METRICSFILE_H
#define PETSTORE_MONITOR_METRICSFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct metricsfile;

/*
 * Starts the thread (base/thread.h). ERR_IO, and a line that names the file, where the folder can't
 * be written to.
 */
int metricsfile_new(const char *path, struct metricsfile **ret, struct diag *diag) MUST_CHECK;

/* Writes what is still to be written, ends the thread. NULL is fine. */
void metricsfile_free(struct metricsfile *file);

/* Hands over @text (@len bytes, from malloc), to be written and freed. Never waits. */
void metricsfile_write_take(struct metricsfile *file, char *text, size_t len);

/* One line about trouble with the file that began or ended since the last call, or false. */
bool metricsfile_news(struct metricsfile *file, struct diag *ret);

#endif
