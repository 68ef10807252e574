/*
 * init_folder.h -- a folder of new files that appears whole or not at all.
 *
 * Files are written to a folder beside it, which then takes its place, or whose files replace those
 * of the same names in a folder that is there.
 */
#ifndef PETSTORE_CTL_INIT_FOLDER_H
#define PETSTORE_CTL_INIT_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/diag.h"

#define INIT_FOLDER_FILES_MAX 8u

struct init_folder {
	char path[PATH_MAX]; /* absolute, without a '/' at the end */
	char made[PATH_MAX]; /* where files are written; "": nowhere yet */
	bool is_there;       /* a folder that has files */
	unsigned count;
	const char *name[INIT_FOLDER_FILES_MAX]; /* borrowed, in order of writing */
};

/* Prepares @path, whose own folder must exist; one that has files is a fault, unless @is_forced. */
int init_folder_open(const char *path, bool is_forced, struct init_folder *ret,
		     struct diag *diag) MUST_CHECK;

/* Writes a file. */
int init_folder_write(struct init_folder *folder, const char *name, mode_t mode, const char *text,
		      size_t len, struct diag *diag) MUST_CHECK;

/* Takes back the last file that was written. */
void init_folder_forget(struct init_folder *folder);

/* Puts everything in its place. */
int init_folder_finish(struct init_folder *folder, struct diag *diag) MUST_CHECK;

/* Removes what is not in its place. */
void init_folder_drop(struct init_folder *folder);

#endif
