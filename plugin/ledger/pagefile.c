#include "ledger/pagefile.h"

#include <string.h>

struct pagefile {
	sqlite3_file base;
	struct pagefile_vfs *vfs;
	char *waits;        /* room for PAGEFILE_BYTES */
	size_t used;        /* of it */
	int64_t at;         /* where in the file it goes */
	int failed;         /* SQLite's code, while what could not be written is missing; 0 */
	sqlite3_file *file; /* the system's, behind this struct */
};

static struct pagefile *of(sqlite3_file *file)
{
	return (struct pagefile *)(void *)file;
}

/*
 * What could not be written may be of statements before the one that fails now: nothing of their
 * transaction is written or read any more, until it is rolled back.
 */
static int hand_over(struct pagefile *own)
{
	size_t used = own->used;

	own->used = 0;
	if (used && !own->failed)
		own->failed =
			own->file->pMethods->xWrite(own->file, own->waits, (int)used, own->at);
	return own->failed;
}

/* What waits is of a transaction that was not committed: what was, was synced. */
static int on_close(sqlite3_file *file)
{
	struct pagefile *own = of(file);
	int rc = own->file->pMethods->xClose(own->file);

	if (own->vfs->wal == own)
		own->vfs->wal = NULL;
	sqlite3_free(own->waits);
	return rc;
}

static int on_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
	struct pagefile *own = of(file);
	int rc = hand_over(own);

	return rc ? rc : own->file->pMethods->xRead(own->file, data, len, at);
}

static int on_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct pagefile *own = of(file);
	int rc = own->failed;

	if (at != own->at + (int64_t)own->used || (size_t)len > PAGEFILE_BYTES - own->used)
		rc = hand_over(own);
	if (rc || (size_t)len > PAGEFILE_BYTES)
		return rc ? rc : own->file->pMethods->xWrite(own->file, data, len, at);
	if (own->used == 0)
		own->at = at;
	memcpy(own->waits + own->used, data, (size_t)len);
	own->used += (size_t)len;
	return SQLITE_OK;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct pagefile *own = of(file);
	int rc = hand_over(own);

	return rc ? rc : own->file->pMethods->xTruncate(own->file, size);
}

static int on_sync(sqlite3_file *file, int flags)
{
	struct pagefile *own = of(file);
	int rc = hand_over(own);

	return rc ? rc : own->file->pMethods->xSync(own->file, flags);
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct pagefile *own = of(file);
	int rc = hand_over(own);

	return rc ? rc : own->file->pMethods->xFileSize(own->file, ret);
}

static int on_lock(sqlite3_file *file, int lock)
{
	return of(file)->file->pMethods->xLock(of(file)->file, lock);
}

static int on_unlock(sqlite3_file *file, int lock)
{
	return of(file)->file->pMethods->xUnlock(of(file)->file, lock);
}

static int on_check_lock(sqlite3_file *file, int *ret)
{
	return of(file)->file->pMethods->xCheckReservedLock(of(file)->file, ret);
}

static int on_control(sqlite3_file *file, int what, void *arg)
{
	/* What it answers does not depend on what waits, and SQLite ignores some failures. */
	return of(file)->file->pMethods->xFileControl(of(file)->file, what, arg);
}

static int on_sector_size(sqlite3_file *file)
{
	return of(file)->file->pMethods->xSectorSize(of(file)->file);
}

static int on_device(sqlite3_file *file)
{
	return of(file)->file->pMethods->xDeviceCharacteristics(of(file)->file);
}

/* Version 1: SQLite neither shares memory by a WAL's handle nor maps the file. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_file_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_device,
};

/* ---- the VFS --------------------------------------------------------------------------------- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		   int *ret_flags)
{
	struct pagefile_vfs *ours = (struct pagefile_vfs *)(void *)vfs;
	sqlite3_vfs *system = ours->system;
	struct pagefile *own = of(file);
	int rc;

	if (!(flags & SQLITE_OPEN_WAL))
		return system->xOpen(system, name, file, flags, ret_flags);
	memset(own, 0, sizeof(*own)); /* without methods nobody closes it */
	own->waits = sqlite3_malloc64(PAGEFILE_BYTES);
	if (!own->waits)
		return SQLITE_NOMEM;
	own->file = (sqlite3_file *)(void *)(own + 1);
	own->file->pMethods = NULL;
	rc = system->xOpen(system, name, own->file, flags, ret_flags);
	if (rc == SQLITE_OK) {
		own->vfs = ours;
		own->base.pMethods = &methods;
		ours->wal = own;
		return SQLITE_OK;
	}
	if (own->file->pMethods)
		(void)own->file->pMethods->xClose(own->file);
	sqlite3_free(own->waits);
	return rc;
}

/* All but opening is the default VFS's, whose functions ask for its pAppData and nothing else. */
int pagefile_init(struct pagefile_vfs *vfs, struct diag *diag)
{
	int rc = SQLITE_ERROR;

	vfs->wal = NULL;
	vfs->system = sql_copy_vfs(&vfs->base, vfs->name);
	if (vfs->system) {
		vfs->base.szOsFile += (int)sizeof(struct pagefile);
		vfs->base.xOpen = on_open;
		rc = sqlite3_vfs_register(&vfs->base, 0);
	}
	if (rc == SQLITE_OK)
		return 0;
	vfs->system = NULL;
	return diag_set(diag, ERR_IO, "cannot add to SQLite's file systems: %s",
			sqlite3_errstr(rc));
}

void pagefile_clear(struct pagefile_vfs *vfs)
{
	if (vfs->system)
		(void)sqlite3_vfs_unregister(&vfs->base);
	vfs->system = NULL;
}

void pagefile_forget(struct pagefile_vfs *vfs)
{
	if (vfs->wal)
		vfs->wal->used = 0;
	if (vfs->wal)
		vfs->wal->failed = SQLITE_OK;
}
