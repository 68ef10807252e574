#include "ledger/sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int sql_open(struct sql *sql, const char *path, int mode, const char *vfs, struct diag *diag)
{
	sql->path = strdup(path);
	if (!sql->path)
		return diag_nomem(diag);
	if (sqlite3_open_v2(path, &sql->db, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			    vfs) == SQLITE_OK)
		return 0;
	return sql->db ? sql_fail(sql, "cannot open the database", diag) : diag_nomem(diag);
}

void sql_close(struct sql *sql)
{
	(void)sqlite3_close(sql->db);
	free(sql->path);
	*sql = (struct sql){ .db = NULL };
}

sqlite3_vfs *sql_copy_vfs(sqlite3_vfs *ret, char name[SQL_VFS_NAME_MAX])
{
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	if (!system)
		return NULL;
	*ret = *system;
	(void)snprintf(name, SQL_VFS_NAME_MAX, "petstore-%p", (void *)ret);
	ret->zName = name;
	ret->pNext = NULL;
	return system;
}

/* What an operator can do that does not follow from SQLite's words. */
static const char *advice(sqlite3 *db)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ": put the database, or a backup of it, in its place";
	default:
		return "";
	}
}

int sql_fail(const struct sql *sql, const char *what, struct diag *diag)
{
	int err = ERR_INVALID; /* damage, rights, a foreign table: nothing that passes */
	int cause = sqlite3_system_errno(sql->db);

	switch (sqlite3_errcode(sql->db) & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		err = ERR_BUSY;
		break;
	case SQLITE_NOMEM:
		err = ERR_NOMEM;
		break;
	case SQLITE_FULL:
	case SQLITE_IOERR:
		err = ERR_IO;
		break;
	case SQLITE_CANTOPEN:
		if (cause == ENOSPC || cause == EDQUOT || cause == EMFILE || cause == ENFILE)
			err = ERR_IO;
		break;
	}
	return diag_set(diag, err, "%s: %s: %s%s", sql->path, what, sqlite3_errmsg(sql->db),
			advice(sql->db));
}

int sql_prepare(const struct sql *sql, const char *text, const char *what, sqlite3_stmt **ret,
		struct diag *diag)
{
	if (*ret || sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) ==
			    SQLITE_OK)
		return 0;
	return sql_fail(sql, what, diag);
}

int sql_prepare_built(const struct sql *sql, sqlite3_str *text, const char *what,
		      sqlite3_stmt **ret, struct diag *diag)
{
	char *built = sqlite3_str_finish(text);
	int rc = built ? sql_prepare(sql, built, what, ret, diag) : diag_nomem(diag);

	sqlite3_free(built);
	return rc;
}

int sql_step(const struct sql *sql, sqlite3_stmt *statement, const char *what, struct diag *diag)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return sql_fail(sql, what, diag);
	}
}

int sql_run(const struct sql *sql, sqlite3_stmt *statement, const char *what, struct diag *diag)
{
	int rc = 0;

	if (sqlite3_step(statement) != SQLITE_DONE)
		rc = sql_fail(sql, what, diag);
	(void)sqlite3_reset(statement); /* repeats the step's error */
	return rc;
}

int sql_number(const struct sql *sql, const char *text, int64_t *ret, struct diag *diag)
{
	static const char what[] = "cannot read the database";
	sqlite3_stmt *statement = NULL;
	int rc = sql_prepare(sql, text, what, &statement, diag);

	if (rc == 0 && sqlite3_step(statement) != SQLITE_ROW)
		rc = sql_fail(sql, what, diag);
	if (rc == 0)
		*ret = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return rc;
}

bool sql_has(const struct sql *sql, const char *table, const char *column)
{
	return sqlite3_table_column_metadata(sql->db, "main", table, column, NULL, NULL, NULL, NULL,
					     NULL) == SQLITE_OK;
}

void sql_loosen(char *text)
{
	static const char *const word[] = { " STRICT,", " STRICT", " ANY" };

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		for (char *at = text; (at = strstr(at, word[i])) != NULL;)
			memset(at, ' ', strlen(word[i]));
}

int sql_change(const struct sql *sql, const char *text, struct diag *diag)
{
	char *loose = NULL;
	int rc = 0;

	if (sqlite3_libversion_number() < 3037000) {
		loose = strdup(text);
		if (!loose)
			return diag_nomem(diag);
		sql_loosen(loose);
	}
	if (sqlite3_exec(sql->db, loose ? loose : text, NULL, NULL, NULL) != SQLITE_OK)
		rc = sql_fail(sql, "cannot change the schema", diag);
	free(loose);
	return rc;
}
