#include "ledger/walfile.h"

#include <stdio.h>
#include <string.h>

struct walfile {
	sqlite3_file base;
	struct walfile_vfs *vfs;
	char *waits;        /* room for WALFILE_BYTES */
	size_t used;        /* of it */
	int64_t at;         /* where in the file it goes */
	sqlite3_file *file; /* the system's, behind this struct */
};

static struct walfile *of(sqlite3_file *file)
{
	return (struct walfile *)(void *)file;
}

/* What waits is given up where it can't be written: SQLite writes it again, or takes it back. */
static int hand_over(struct walfile *wal)
{
	size_t used = wal->used;

	wal->used = 0;
	return used ? wal->file->pMethods->xWrite(wal->file, wal->waits, (int)used, wal->at)
		    : SQLITE_OK;
}

static int on_close(sqlite3_file *file)
{
	struct walfile *wal = of(file);
	int written = hand_over(wal);
	int rc = wal->file->pMethods->xClose(wal->file);

	wal->vfs->open = NULL;
	sqlite3_free(wal->waits);
	return rc ? rc : written;
}

static int on_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
	struct walfile *wal = of(file);
	int rc = hand_over(wal);

	return rc ? rc : wal->file->pMethods->xRead(wal->file, data, len, at);
}

static int on_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct walfile *wal = of(file);
	int rc = SQLITE_OK;

	if (at != wal->at + (int64_t)wal->used || (size_t)len > WALFILE_BYTES - wal->used)
		rc = hand_over(wal);
	if (rc || (size_t)len > WALFILE_BYTES)
		return rc ? rc : wal->file->pMethods->xWrite(wal->file, data, len, at);
	if (wal->used == 0)
		wal->at = at;
	memcpy(wal->waits + wal->used, data, (size_t)len);
	wal->used += (size_t)len;
	return SQLITE_OK;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct walfile *wal = of(file);
	int rc = hand_over(wal);

	return rc ? rc : wal->file->pMethods->xTruncate(wal->file, size);
}

static int on_sync(sqlite3_file *file, int flags)
{
	struct walfile *wal = of(file);
	int rc = hand_over(wal);

	return rc ? rc : wal->file->pMethods->xSync(wal->file, flags);
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct walfile *wal = of(file);
	int rc = hand_over(wal);

	return rc ? rc : wal->file->pMethods->xFileSize(wal->file, ret);
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
	/* What it answers does not depend on what waits; and SQLite ignores some of its failures.
	 */
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

/* Version 1: SQLite neither shares memory by a WAL's file nor maps it. */
static const sqlite3_io_methods wal_methods = {
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

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		   int *ret_flags)
{
	struct walfile_vfs *ours = (struct walfile_vfs *)(void *)vfs;
	sqlite3_vfs *system = ours->system;
	struct walfile *wal = of(file);
	int rc;

	if (!(flags & SQLITE_OPEN_WAL))
		return system->xOpen(system, name, file, flags, ret_flags);
	memset(wal, 0, sizeof(*wal)); /* without methods nobody closes it */
	wal->waits = sqlite3_malloc64(WALFILE_BYTES);
	if (!wal->waits)
		return SQLITE_NOMEM;
	wal->file = (sqlite3_file *)(void *)(wal + 1);
	wal->file->pMethods = NULL;
	rc = system->xOpen(system, name, wal->file, flags, ret_flags);
	if (rc == SQLITE_OK) {
		wal->base.pMethods = &wal_methods;
		wal->vfs = ours;
		ours->open = wal;
		return SQLITE_OK;
	}
	if (wal->file->pMethods)
		(void)wal->file->pMethods->xClose(wal->file);
	sqlite3_free(wal->waits);
	return rc;
}

/* All but opening is the default VFS's, whose functions ask for its pAppData and nothing else. */
int walfile_init(struct walfile_vfs *vfs, struct diag *diag)
{
	int rc = SQLITE_ERROR;

	vfs->open = NULL;
	vfs->system = sqlite3_vfs_find(NULL);
	if (vfs->system) {
		vfs->base = *vfs->system;
		(void)snprintf(vfs->name, sizeof(vfs->name), "petstore-%p", (void *)vfs);
		vfs->base.zName = vfs->name;
		vfs->base.pNext = NULL;
		vfs->base.szOsFile += (int)sizeof(struct walfile);
		vfs->base.xOpen = on_open;
		rc = sqlite3_vfs_register(&vfs->base, 0);
	}
	if (rc == SQLITE_OK)
		return 0;
	vfs->system = NULL;
	return diag_set(diag, ERR_IO, "cannot add to SQLite's file systems: %s",
			sqlite3_errstr(rc));
}

void walfile_clear(struct walfile_vfs *vfs)
{
	if (vfs->system)
		(void)sqlite3_vfs_unregister(&vfs->base);
	vfs->system = NULL;
}

void walfile_forget(struct walfile_vfs *vfs)
{
	if (vfs->open)
		vfs->open->used = 0;
}
