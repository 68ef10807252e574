/* journal_sync.c -- syncs the file to the disk, writes marks, and recovers from a failed sync. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger/journal_internal.h"

#define REWRITE_BYTES 16384u /* at once */

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- failures ---------------------------------------------------------------------------- */

static void note_failure(struct journal *j, int error)
{
	atomic_store(&j->sync_error, error);
	atomic_fetch_add(&j->failures, 1);
}

bool journal_takes_power(const struct journal *j)
{
	return atomic_load(&j->failures) == atomic_load(&j->repaired);
}

bool journal_must_sync(const struct journal *j)
{
	return !journal_takes_power(j) && atomic_load(&j->failures) != j->tried;
}

uint64_t journal_failures(const struct journal *j, int *error)
{
	*error = atomic_load(&j->sync_error);
	return atomic_load(&j->failures);
}

/* ---- syncs ------------------------------------------------------------------------------- */

static int pages_sync(const unsigned char *map, size_t begin, size_t end)
{
	begin -= begin % page_bytes();
	/* msync() changes nothing in memory. */
	return msync((void *)(uintptr_t)(map + begin), end - begin, MS_SYNC) == 0 ? 0 : errno;
}

static int range_sync(struct journal *j, const unsigned char *map, uint64_t from, uint64_t to)
{
	size_t begin = JOURNAL_RING_AT + (size_t)(from % j->capacity);
	size_t end = begin + (size_t)(to - from) + sizeof(uint64_t);
	size_t mapped = JOURNAL_RING_AT + 2 * j->capacity;

	return pages_sync(map, begin, end < mapped ? end : mapped);
}

static void raise_synced(struct journal *j, uint64_t to)
{
	uint64_t seen = atomic_load(&j->synced);

	while (seen < to && !atomic_compare_exchange_weak(&j->synced, &seen, to))
		;
}

/* The oldest position that the disk might not have and a restart would need. */
static uint64_t unsynced_from(const struct journal *j)
{
	uint64_t synced = atomic_load(&j->synced);
	uint64_t reusable = atomic_load(&j->reusable);

	return synced > reusable ? synced : reusable;
}

/* A failure that the other thread saw meanwhile may be of this range. */
int journal_power_sync(struct journal *j, uint64_t to)
{
	unsigned failures = atomic_load(&j->failures);
	int error;

	if (failures != atomic_load(&j->repaired))
		return atomic_load(&j->sync_error);
	error = range_sync(j, j->map, unsynced_from(j), to);
	if (error)
		note_failure(j, error);
	else if (failures != atomic_load(&j->failures))
		error = atomic_load(&j->sync_error);
	if (error)
		return error;
	raise_synced(j, to);
	journal_mark_write(j, JOURNAL_OF_APPENDER, (struct journal_place){ to, j->next_seq + 1 });
	return 0;
}

int journal_file_sync(struct journal *j)
{
	int error = fsync(j->fd) == 0 ? 0 : errno;

	if (fsync(j->writer_fd) != 0 && !error)
		error = errno;
	return error;
}

/* ---- after a failure --------------------------------------------------------------------- */

static int write_all(struct journal *j, const void *data, size_t len, size_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(j->writer_fd, (const char *)data + done, len - done,
				   (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		done += (size_t)n;
	}
	return 0;
}

/*
 * The bytes of positions @from to @to, and no byte more: behind them the other thread appends.
 * Through a copy, since the pages that pwrite() fills are those that it would read from.
 */
static int rewrite_records(struct journal *j, uint64_t from, uint64_t to)
{
	unsigned char copy[REWRITE_BYTES];
	int error = 0;

	while (!error && from < to) {
		size_t at = (size_t)(from % j->capacity);
		size_t n = to - from < sizeof(copy) ? (size_t)(to - from) : sizeof(copy);

		if (n > j->capacity - at)
			n = j->capacity - at;
		memcpy(copy, j->map + JOURNAL_RING_AT + at, n);
		error = journal_is_broken(j) ? EIO : write_all(j, copy, n, JOURNAL_RING_AT + at);
		from += n;
	}
	return error;
}

int journal_rewrite_head(struct journal *j)
{
	unsigned char copy[JOURNAL_MARK_AT(JOURNAL_OF_APPENDER)];

	/* Header and slots; the marks may be old, and the header's copy is not needed. */
	memcpy(copy, j->map, sizeof(copy));
	return journal_is_broken(j) ? EIO : write_all(j, copy, sizeof(copy), 0);
}

static uint64_t passed_by_both(const struct journal *j)
{
	return j->slot[0].position < j->slot[1].position ? j->slot[0].position
							 : j->slot[1].position;
}

/*
 * What the files still have to tell of former failures is fetched first: it is about pages that
 * are written anew now. No power record is synced meanwhile, whose error this might be.
 */
static int make_good(struct journal *j)
{
	unsigned failures = atomic_load(&j->failures);
	uint64_t head = atomic_load_explicit(&j->head, memory_order_acquire);
	int error;

	(void)journal_file_sync(j);
	error = rewrite_records(j, atomic_load(&j->reusable), head);
	if (!error)
		error = journal_rewrite_head(j);
	if (!error)
		error = journal_file_sync(j);
	if (error) {
		note_failure(j, error);
		j->tried = atomic_load(&j->failures);
		return error;
	}
	raise_synced(j, head);
	atomic_store_explicit(&j->reusable, passed_by_both(j), memory_order_release);
	atomic_store(&j->repaired, failures);
	return 0;
}

/* ---- the writer's ------------------------------------------------------------------------ */

/* The place of the newest record before @to that can be walked to: for the mark. */
static struct journal_place walk(struct journal *j, uint64_t to)
{
	struct journal_place at = j->walked;

	if (at.position < j->tail.position)
		at = j->tail;
	while (at.position < to) {
		const struct journal_header *record = journal_record_at(j, at.position);
		uint64_t size = journal_record_size(record->len);

		if (atomic_load_explicit(&record->seq, memory_order_relaxed) !=
			    (at.seq | JOURNAL_COMMITTED) ||
		    size > to - at.position)
			break;
		at.position += size;
		at.seq++;
	}
	j->walked = at;
	return at;
}

int journal_sync(struct journal *j, struct diag *diag)
{
	uint64_t from = unsynced_from(j);
	uint64_t to = atomic_load_explicit(&j->head, memory_order_acquire);
	int error = 0;

	if (!journal_takes_power(j)) {
		error = make_good(j);
	} else if (from < to) {
		error = range_sync(j, j->writer_map, from, to);
		if (error)
			note_failure(j, error);
		else
			raise_synced(j, to);
	} else {
		return 0;
	}
	if (error)
		return journal_fail(j, "cannot sync the journal", error, diag);
	journal_mark_write(j, JOURNAL_OF_WRITER, walk(j, to));
	return 0;
}

int journal_probe(struct journal *j, struct diag *diag)
{
	int error;

	journal_mark_write(j, JOURNAL_OF_WRITER, j->walked);
	error = pages_sync(j->writer_map, JOURNAL_MARK_AT(0), JOURNAL_MARKS_END);
	if (!error)
		return 0;
	note_failure(j, error);
	return journal_fail(j, "cannot sync the journal", error, diag);
}

void journal_release(struct journal *j)
{
	uint64_t tail = j->read.position;
	int error;

	j->tail = j->read;
	if (j->slot[0].position == tail && j->slot[1].position == tail &&
	    atomic_load(&j->reusable) == tail)
		return;
	journal_slot_write(j, j->next_slot, j->tail);
	error = pages_sync(j->writer_map, 0, JOURNAL_MARKS_END);
	if (error) {
		note_failure(j, error);
		return;
	}
	j->next_slot = !j->next_slot;
	if (journal_takes_power(j)) /* else make_good() says when */
		atomic_store_explicit(&j->reusable, passed_by_both(j), memory_order_release);
}
