/*
 * folder.h -- a folder for a test's files, and questions to a database in it.
 *
 * A database is SQLite's file there or, where the environment's DATABASE is "postgresql", one of
 * the server that PETSTORE_POSTGRES names: a test that opens folder_place() runs with either
 * engine. Included by one test program each; everything is static.
 */
#ifndef PETSTORE_FOLDER_H
#define PETSTORE_FOLDER_H

#include <dirent.h>
#include <limits.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
	char path[256];
	char file[300];     /* folder_file()'s answer */
	char place[600];    /* folder_place()'s answer */
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

/* Are the databases PostgreSQL's? */
static inline bool folder_is_shared(void)
{
	const char *engine = getenv("DATABASE");

	return engine && strcmp(engine, "postgresql") == 0;
}

/* For a test that is about SQLite's files, its locks, or its words. */
#define folder_sqlite_only()                                                                       \
	do {                                                                                       \
		if (folder_is_shared())                                                            \
			skip();                                                                    \
	} while (0)

static inline PGconn *folder_connect(const char *conninfo)
{
	PGconn *db = PQconnectdb(conninfo);

	if (PQstatus(db) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(db));
	return db;
}

/* One statement, which may fail, of the server's first database. */
static inline void folder_server(const char *sql)
{
	PGconn *db = folder_connect(getenv("PETSTORE_POSTGRES"));

	PQclear(PQexec(db, sql));
	PQfinish(db);
}

/*
 * Where the database @name is, as a store or a ledger is told it: its path, or a connection string,
 * whose database is made when it is asked for first. Good until the next call.
 */
static inline const char *folder_place(struct folder *folder, const char *name)
{
	const char *unique = strrchr(folder->path, '/') + 1;
	char sql[400];

	if (!folder_is_shared())
		return folder_file(folder, name);
	if (!getenv("PETSTORE_POSTGRES"))
		skip();
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE \"%s-%s\" TEMPLATE template0", unique,
		       name);
	folder_server(sql);
	(void)snprintf(folder->place, sizeof(folder->place), "%s dbname='%s-%s'",
		       getenv("PETSTORE_POSTGRES"), unique, name);
	return folder->place;
}

/* The database @name is not there any more; folder_place() makes another. */
static inline void folder_forget(struct folder *folder, const char *name)
{
	char sql[400];

	if (!folder_is_shared()) {
		assert_int_equal(unlink(folder_file(folder, name)), 0);
		return;
	}
	(void)snprintf(sql, sizeof(sql), "DROP DATABASE \"%s-%s\" WITH (FORCE)",
		       strrchr(folder->path, '/') + 1, name);
	folder_server(sql);
	(void)folder_place(folder, name);
}

/* All that folder_place() has made. */
static inline void folder_drop(struct folder *folder)
{
	PGconn *db = folder_connect(getenv("PETSTORE_POSTGRES"));
	char sql[400];
	PGresult *found;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT datname FROM pg_database WHERE datname LIKE '%s-%%'",
		       strrchr(folder->path, '/') + 1);
	found = PQexec(db, sql);
	for (int i = 0; i < PQntuples(found); i++) {
		(void)snprintf(sql, sizeof(sql), "DROP DATABASE \"%s\" WITH (FORCE)",
			       PQgetvalue(found, i, 0));
		PQclear(PQexec(db, sql));
	}
	PQclear(found);
	PQfinish(db);
}

/* Removes the files, the databases, and the folder. */
static inline void folder_remove(struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	const struct dirent *entry;

	if (folder_is_shared())
		folder_drop(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlink(folder_file(folder, entry->d_name));
	(void)closedir(dir);
	assert_int_equal(rmdir(folder->path), 0);
}

/* Adds a value to the answer, which begins or goes on with a row. */
static inline void folder_say(struct folder *folder, bool is_first, const char *value)
{
	size_t used = strlen(folder->answer);
	int more = snprintf(folder->answer + used, sizeof(folder->answer) - used, "%s%s",
			    !is_first ? "|"
			    : used    ? "\n"
				      : "",
			    value ? value : "-");

	assert_true((size_t)more < sizeof(folder->answer) - used);
}

/* In a shared database a broker's own numbers are in origin_seq. */
static inline char *folder_translated(const char *sql)
{
	char *text = calloc(1, 2 * strlen(sql) + 8), *at = text;
	bool is_of_events = strstr(sql, "FROM events") != NULL;

	assert_non_null(text);
	while (*sql) {
		bool is_word = is_of_events && strncmp(sql, "seq", 3) == 0 &&
			       strchr(" (", sql[-1]) && strchr(" ,)", sql[3]);

		at += sprintf(at, "%s", is_word ? "origin_seq" : (char[2]){ *sql, '\0' });
		sql += is_word ? 3 : 1;
	}
	return text;
}

static inline const char *folder_ask_shared(struct folder *folder, const char *name,
					    const char *sql)
{
	PGconn *db = folder_connect(folder_place(folder, name));
	char *text = folder_translated(sql);
	PGresult *found = PQexec(db, text);

	if (PQresultStatus(found) == PGRES_FATAL_ERROR)
		(void)snprintf(folder->answer, sizeof(folder->answer), "error: %s",
			       PQresultErrorMessage(found));
	for (int row = 0; row < PQntuples(found); row++) {
		for (int i = 0; i < PQnfields(found); i++)
			folder_say(folder, i == 0,
				   PQgetisnull(found, row, i) ? NULL : PQgetvalue(found, row, i));
	}
	PQclear(found);
	PQfinish(db);
	free(text);
	return folder->answer;
}

/*
 * Runs @sql on the database @name as any other program would, and returns its rows as
 * "a|b\nc|d" (NULL reads as "-"), or "error: ...".
 */
static inline const char *folder_ask(struct folder *folder, const char *name, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_ERROR;

	folder->answer[0] = '\0';
	if (folder_is_shared())
		return folder_ask_shared(folder, name, sql);
	assert_int_equal(sqlite3_open(folder_file(folder, name), &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(statement); i++)
				folder_say(folder, i == 0,
					   (const char *)sqlite3_column_text(statement, i));
		}
	}
	if (step != SQLITE_DONE)
		(void)snprintf(folder->answer, sizeof(folder->answer), "error: %s",
			       sqlite3_errmsg(db));
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return folder->answer;
}

/* Another program that has the database locked for writing. */
struct folder_lock {
	sqlite3 *file;
	PGconn *shared;
};

static inline struct folder_lock folder_lock(struct folder *folder, const char *name)
{
	struct folder_lock lock = { NULL, NULL };

	if (folder_is_shared()) {
		lock.shared = folder_connect(folder_place(folder, name));
		PQclear(PQexec(lock.shared, "BEGIN"));
		PQclear(PQexec(lock.shared,
			       "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM "
			       "pg_tables WHERE schemaname = 'public' ORDER BY 1 LOOP EXECUTE "
			       "'LOCK TABLE ' || quote_ident(name) || ' IN SHARE ROW EXCLUSIVE "
			       "MODE'; END LOOP; END $$"));
		assert_int_equal(PQtransactionStatus(lock.shared), PQTRANS_INTRANS);
		return lock;
	}
	assert_int_equal(sqlite3_open(folder_file(folder, name), &lock.file), SQLITE_OK);
	(void)sqlite3_busy_timeout(lock.file, 10000);
	assert_int_equal(sqlite3_exec(lock.file, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return lock;
}

static inline void folder_unlock(struct folder_lock lock)
{
	if (lock.shared)
		PQfinish(lock.shared);
	else
		assert_int_equal(sqlite3_close(lock.file), SQLITE_OK);
}

#define assert_sql(folder, name, sql, expected)                                                    \
	assert_string_equal(folder_ask(folder, name, sql), expected)

#endif
