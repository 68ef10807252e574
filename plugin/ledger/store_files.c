/*
 * store_files.c -- are the database's files those that are open, and is what they hold on the disk?
 *
 * Files are only looked at by name, or read through SQLite's own handles: opening and closing one
 * of them here would drop the locks that SQLite holds on it (POSIX, fcntl()).
 *
 * After a failed fsync() the kernel takes pages for clean that the disk does not have. SQLite
 * relies on such pages in two cases, and both are mended here:
 *  - A commit that failed is in the WAL's file, and looks whole to a process that reads the file
 *    after a restart. So what a WAL holds when it is opened, and after a write to it failed, is
 *    written once more, byte for byte, and synced, before anything relies on it.
 *  - A checkpoint that does not reach the WAL's end counts its pages as copied but does not sync
 *    them, and the next checkpoint begins behind them. So they are synced at once. After a failed
 *    checkpoint no other is made until all connections were closed, so that the next one begins
 *    at the WAL's first frame.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger/store_sqlite_internal.h"

/* The WAL's index in shared memory, in the machine's byte order (sqlite.org/walformat.html). */
#define INDEX_BYTES 32768 /* of its first piece */
#define INDEX_FRAMES_AT 16u
#define INDEX_SALT_AT 32u
#define INDEX_COPIED_AT 96u

#define WAL_HEADER_BYTES 32
#define WAL_FRAME_BYTES 24 /* in front of each page */
#define WAL_SALT_AT 16
#define SALT_BYTES 8u

/* The database's header (sqlite.org/fileformat2.html). */
#define HEADER_BYTES 100
#define HEADER_COUNTER_AT 24u
#define HEADER_PAGES_AT 28u
#define HEADER_APPLICATION_AT 68u

#define ALONE_PATIENCE_MS 500    /* a program that reads a few rows */
#define REWRITE_BYTES (64 << 10) /* SQLite writes less than 128 KiB at once */

struct wal_index {
	uint32_t frames; /* that are committed; 0: the database has all of them */
	uint32_t copied; /* of them to the database */
	unsigned char salt[SALT_BYTES];
};

/* ---- SQLite's handles -------------------------------------------------------------------- */

static sqlite3_file *file_of(struct sqlite_store *store, int which)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(store->sql.db, "main", which, &file) != SQLITE_OK || !file ||
	    !file->pMethods)
		return NULL;
	return file;
}

static bool index_read(struct sqlite_store *store, struct wal_index *ret)
{
	sqlite3_file *file = file_of(store, SQLITE_FCNTL_FILE_POINTER);
	void volatile *map = NULL;
	const unsigned char *bytes;

	if (!file || file->pMethods->iVersion < 2 ||
	    file->pMethods->xShmMap(file, 0, INDEX_BYTES, 0, &map) != SQLITE_OK || !map)
		return false;
	/* Another process writes it between our transactions only where it writes the database. */
	bytes = (const unsigned char *)map;
	memcpy(&ret->frames, bytes + INDEX_FRAMES_AT, sizeof(ret->frames));
	memcpy(&ret->copied, bytes + INDEX_COPIED_AT, sizeof(ret->copied));
	memcpy(ret->salt, bytes + INDEX_SALT_AT, sizeof(ret->salt));
	return true;
}

static int64_t wal_used(const struct sqlite_store *store, const struct wal_index *index)
{
	return WAL_HEADER_BYTES + index->frames * (store->page_bytes + WAL_FRAME_BYTES);
}

/* ---- still the same files? --------------------------------------------------------------- */

static void remember(const struct stat *st, struct store_file *ret)
{
	*ret = (struct store_file){ .dev = st->st_dev, .ino = st->st_ino };
}

static bool is_same(const struct stat *st, const struct store_file *file)
{
	return st->st_dev == file->dev && st->st_ino == file->ino;
}

static int fail(struct sqlite_store *store, enum store_fault fault, const char *path,
		const char *suffix, const char *what, struct diag *diag)
{
	store->fault = fault;
	return diag_set(diag, ERR_IO, "%s%s: %s", path, suffix, what);
}

static const char *const beside[STORE_BESIDE] = { "-wal", "-shm" };

/* The path of the file beside the database, which is where the database is, not a link to it. */
static int stat_beside(const struct sqlite_store *store, size_t i, struct stat *st)
{
	const char *path = sqlite3_db_filename(store->sql.db, "main");
	char *name = sqlite3_mprintf("%s%s", path, beside[i]);
	int rc = name ? lstat(name, st) : -1;

	sqlite3_free(name);
	return rc;
}

void lite_remember_main(struct sqlite_store *store)
{
	struct stat st;

	if (stat(store->sql.path, &st) != 0)
		return; /* gone within the moment: the first look finds the numbers 0 */
	remember(&st, &store->main);
}

void lite_remember_beside(struct sqlite_store *store)
{
	struct stat st;

	for (size_t i = 0; i < STORE_BESIDE; i++)
		if (stat_beside(store, i, &st) == 0)
			remember(&st, &store->beside[i]);
}

/* By its size as well: it may have come between SQLite's opening of ours and our look. */
bool lite_wal_is_foreign(struct sqlite_store *store)
{
	sqlite3_file *wal = file_of(store, SQLITE_FCNTL_JOURNAL_POINTER);
	sqlite3_int64 size;
	struct stat st;

	if (stat_beside(store, 0, &st) != 0)
		return false;
	return !is_same(&st, &store->beside[0]) ||
	       (wal && wal->pMethods->xFileSize(wal, &size) == SQLITE_OK && size != st.st_size);
}

static uint32_t number_at(const unsigned char *bytes, size_t at)
{
	return (uint32_t)bytes[at] << 24 | (uint32_t)bytes[at + 1] << 16 |
	       (uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
}

/*
 * The database's file changes by checkpoints only, which leave its mark, never count its changes
 * backwards, and cut it to the size that it says.
 */
static bool is_content_ours(struct sqlite_store *store, const struct stat *st)
{
	static const char mark[16] = "SQLite format 3";
	sqlite3_file *file = file_of(store, SQLITE_FCNTL_FILE_POINTER);
	unsigned char header[HEADER_BYTES];
	uint32_t counter, application;

	if (!file || st->st_size < store->page_bytes ||
	    file->pMethods->xRead(file, header, HEADER_BYTES, 0) != SQLITE_OK)
		return false;
	counter = number_at(header, HEADER_COUNTER_AT);
	application = number_at(header, HEADER_APPLICATION_AT);
	/* 0: a new database, all of which is in the WAL */
	if (memcmp(header, mark, sizeof(mark)) != 0 || counter < store->changes ||
	    (application != STORE_APPLICATION_ID && application != 0))
		return false;
	if (st->st_size < store->main_bytes &&
	    st->st_size < (int64_t)number_at(header, HEADER_PAGES_AT) * store->page_bytes)
		return false;
	store->changes = counter;
	return true;
}

static int check_content(struct sqlite_store *store, const struct stat *st, struct diag *diag)
{
	if (st->st_size == store->main_bytes && st->st_mtim.tv_sec == store->changed.tv_sec &&
	    st->st_mtim.tv_nsec == store->changed.tv_nsec)
		return 0;
	if (!is_content_ours(store, st))
		return fail(store, STORE_SPOILT, store->sql.path, "",
			    "was cut or overwritten while it was in use: stop the broker, put a "
			    "copy of the database in its place",
			    diag);
	store->main_bytes = st->st_size;
	store->changed = st->st_mtim;
	return 0;
}

static int check_main(struct sqlite_store *store, struct diag *diag)
{
	struct stat st, named;
	int moved = 0;

	/* The path may be a link; where it leads must not have become one since. */
	if (stat(store->sql.path, &st) != 0 ||
	    lstat(sqlite3_db_filename(store->sql.db, "main"), &named) != 0 ||
	    S_ISLNK(named.st_mode))
		return fail(store, STORE_MOVED, store->sql.path, "",
			    "was removed or moved while it was in use: put it back", diag);
	(void)sqlite3_file_control(store->sql.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved || !is_same(&st, &store->main))
		return fail(store, STORE_MOVED, store->sql.path, "",
			    "another file was put in its place while it was in use: put the right "
			    "one back",
			    diag);
	return store->is_watched ? check_content(store, &st, diag) : 0;
}

static int check_wal(struct sqlite_store *store, const struct stat *st, struct diag *diag)
{
	sqlite3_file *wal = file_of(store, SQLITE_FCNTL_JOURNAL_POINTER);
	unsigned char salt[SALT_BYTES];
	struct wal_index index;

	if (!wal || !index_read(store, &index) || index.frames == 0)
		return 0;
	if (st->st_size >= wal_used(store, &index) &&
	    wal->pMethods->xRead(wal, salt, SALT_BYTES, WAL_SALT_AT) == SQLITE_OK &&
	    memcmp(salt, index.salt, SALT_BYTES) == 0)
		return 0;
	return fail(store, STORE_SPOILT, store->sql.path, beside[0],
		    "was cut or overwritten while it was in use: what the database itself has not "
		    "taken from it is lost; stop the broker, put a copy of the database in place",
		    diag);
}

int lite_check(struct store *base, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct stat st;
	int rc;

	store->fault = STORE_FINE;
	rc = check_main(store, diag);
	for (size_t i = 0; rc == 0 && store->is_watched && i < STORE_BESIDE; i++) {
		if (stat_beside(store, i, &st) != 0 || !is_same(&st, &store->beside[i]))
			return fail(store, STORE_WAL_GONE, store->sql.path, beside[i],
				    "was removed or replaced while it was in use", diag);
		if (i == 0)
			rc = check_wal(store, &st, diag);
	}
	return rc;
}

enum store_fault lite_fault(const struct store *base)
{
	const struct sqlite_store *store = (const struct sqlite_store *)base;

	return store->must_reopen ? STORE_UNSURE : store->fault;
}

/* ---- is it on the disk? ------------------------------------------------------------------ */

static int rewrite(sqlite3_file *file, int64_t bytes, void *room)
{
	int rc = SQLITE_OK;

	for (int64_t at = 0; rc == SQLITE_OK && at < bytes; at += REWRITE_BYTES) {
		int n = bytes - at < REWRITE_BYTES ? (int)(bytes - at) : REWRITE_BYTES;

		rc = file->pMethods->xRead(file, room, n, at);
		if (rc == SQLITE_OK)
			rc = file->pMethods->xWrite(file, room, n, at);
	}
	return rc == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

int lite_prove(struct sqlite_store *store, struct diag *diag)
{
	sqlite3_file *wal = file_of(store, SQLITE_FCNTL_JOURNAL_POINTER);
	struct wal_index index;
	void *room;
	int rc;

	if (!wal || !index_read(store, &index) || index.frames == 0) {
		store->is_doubted = false;
		return 0;
	}
	room = malloc(REWRITE_BYTES);
	if (!room)
		return diag_nomem(diag);
	rc = rewrite(wal, wal_used(store, &index), room);
	free(room);
	if (rc != SQLITE_OK)
		return diag_set(diag, ERR_IO, "%s%s: cannot write it again after a failure: %s",
				store->sql.path, beside[0], sqlite3_errstr(rc));
	store->is_doubted = false;
	return 0;
}

/*
 * Each connection to a database with a WAL has the database locked, as one that reads, for as long
 * as it is open. An exclusive one, which SQLite locks as one that writes, is no such connection: it
 * fails where there is any other.
 */
int lite_check_alone(const char *path, struct diag *diag)
{
	static const char ask[] = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK";
	struct sql sql = { .db = NULL };
	int rc = lite_check_files(path, diag);
	bool is_busy;

	if (rc == 0)
		rc = sql_open(&sql, path, SQLITE_OPEN_READWRITE, NULL, NULL);
	is_busy =
		rc == 0 && sqlite3_busy_timeout(sql.db, ALONE_PATIENCE_MS) == SQLITE_OK &&
		sqlite3_db_config(sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK &&
		(sqlite3_exec(sql.db, ask, NULL, NULL, NULL) & 0xff) == SQLITE_BUSY;
	sql_close(&sql);
	return is_busy ? diag_set(diag, ERR_BUSY,
				  "%s: in use: stop the broker first, and what else has it open",
				  path)
		       : 0;
}

/* What a checkpoint copied, though it did not come to the end. */
static int sync_copied(struct sqlite_store *store, struct diag *diag)
{
	sqlite3_file *file = file_of(store, SQLITE_FCNTL_FILE_POINTER);

	if (file && file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK)
		return 0;
	store->must_reopen = true;
	return diag_set(diag, ERR_IO, "%s: cannot sync the database", store->sql.path);
}

int lite_copy(struct sqlite_store *store, bool must, struct diag *diag)
{
	int frames = -1, copied = -1, rc;
	int result = sqlite3_wal_checkpoint_v2(
		store->sql.db, "main",
		must ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);

	if (result == SQLITE_OK || result == SQLITE_BUSY) {
		rc = copied < frames ? sync_copied(store, diag) : 0;
		if (rc == 0 && result == SQLITE_BUSY)
			rc = diag_set(diag, ERR_BUSY, "%s: in use by readers", store->sql.path);
		return rc;
	}
	if ((result & 0xff) == SQLITE_IOERR)
		store->must_reopen = true;
	return sql_fail(&store->sql, "cannot checkpoint", diag);
}

int lite_check_anew(struct store *base, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct wal_index index;

	if (!index_read(store, &index) || index.frames == 0)
		return 0;
	if (index.copied == 0)
		return lite_copy(store, false, diag);
	store->must_reopen = true; /* still */
	return diag_set(diag, ERR_BUSY,
			"%s: a checkpoint failed, and another program has the database open: "
			"end it, so that the checkpoint can be made again from its beginning",
			store->sql.path);
}

int lite_let_go(struct store *base, struct diag *diag)
{
	struct sqlite_store *store = lite_of(base);
	struct wal_index index;

	if (store->must_reopen)
		return diag_set(diag, ERR_IO, "%s: a checkpoint failed", store->sql.path);
	if (!store->is_watched || !index_read(store, &index) || index.frames == 0)
		return 0;
	return lite_copy(store, true, diag);
}

void lite_leave_empty(struct store *base)
{
	struct sqlite_store *store = lite_of(base);
	struct wal_index index;

	if (index_read(store, &index) && index.frames == 0)
		(void)sqlite3_db_config(store->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}
