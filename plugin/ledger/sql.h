/*
 * sql.h -- a connection to an SQLite database: statements made, run and read, and what went wrong
 * with them in words. For the store's own files; the only one that includes SQLite's header.
 *
 * Results of sqlite3_bind_*() are ignored below: binding borrowed bytes, or a number, to a
 * statement that was reset takes no memory and cannot fail.
 */
#ifndef PETSTORE_SQL_H
#define PETSTORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/diag.h"

struct sql {
	sqlite3 *db;
	char *path;
};

/*
 * Opens the database at @path, SQLITE_OPEN_READONLY or SQLITE_OPEN_READWRITE as @mode says; @vfs:
 * by another VFS than the default one, or NULL. Call sql_close() after a failure, too.
 */
int sql_open(struct sql *sql, const char *path, int mode, const char *vfs,
	     struct diag *diag) MUST_CHECK;
void sql_close(struct sql *sql); /* all statements are finalized */

#define SQL_VFS_NAME_MAX 32u

/*
 * Makes @ret the default VFS under a name of its own, written to @name, which @ret borrows: for
 * changes and sqlite3_vfs_register(). @ret must not be moved. Returns the default one; NULL: there
 * is none.
 */
sqlite3_vfs *sql_copy_vfs(sqlite3_vfs *ret, char name[SQL_VFS_NAME_MAX]);

/* "<path>: <what>: <SQLite's message>" and the error that the connection's last one is. */
int sql_fail(const struct sql *sql, const char *what, struct diag *diag) MUST_CHECK;

/* Makes the statement, unless *ret is not NULL: a statement is made once, at its first use. */
int sql_prepare(const struct sql *sql, const char *text, const char *what, sqlite3_stmt **ret,
		struct diag *diag) MUST_CHECK;

/* The same for SQL that was built in @text, which is freed in any case. */
int sql_prepare_built(const struct sql *sql, sqlite3_str *text, const char *what,
		      sqlite3_stmt **ret, struct diag *diag) MUST_CHECK;

/* 1: a row; 0: there is no more. */
int sql_step(const struct sql *sql, sqlite3_stmt *statement, const char *what,
	     struct diag *diag) MUST_CHECK;

/* Runs a statement that returns nothing, and resets it. */
int sql_run(const struct sql *sql, sqlite3_stmt *statement, const char *what,
	    struct diag *diag) MUST_CHECK;

/* The number that a query of one row and column answers; 0 where that is NULL. */
int sql_number(const struct sql *sql, const char *text, int64_t *ret, struct diag *diag) MUST_CHECK;

/*
 * Is there such a table, or, where @column is not NULL, such a column of it? SQLite takes a quoted
 * name that is no column for a string: names are looked up before they are put into SQL.
 */
bool sql_has(const struct sql *sql, const char *table, const char *column);

/*
 * Runs statements that change the schema. STRICT and ANY are left out first where the library is
 * older than 3.37.
 */
int sql_change(const struct sql *sql, const char *text, struct diag *diag) MUST_CHECK;

/* Overwrites the words STRICT and ANY, and the comma that STRICT leaves, with blanks. */
void sql_loosen(char *text);

static inline void sql_bind(sqlite3_stmt *statement, int at, const char *text)
{
	(void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static inline void sql_bind_text(sqlite3_stmt *statement, int at, const char *text, size_t len)
{
	(void)sqlite3_bind_text64(statement, at, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

static inline void sql_bind_number(sqlite3_stmt *statement, int at, int64_t number)
{
	(void)sqlite3_bind_int64(statement, at, number);
}

/* A row's text; "" where it is NULL, or memory ran out. */
static inline const char *sql_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}

#endif
