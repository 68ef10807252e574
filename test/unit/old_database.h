/* old_database.h -- a database as an earlier version of its schema left it. */
#ifndef PETSTORE_OLD_DATABASE_H
#define PETSTORE_OLD_DATABASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "between.h"
#include "ledger/store.h"
#include "ledger/store_sqlite_internal.h"

/* A file of schemas/store; free() it. */
static inline char *old_database_read(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_uint_in_range(fread(text, 1, 65535, file), 1, 65534);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* As @version left it: the first scripts of schemas/store, and one event, of write 5. */
static inline void old_database_make(const char *path, unsigned version)
{
	static const char *const script[] = {
		"schemas/store/001-initial.sql",     "schemas/store/002-refusals.sql",
		"schemas/store/003-alerts.sql",      "schemas/store/004-wills.sql",
		"schemas/store/005-corrections.sql", "schemas/store/006-shares.sql",
		"schemas/store/007-digests.sql",     "schemas/store/008-retained.sql",
		"schemas/store/009-closed.sql",      "schemas/store/010-ring.sql",
		"schemas/store/011-unique.sql",      "schemas/store/012-clock.sql",
		"schemas/store/013-messages.sql",    "schemas/store/014-adopted.sql",
		"schemas/store/015-letters.sql",     "schemas/store/016-peers.sql"
	};
	char pragma[100];
	sqlite3 *db = NULL;

	assert_int_equal(store_version(), sizeof(script) / sizeof(script[0]));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (unsigned i = 0; i < version; i++) {
		char *sql = old_database_read(script[i]);

		if (sqlite3_libversion_number() < 3037000)
			sql_loosen(sql);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		free(sql);
	}
	(void)snprintf(pragma, sizeof(pragma),
		       "PRAGMA application_id = 1348817748; PRAGMA user_version = %u", version);
	assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "INSERT INTO store (one, identity, applied_seq, made_at) VALUES "
			     "(1, '000102030405060708090a0b0c0d0e0f', 5, "
			     "'2026-11-21T03:35:00.000Z'); INSERT INTO events "
			     "(seq, received_at, topic, publisher, client_id, qos, retained, "
			     "payload) VALUES (5, '2026-11-21T03:35:00.000Z', 't', 'p', 'c', 1, 0, "
			     "'{}')",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
