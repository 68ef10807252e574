/*
 * forgetfuldisk.h -- a disk for SQLite that has only what was synced, and can fail to sync.
 *
 * A VFS over the usual one. What is written is read back at once, by whoever reads the file; but
 * the disk gets it by xSync only, and an xSync that fails leaves what it did not write taken for
 * clean, as Linux does: no later one writes that. disk_cut() writes what the disk has to another
 * folder: what would be there after the power failed. The memory is shared, so that a process that
 * is killed leaves its part to the one that goes on.
 *
 * Included by one test program; everything is static.
 */
#ifndef PETSTORE_FORGETFULDISK_H
#define PETSTORE_FORGETFULDISK_H

#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DISK_FILES 4
#define DISK_BYTES (8u << 20) /* of a file at most */
#define DISK_BLOCK 512u

struct disk_file {
	char name[300]; /* "": free */
	int64_t bytes;  /* on the disk */
	unsigned char is_dirty[DISK_BYTES / DISK_BLOCK];
	unsigned char data[DISK_BYTES];
};

struct disk {
	sqlite3_vfs *below;
	char failing[16]; /* syncs of files whose name ends so fail */
	unsigned fails;   /* how many of them yet */
	unsigned failed;
	struct disk_file file[DISK_FILES];
};

struct disk_handle {
	sqlite3_file base;
	struct disk_file *file; /* NULL: not one that is followed */
	sqlite3_file *real;
};

static struct disk *the_disk;

static inline sqlite3_file *disk_real(sqlite3_file *file)
{
	return ((struct disk_handle *)file)->real;
}

static inline int disk_ends(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

static int disk_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct disk_file *on = ((struct disk_handle *)file)->file;

	for (sqlite3_int64 i = at / DISK_BLOCK; on && i * DISK_BLOCK < at + n; i++)
		on->is_dirty[i] = 1;
	return disk_real(file)->pMethods->xWrite(disk_real(file), bytes, n, at);
}

static int disk_sync(sqlite3_file *file, int flags)
{
	struct disk_file *on = ((struct disk_handle *)file)->file;
	sqlite3_file *real = disk_real(file);
	sqlite3_int64 size = 0;
	int fails = on && the_disk->fails > 0 && disk_ends(on->name, the_disk->failing);

	(void)flags;
	if (!on)
		return SQLITE_OK;
	(void)real->pMethods->xFileSize(real, &size);
	for (size_t i = 0; i < DISK_BYTES / DISK_BLOCK; i++) {
		if (on->is_dirty[i] && !fails && (sqlite3_int64)(i * DISK_BLOCK) < size)
			(void)real->pMethods->xRead(real, on->data + i * DISK_BLOCK, DISK_BLOCK,
						    (sqlite3_int64)(i * DISK_BLOCK));
		on->is_dirty[i] = 0;
	}
	on->bytes = size; /* a journaling file system has that, whatever became of the data */
	if (!fails)
		return SQLITE_OK;
	the_disk->fails--;
	the_disk->failed++;
	return SQLITE_IOERR_FSYNC;
}

static int disk_close(sqlite3_file *file)
{
	return disk_real(file)->pMethods->xClose(disk_real(file));
}

static int disk_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
	return disk_real(file)->pMethods->xRead(disk_real(file), bytes, n, at);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return disk_real(file)->pMethods->xTruncate(disk_real(file), size);
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return disk_real(file)->pMethods->xFileSize(disk_real(file), size);
}

static int disk_lock(sqlite3_file *file, int level)
{
	return disk_real(file)->pMethods->xLock(disk_real(file), level);
}

static int disk_unlock(sqlite3_file *file, int level)
{
	return disk_real(file)->pMethods->xUnlock(disk_real(file), level);
}

static int disk_check_lock(sqlite3_file *file, int *ret)
{
	return disk_real(file)->pMethods->xCheckReservedLock(disk_real(file), ret);
}

static int disk_control(sqlite3_file *file, int op, void *arg)
{
	return disk_real(file)->pMethods->xFileControl(disk_real(file), op, arg);
}

static int disk_sector(sqlite3_file *file)
{
	return disk_real(file)->pMethods->xSectorSize(disk_real(file));
}

static int disk_traits(sqlite3_file *file)
{
	return disk_real(file)->pMethods->xDeviceCharacteristics(disk_real(file));
}

static int disk_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **ret)
{
	return disk_real(file)->pMethods->xShmMap(disk_real(file), page, bytes, extend, ret);
}

static int disk_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
	return disk_real(file)->pMethods->xShmLock(disk_real(file), at, n, flags);
}

static void disk_shm_barrier(sqlite3_file *file)
{
	disk_real(file)->pMethods->xShmBarrier(disk_real(file));
}

static int disk_shm_unmap(sqlite3_file *file, int removes)
{
	return disk_real(file)->pMethods->xShmUnmap(disk_real(file), removes);
}

static const sqlite3_io_methods disk_methods = {
	2,           disk_close,   disk_read,     disk_write,       disk_truncate,  disk_sync,
	disk_size,   disk_lock,    disk_unlock,   disk_check_lock,  disk_control,   disk_sector,
	disk_traits, disk_shm_map, disk_shm_lock, disk_shm_barrier, disk_shm_unmap, NULL,
	NULL,
};

static inline struct disk_file *disk_find(const char *name)
{
	for (size_t i = 0; i < DISK_FILES; i++) {
		struct disk_file *file = &the_disk->file[i];

		if (file->name[0] == '\0')
			(void)snprintf(file->name, sizeof(file->name), "%s", name);
		if (strcmp(file->name, name) == 0)
			return file;
	}
	return NULL;
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct disk_handle *handle = (struct disk_handle *)file;
	int rc;

	(void)vfs;
	handle->real = (sqlite3_file *)(handle + 1);
	handle->file =
		name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) ? disk_find(name) : NULL;
	rc = the_disk->below->xOpen(the_disk->below, name, handle->real, flags, out);
	handle->base.pMethods = rc == SQLITE_OK ? &disk_methods : NULL;
	return rc;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int must_sync)
{
	struct disk_file *file = disk_find(name);

	(void)vfs;
	if (file) {
		file->bytes = 0;
		memset(file->is_dirty, 0, sizeof(file->is_dirty));
	}
	return the_disk->below->xDelete(the_disk->below, name, must_sync);
}

/* From here on SQLite's files lie on the disk, which is empty. */
static inline void disk_plug_in(void)
{
	static sqlite3_vfs vfs;

	the_disk = mmap(NULL, sizeof(*the_disk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	assert_ptr_not_equal(the_disk, MAP_FAILED);
	the_disk->below = sqlite3_vfs_find(NULL);
	vfs = *the_disk->below;
	vfs.szOsFile = (int)sizeof(struct disk_handle) + the_disk->below->szOsFile;
	vfs.zName = "forgetful";
	vfs.xOpen = disk_open;
	vfs.xDelete = disk_delete;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

static inline void disk_plug_out(void)
{
	(void)sqlite3_vfs_unregister(sqlite3_vfs_find("forgetful"));
	(void)munmap(the_disk, sizeof(*the_disk));
}

/* The next @count syncs of the file whose name ends in @end fail. */
static inline void disk_fail(const char *end, unsigned count)
{
	(void)snprintf(the_disk->failing, sizeof(the_disk->failing), "%s", end);
	the_disk->fails = count;
}

/* The power fails: what the disk has of each "<name><rest>" is "<to><rest>" afterwards. */
static inline void disk_cut(const char *name, const char *to)
{
	char path[400];

	for (size_t i = 0; i < DISK_FILES; i++) {
		const struct disk_file *file = &the_disk->file[i];
		int fd;

		if (strncmp(file->name, name, strlen(name)) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", to, file->name + strlen(name));
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, file->data, (size_t)file->bytes), file->bytes);
		(void)close(fd);
	}
}

#endif
