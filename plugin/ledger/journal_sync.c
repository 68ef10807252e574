/* journal_sync.c -- syncs the file to the disk, writes marks, and recovers from a failed sync. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger/journal_internal.h"

#define REWRITE_BYTES 16384u /* at once */
#define SYNCED_APART 2u      /* segments, each with a sync of its own; more take one together */

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

/* Of a file of format 1, to which nothing is added. */
static int ring_sync(const struct journal *j, const unsigned char *map, uint64_t from, uint64_t to)
{
	size_t begin = JOURNAL_RING_AT + (size_t)(from % j->capacity);

	return pages_sync(map, begin, begin + (size_t)(to - from));
}

/* Positions @from to @to, which lie in @segment, and the zero behind them. */
static int segment_sync(const struct journal *j, const unsigned char *map,
			const struct journal_segment *segment, uint64_t from, uint64_t to)
{
	uint64_t start = segment->number << j->shift;
	size_t slot = journal_slot_begin(j, segment->slot);
	size_t begin = from > start ? journal_offset(j, from) : 0;
	size_t end = to < start + journal_segment_bytes(j)
			     ? journal_offset(j, to) + sizeof(uint64_t)
			     : journal_segment_bytes(j);
	int error = 0;

	/* Without its head nothing of a segment is found. */
	if (begin > 0 && atomic_load(&j->synced) < start + JOURNAL_SEGMENT_HEAD)
		error = pages_sync(map, slot, slot + JOURNAL_SEGMENT_HEAD);
	return error ? error : pages_sync(map, slot + begin, slot + end);
}

/*
 * All that stands between the first and the last place of these segments: one sync, which may
 * write more than is asked for, in place of as many as there are segments, each of which waits for
 * the disk.
 */
static int span_sync(const struct journal *j, const unsigned char *map, uint64_t first,
		     uint64_t last)
{
	uint32_t low = j->slots, high = 0;

	for (uint64_t n = first; n <= last; n++) {
		const struct journal_segment *segment = journal_segment(j, n);

		if (segment && segment->slot < low)
			low = segment->slot;
		if (segment && segment->slot > high)
			high = segment->slot;
	}
	if (low > high)
		return 0;
	return pages_sync(map, journal_slot_begin(j, low), journal_slot_begin(j, high + 1));
}

static int range_sync(const struct journal *j, const unsigned char *map, uint64_t from, uint64_t to)
{
	uint64_t first = from >> j->shift, last = to >> j->shift;
	int error = 0;

	if (j->is_ring)
		return ring_sync(j, map, from, to);
	if (last - first >= SYNCED_APART)
		return span_sync(j, map, first, last);
	for (uint64_t n = first; !error && n <= last; n++) {
		const struct journal_segment *segment = journal_segment(j, n);

		if (segment)
			error = segment_sync(j, map, segment, from, to);
	}
	return error;
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
 * Bytes of the file, and no byte more: behind them the other thread appends. Through a copy, since
 * the pages that pwrite() fills are those that it would read from.
 */
static int rewrite(struct journal *j, size_t begin, size_t end)
{
	unsigned char copy[REWRITE_BYTES];
	int error = 0;

	while (!error && begin < end) {
		size_t n = end - begin < sizeof(copy) ? end - begin : sizeof(copy);

		memcpy(copy, j->map + begin, n);
		error = journal_is_broken(j) ? EIO : write_all(j, copy, n, begin);
		begin += n;
	}
	return error;
}

/* Positions @from to @to, and the heads of their segments. */
static int rewrite_records(struct journal *j, uint64_t from, uint64_t to)
{
	int error = 0;

	for (uint64_t n = from >> j->shift; !error && n <= to >> j->shift; n++) {
		const struct journal_segment *segment = journal_segment(j, n);
		uint64_t start = n << j->shift, end = start + journal_segment_bytes(j);
		size_t slot = segment ? journal_slot_begin(j, segment->slot) : 0;

		if (!segment)
			continue;
		error = rewrite(j, slot, slot + JOURNAL_SEGMENT_HEAD);
		if (!error)
			error = rewrite(j,
					slot + (from > start ? journal_offset(j, from)
							     : JOURNAL_SEGMENT_HEAD),
					slot + (size_t)((to < end ? to : end) - start));
	}
	return error;
}

/* Of a file of format 1: all of it. */
static int rewrite_ring(struct journal *j)
{
	return rewrite(j, JOURNAL_RING_AT, JOURNAL_RING_AT + j->capacity);
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
	error = j->is_ring ? rewrite_ring(j) : rewrite_records(j, atomic_load(&j->reusable), head);
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
		uint64_t size = record ? journal_record_size(record->len) : 0;

		if (record &&
		    atomic_load_explicit(&record->seq, memory_order_relaxed) ==
			    (at.seq | JOURNAL_COMMITTED) &&
		    size <= to - at.position) {
			at.position += size;
			at.seq++;
		} else if (!journal_turn(j, &at, to)) {
			break;
		}
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
