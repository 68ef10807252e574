/*
 * folder.h -- a folder for a test's files, and questions to a database in it.
 *
 * Included by one test program each; everything is static.
 */
#ifndef PETSTORE_FOLDER_H
#define PETSTORE_FOLDER_H

#include <dirent.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
	char path[256];
	char file[300];     /* folder_file()'s answer */
	char answer[32768]; /* folder_ask()'s answer */
};

static inline void folder_make(struct folder *folder)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(folder->path, sizeof(folder->path), "%s/petstore-test-XXXXXX",
		       base && strlen(base) < 200 ? base : "/tmp");
	assert_non_null(mkdtemp(folder->path));
}

/* "<folder>/<name>", good until the next call. */
static inline const char *folder_file(struct folder *folder, const char *name)
{
	assert_true(snprintf(folder->file, sizeof(folder->file), "%s/%s", folder->path, name) <
		    (int)sizeof(folder->file));
	return folder->file;
}

/* Removes the files and the folder. */
static inline void folder_remove(struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlink(folder_file(folder, entry->d_name));
	(void)closedir(dir);
	assert_int_equal(rmdir(folder->path), 0);
}

/*
 * Runs @sql on the database @name as any other program would, and returns its rows as
 * "a|b\nc|d" (NULL reads as "-"), or "error: ...".
 */
static inline const char *folder_ask(struct folder *folder, const char *name, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	size_t used = 0;
	int step = SQLITE_ERROR;

	folder->answer[0] = '\0';
	assert_int_equal(sqlite3_open(folder_file(folder, name), &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(statement); i++) {
				const char *text = (const char *)sqlite3_column_text(statement, i);

				used += (size_t)snprintf(folder->answer + used,
							 sizeof(folder->answer) - used, "%s%s",
							 i      ? "|"
							 : used ? "\n"
								: "",
							 text ? text : "-");
				assert_true(used < sizeof(folder->answer));
			}
		}
	}
	if (step != SQLITE_DONE)
		(void)snprintf(folder->answer, sizeof(folder->answer), "error: %s",
			       sqlite3_errmsg(db));
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return folder->answer;
}

#define assert_sql(folder, name, sql, expected)                                                    \
	assert_string_equal(folder_ask(folder, name, sql), expected)

#endif
