/*
 * powercut.c -- a disk that forgets what was not synced, for one process and one folder.
 *
 * Preloaded into a broker (LD_PRELOAD). What the broker writes into POWERCUT_FOLDER goes where it
 * always goes; beside that POWERCUT_DISK holds what a disk would have: a file's bytes reach it by
 * fsync(), fdatasync() and msync(), and, as the kernel does it, some of them at any other time,
 * sector by sector. powercut.py kills the broker, takes what the disk has and a part of the rest,
 * and starts the next broker from that.
 *
 * What a disk promises, as it is taken here:
 *  - Nothing but a sync says what comes before what. A sector of 512 bytes is whole, a page is not.
 *  - A new file's name is on the disk with the first sync of the file (ext4, XFS, btrfs), or, where
 *    STRICT is set, with that of its folder only ("NAME+" until then). A file that was removed may
 *    be back until the folder was synced ("NAME~").
 *  - A sync that fails (FAIL) leaves some pages unwritten, and the kernel takes them for clean: the
 *    next sync leaves them out and succeeds. Only a page that was written to since is tried again.
 *    Here that is a page whose bytes differ, or that pwrite() wrote; a store of the same bytes to a
 *    mapping is not seen.
 *  - A renaming is on the disk at once. Only the broker's own mosquitto.db is renamed.
 *
 * The test says what is to happen in the file "control" on the disk, which both map.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define SECTOR 512
#define CHUNK ((size_t)64 * PAGE)
#define FILES_MAX 32
#define NAME_ROOM 256
#define PATH_ROOM 4096
#define WRITEBACK_NS 2000000
#define WRITEBACK_PAGES 16

/* The control's numbers; powercut.py has the same list. */
enum {
	SYNCS,     /* of files, begun */
	CUT_AT,    /* the power fails at this one; 0: at none */
	CUT_WHEN,  /* 0: before it, 1: in the middle, 2: when it is done but not answered */
	FAIL,      /* so many syncs are to fail */
	FAIL_KIND, /* of these files only: see kinds[] */
	FAILED,    /* that did */
	SLOW,      /* milliseconds that a sync takes, as long as it says so */
	LIES,      /* syncs do nothing, and say that they did */
	WRITEBACK, /* permille of the sectors of a page that the kernel writes by itself */
	STRICT,
	RING_BEGUN, /* syncs of the journal's records */
	RING_DONE,  /* the last of them that was done and did not fail */
	CONTROLS
};

/* Kinds of files, by the end of their names; FAIL_KIND is an index, 0 stands for all. */
static const char *const kinds[] = { "", "-journal.ring", "-wal", ".db" };
#define RING 1
#define RECORDS_AT 65536 /* in the journal: see plugin/ledger/journal.h */

struct file {
	char name[NAME_ROOM];
	ino_t inode;
	int live;       /* never closed: SQLite's locks would go with it */
	int disk;       /* -1: nothing of it is on the disk */
	uint64_t *lost; /* by page: what was not written but is taken for clean; 0: no such thing */
	size_t lost_pages;
};

/* All of it is under the lock. A process that is preloaded into has no other place for it. */
static struct {
	pthread_mutex_t lock;
	const char *folder, *disk;
	_Atomic int32_t *control;
	struct file file[FILES_MAX];
	size_t files;
	uint64_t random;
	bool is_begun;
	bool is_writing_back;
} world = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void fail(const char *what)
{
	fprintf(stderr, "powercut: %s: %s\n", what, strerror(errno));
	abort();
}

/* ---- the calls that we stand in for ------------------------------------------------------- */

/* Each is looked up where it is used: what is preloaded may be called before it is set up. */
static ssize_t real_pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	ssize_t (*call)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

	return call(fd, data, n, at);
}

static int real_unlink(const char *path)
{
	int (*call)(const char *) = dlsym(RTLD_NEXT, "unlink");

	return call(path);
}

static int real_rename(const char *from, const char *to)
{
	int (*call)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");

	return call(from, to);
}

/* ---- the world ----------------------------------------------------------------------------- */

static void begin(void)
{
	char path[PATH_ROOM];
	int fd;

	if (world.is_begun)
		return;
	world.is_begun = true;
	world.folder = getenv("POWERCUT_FOLDER");
	world.disk = getenv("POWERCUT_DISK");
	if (!world.folder || !world.disk) {
		errno = EINVAL;
		fail("POWERCUT_FOLDER and POWERCUT_DISK are expected");
	}
	world.random = strtoull(getenv("POWERCUT_SEED") ? getenv("POWERCUT_SEED") : "1", NULL, 0);
	world.random = world.random * 2 + 1;
	(void)snprintf(path, sizeof(path), "%s/control", world.disk);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	world.control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (world.control == MAP_FAILED)
		fail(path);
	(void)close(fd);
}

static void enter(void)
{
	(void)pthread_mutex_lock(&world.lock); /* cannot fail: not recursive */
	begin();
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&world.lock); /* as above */
}

static unsigned chance(unsigned below)
{
	world.random ^= world.random << 13;
	world.random ^= world.random >> 7;
	world.random ^= world.random << 17;
	return (unsigned)((world.random >> 20) % below);
}

static void cut(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

/* The name of a file of ours at @path, or NULL. */
static const char *name_of(const char *path)
{
	size_t len = strlen(world.folder);
	const char *name = path + len + 1;

	if (strncmp(path, world.folder, len) != 0 || path[len] != '/' || strchr(name, '/') ||
	    strlen(name) >= NAME_ROOM)
		return NULL;
	return strncmp(name, "petstore.db", 11) == 0 || strncmp(name, "mosquitto.db", 12) == 0
		       ? name
		       : NULL;
}

static void on_disk(char *ret, const char *name, const char *end)
{
	if (snprintf(ret, PATH_ROOM, "%s/%s%s", world.disk, name, end) >= PATH_ROOM) {
		errno = ENAMETOOLONG;
		fail(name);
	}
}

static struct file *file_find(const char *name)
{
	for (size_t i = 0; i < world.files; i++)
		if (strcmp(world.file[i].name, name) == 0)
			return &world.file[i];
	return NULL;
}

/* The file that stands at @path, as it was or made anew. NULL: it is none of ours, or gone. */
static struct file *file_at(const char *path)
{
	const char *name = name_of(path);
	struct file *file = name ? file_find(name) : NULL;
	char shadow[PATH_ROOM];
	struct stat st;

	if (!name || stat(path, &st) != 0)
		return NULL;
	if (file && file->inode == st.st_ino)
		return file;
	if (!file) {
		if (world.files == FILES_MAX) {
			errno = ENFILE;
			fail(name);
		}
		file = &world.file[world.files++];
	}
	*file = (struct file){ .inode = st.st_ino, .disk = -1 };
	(void)snprintf(file->name, sizeof(file->name), "%s", name);
	file->live = open(path, O_RDONLY | O_CLOEXEC);
	if (file->live < 0)
		fail(path);
	on_disk(shadow, name, "");
	file->disk = open(shadow, O_RDWR | O_CLOEXEC);
	return file;
}

static struct file *file_of(int fd)
{
	char link[64], path[PATH_ROOM];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	return file_at(path);
}

/* The first sync makes the file on the disk; its name may come later. */
static void file_make(struct file *file)
{
	bool is_strict = world.control[STRICT] != 0;
	char path[PATH_ROOM], gone[PATH_ROOM];

	if (file->disk >= 0)
		return;
	on_disk(path, file->name, is_strict ? "+" : "");
	file->disk = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file->disk < 0)
		fail(path);
	on_disk(gone, file->name, "~");
	if (!is_strict)
		(void)real_unlink(gone); /* it may not be there */
}

static bool is_kind(const struct file *file, unsigned kind)
{
	size_t len = strlen(file->name), end = strlen(kinds[kind]);

	return len >= end && strcmp(file->name + len - end, kinds[kind]) == 0;
}

/* ---- pages --------------------------------------------------------------------------------- */

static uint64_t hash(const unsigned char *page)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < PAGE; i++)
		sum = (sum ^ page[i]) * UINT64_C(0x100000001b3);
	return sum | 1;
}

static bool is_lost(struct file *file, size_t page, const unsigned char *live)
{
	if (page >= file->lost_pages || file->lost[page] == 0)
		return false;
	if (file->lost[page] == hash(live))
		return true;
	file->lost[page] = 0; /* written to since: dirty again */
	return false;
}

static void lose(struct file *file, size_t page, const unsigned char *live)
{
	if (page >= file->lost_pages) {
		uint64_t *lost = realloc(file->lost, (page + 1) * sizeof(*lost));

		if (!lost)
			fail("lost pages");
		memset(lost + file->lost_pages, 0, (page + 1 - file->lost_pages) * sizeof(*lost));
		file->lost = lost;
		file->lost_pages = page + 1;
	}
	file->lost[page] = hash(live);
}

/* So many permille of the sectors of a page that differ. */
static void page_write(struct file *file, size_t page, const unsigned char *live,
		       const unsigned char *disk, unsigned permille)
{
	for (size_t at = 0; at < PAGE; at += SECTOR)
		if (memcmp(live + at, disk + at, SECTOR) != 0 && chance(1000) < permille &&
		    real_pwrite64(file->disk, live + at, SECTOR, (off64_t)(page * PAGE + at)) < 0)
			fail("the disk");
}

/* @n bytes at @at, with zeros where the file ends before. */
static void read_all(int fd, unsigned char *ret, size_t n, size_t at)
{
	ssize_t got = pread64(fd, ret, n, (off64_t)at);

	if (got < 0)
		fail("reading");
	memset(ret + got, 0, n - (size_t)got);
}

enum how { WHOLE = 1000, HALF = 500, FAILS = -1 };

/* Writes the pages from byte @from to @to that differ, or loses some of them. */
static void range_write(struct file *file, size_t from, size_t to, int how)
{
	static unsigned char live[CHUNK], disk[CHUNK]; /* under the lock */

	for (size_t at = from - from % PAGE; at < to; at += CHUNK) {
		size_t end = to - at < CHUNK ? (to - at + PAGE - 1) / PAGE * PAGE : CHUNK;

		read_all(file->live, live, end, at);
		read_all(file->disk, disk, end, at);
		for (size_t i = 0; i < end; i += PAGE) {
			size_t page = (at + i) / PAGE;

			if (memcmp(live + i, disk + i, PAGE) == 0 || is_lost(file, page, live + i))
				continue;
			if (how == FAILS && chance(4) != 0)
				lose(file, page, live + i);
			else
				page_write(file, page, live + i, disk + i,
					   how == HALF ? HALF : WHOLE);
		}
	}
}

static size_t size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		fail("size");
	return (size_t)st.st_size;
}

static void range_copy(struct file *file, size_t from, size_t to, int how)
{
	size_t size = size_of(file->live);

	file_make(file);
	range_write(file, from, to < size ? to : size, how);
	/* What was written last may have made it longer, to a whole sector. */
	if ((how == WHOLE || chance(2) == 0) && ftruncate64(file->disk, (off64_t)size) != 0)
		fail("size");
}

/* ---- syncs --------------------------------------------------------------------------------- */

/* What the kernel writes when it likes to. */
static void *write_back(void *unused)
{
	static unsigned char live[PAGE], disk[PAGE]; /* under the lock */
	const struct timespec pause = { .tv_nsec = WRITEBACK_NS };

	for (;;) {
		(void)nanosleep(&pause, NULL);
		enter();
		for (unsigned i = 0; i < WRITEBACK_PAGES && world.control[WRITEBACK] > 0; i++) {
			struct file *file = &world.file[chance((unsigned)world.files)];
			size_t pages = file->disk < 0 ? 0 : size_of(file->live) / PAGE;
			size_t page = pages ? chance((unsigned)pages) : 0;

			if (pages == 0)
				continue;
			read_all(file->live, live, PAGE, page * PAGE);
			read_all(file->disk, disk, PAGE, page * PAGE);
			if (!is_lost(file, page, live))
				page_write(file, page, live, disk,
					   (unsigned)world.control[WRITEBACK]);
		}
		leave();
	}
	return unused;
}

static void begin_write_back(void)
{
	pthread_t thread;

	if (world.is_writing_back || world.control[WRITEBACK] == 0)
		return;
	world.is_writing_back = true;
	if (pthread_create(&thread, NULL, write_back, NULL) != 0)
		fail("thread");
	(void)pthread_detach(thread); /* a thread that was just made */
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Others sync meanwhile. Over as soon as the test makes it shorter. */
static void be_slow(void)
{
	const struct timespec look = { .tv_nsec = 5000000 };
	int64_t begun = now_ms();

	leave();
	while (now_ms() - begun < world.control[SLOW])
		(void)nanosleep(&look, NULL); /* shorter where a signal comes */
	enter();
}

/* 0, or -1 with errno, as the call that was made. Under the lock. */
static int file_sync(struct file *file, size_t from, size_t to)
{
	int number = ++world.control[SYNCS];
	int when = number == world.control[CUT_AT] ? world.control[CUT_WHEN] : -1;
	bool is_of_records = is_kind(file, RING) && to > RECORDS_AT;

	begin_write_back();
	if (is_of_records)
		world.control[RING_BEGUN]++;
	if (when == 0)
		cut();
	if (world.control[SLOW] > 0)
		be_slow();
	if (world.control[LIES])
		return 0;
	if (world.control[FAIL] > 0 && is_kind(file, (unsigned)world.control[FAIL_KIND])) {
		world.control[FAIL]--;
		world.control[FAILED]++;
		range_copy(file, from, to, FAILS);
		errno = EIO;
		return -1;
	}
	range_copy(file, from, to, when == 1 ? HALF : WHOLE);
	if (when >= 0)
		cut();
	if (is_of_records)
		world.control[RING_DONE] = world.control[RING_BEGUN];
	return 0;
}

/* Names that were made or removed are so on the disk from now on. */
static void folder_sync(void)
{
	char from[PATH_ROOM], to[PATH_ROOM];

	for (size_t i = 0; i < world.files; i++) {
		on_disk(to, world.file[i].name, "~");
		(void)real_unlink(to); /* most are not there */
		on_disk(from, world.file[i].name, "+");
		on_disk(to, world.file[i].name, "");
		(void)real_rename(from, to); /* as above */
	}
}

static bool is_folder(int fd)
{
	struct stat one, other;

	return fstat(fd, &one) == 0 && stat(world.folder, &other) == 0 &&
	       one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

static int sync_fd(int fd)
{
	struct file *file;
	int rc = 0;

	enter();
	file = file_of(fd);
	if (file)
		rc = file_sync(file, 0, SIZE_MAX);
	else if (is_folder(fd) && !world.control[LIES])
		folder_sync();
	leave();
	return rc;
}

int fsync(int fd)
{
	return sync_fd(fd);
}

int fdatasync(int fd)
{
	return sync_fd(fd);
}

/* A range of memory may be of several mappings. */
int msync(void *addr, size_t len, int flags)
{
	uintptr_t from = (uintptr_t)addr, to = from + len;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_ROOM + 128], path[PATH_ROOM];
	int rc = 0;

	(void)flags;
	if (!maps)
		fail("/proc/self/maps");
	enter();
	while (rc == 0 && fgets(line, sizeof(line), maps)) {
		uintptr_t start, end;
		uint64_t offset;
		struct file *file;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64 " %*s %*s %4095[^\n]",
			   &start, &end, &offset, path) != 4 ||
		    end <= from || start >= to)
			continue;
		file = file_at(path);
		if (!file)
			continue;
		offset += from > start ? from - start : 0;
		rc = file_sync(file, offset,
			       offset + (to < end ? to : end) - (from > start ? from : start));
	}
	leave();
	(void)fclose(maps);
	return rc;
}

/* ---- what else changes the disk ------------------------------------------------------------ */

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	struct file *file;

	enter();
	file = world.control[FAILED] > 0 ? file_of(fd) : NULL;
	for (size_t page = (size_t)at / PAGE; file && page <= ((size_t)at + n) / PAGE; page++)
		if (page < file->lost_pages)
			file->lost[page] = 0;
	leave();
	return real_pwrite64(fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	return pwrite64(fd, data, n, at);
}

int unlink(const char *path)
{
	const char *name;
	struct file *file;
	char shadow[PATH_ROOM], gone[PATH_ROOM];

	enter();
	name = name_of(path);
	file = name ? file_find(name) : NULL;
	if (name) {
		on_disk(shadow, name, "");
		on_disk(gone, name, "~");
		(void)real_rename(shadow, gone); /* it may not be on the disk */
		on_disk(shadow, name, "+");
		(void)real_unlink(shadow); /* likewise */
	}
	if (file)
		file->inode = 0;
	leave();
	return real_unlink(path);
}

int rename(const char *from, const char *to)
{
	const char *name, *new_name;
	char shadow[PATH_ROOM], renamed[PATH_ROOM];
	int rc = real_rename(from, to);

	enter();
	name = name_of(from);
	new_name = name_of(to);
	if (rc == 0 && name && new_name) {
		on_disk(shadow, name, "");
		on_disk(renamed, new_name, "");
		(void)real_rename(shadow, renamed); /* it may not be on the disk */
	}
	leave();
	return rc;
}
