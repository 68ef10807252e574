#include "ledger/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/prefault.h"
#include "ledger/crc32c.h"
#include "ledger/journal_inside.h"

#define PREFAULT_MAX ((size_t)2 << 20)
#define EXPECTED_BYTES 512u /* of a usual record */

size_t journal_size(size_t bytes)
{
	return bytes ? journal_round_up(bytes, JOURNAL_BYTES_MIN) : JOURNAL_BYTES_MIN;
}

/* A record is so much of the ring at most: small enough that one with room takes any. */
#define RECORD_SHARE 4

size_t journal_record_max(const struct journal *j)
{
	return j->capacity / RECORD_SHARE;
}

size_t journal_least(size_t len)
{
	return journal_size(len * RECORD_SHARE);
}

uint32_t journal_record_crc(const struct journal *j, uint64_t position, uint64_t seq, uint32_t len,
			    const void *body)
{
	const uint64_t head[4] = { j->salt, position, seq, len };

	return crc32c(crc32c(0, head, sizeof(head)), body, len);
}

const void *journal_record_read(const struct journal *j, uint64_t position, uint64_t seq,
				size_t room, size_t *len)
{
	const struct journal_header *record = journal_record_at(j, position);

	if (room < sizeof(*record) ||
	    atomic_load_explicit(&record->seq, memory_order_acquire) != (seq | JOURNAL_COMMITTED))
		return NULL;
	if (record->len > journal_record_max(j) || journal_record_size(record->len) > room)
		return NULL;
	if (record->crc != journal_record_crc(j, position, seq, record->len, record + 1))
		return NULL;
	*len = record->len;
	return record + 1;
}

void journal_inspect(const struct journal *j, struct journal_facts *ret)
{
	*ret = (struct journal_facts){
		.bytes = j->capacity,
		.used = (size_t)(atomic_load(&j->head) - j->tail),
		.first_seq = j->tail_seq,
		.next_seq = j->next_seq,
		.damaged_seq = j->damaged_seq,
	};
	memcpy(ret->identity, j->identity, sizeof(ret->identity));
}

/* ---- appending --------------------------------------------------------------------------- */

/* The zero behind a record needs its room too. */
static size_t room_needed(size_t len)
{
	return journal_record_size(len) + sizeof(struct journal_header);
}

static size_t ring_used(const struct journal *j)
{
	return (size_t)(atomic_load_explicit(&j->head, memory_order_relaxed) -
			atomic_load_explicit(&j->reusable, memory_order_acquire));
}

bool journal_has_room(const struct journal *j, size_t len)
{
	return len <= journal_record_max(j) && room_needed(len) <= j->capacity - ring_used(j);
}

size_t journal_bytes(const struct journal *j)
{
	return j->capacity;
}

size_t journal_used(const struct journal *j)
{
	return ring_used(j);
}

bool journal_is_half_full(const struct journal *j)
{
	return ring_used(j) > j->capacity / 2;
}

void *journal_reserve(struct journal *j, size_t len)
{
	if (!journal_has_room(j, len))
		return NULL;
	j->reserved = len;
	j->record = journal_record_at(j, atomic_load_explicit(&j->head, memory_order_relaxed));
	return j->record + 1;
}

/* Syncs the ring's bytes of positions @from to @to, and the zero that stands there. */
static int range_sync(struct journal *j, uint64_t from, uint64_t to)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t begin = JOURNAL_RING_AT + (size_t)(from % j->capacity);
	size_t end = begin + (size_t)(to - from) + sizeof(uint64_t);
	uint64_t seen = atomic_load(&j->synced);

	begin -= begin % page;
	if (msync(j->map + begin, end - begin, MS_SYNC) != 0)
		return errno;
	while (seen < to && !atomic_compare_exchange_weak(&j->synced, &seen, to))
		;
	return 0;
}

/* The oldest position that the disk might not have and a restart would need. */
static uint64_t unsynced_from(const struct journal *j)
{
	uint64_t synced = atomic_load(&j->synced);
	uint64_t reusable = atomic_load(&j->reusable);

	return synced > reusable ? synced : reusable;
}

/* The writer's thread read these lines a lap ago: they are fetched while the broker answers. */
static void expect(const struct journal_header *record)
{
	for (size_t at = 0; at < EXPECTED_BYTES; at += 64)
		__builtin_prefetch((const char *)record + at, 1);
}

int journal_commit(struct journal *j, bool is_power, uint64_t *seq, struct diag *diag)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t size = journal_record_size(j->reserved);
	struct journal_header *record = j->record;
	/* The ring is mapped twice: what follows it is its beginning. */
	struct journal_header *next = (void *)((char *)record + size);
	int error;

	atomic_store_explicit(&next->seq, 0, memory_order_relaxed);
	record->len = (uint32_t)j->reserved;
	record->crc = journal_record_crc(j, head, j->next_seq, record->len, record + 1);
	atomic_store_explicit(&record->seq, j->next_seq | JOURNAL_COMMITTED, memory_order_release);
	if (is_power) {
		error = range_sync(j, unsynced_from(j), head + size);
		if (error) {
			atomic_store(&record->seq, 0);
			return journal_fail(j, "cannot sync the journal", error, diag);
		}
	}
	*seq = j->next_seq++;
	atomic_store_explicit(&j->head, head + size, memory_order_release);
	expect(next);
	return 0;
}

/* ---- taking out -------------------------------------------------------------------------- */

int journal_next(struct journal *j, struct journal_record *ret, struct diag *diag)
{
	/* Once a batch: to look at the head is to take its line from the appending thread. */
	if (j->read == j->seen)
		j->seen = atomic_load_explicit(&j->head, memory_order_acquire);
	if (j->read == j->seen)
		return 0;
	ret->seq = j->read_seq;
	ret->body = journal_record_read(j, j->read, j->read_seq, (size_t)(j->seen - j->read),
					&ret->len);
	if (!ret->body)
		return diag_set(diag, ERR_INVALID,
				"%s: record %llu is damaged: something wrote to the file", j->path,
				(unsigned long long)j->read_seq);
	j->read += journal_record_size(ret->len);
	j->read_seq++;
	return 1;
}

void journal_rewind(struct journal *j)
{
	j->read = j->tail;
	j->read_seq = j->tail_seq;
}

int journal_release(struct journal *j, struct diag *diag)
{
	uint64_t passed;

	j->tail = j->read;
	j->tail_seq = j->read_seq;
	if (j->slot[0] == j->tail && j->slot[1] == j->tail && atomic_load(&j->reusable) == j->tail)
		return 0;
	journal_slot_write(j, j->next_slot, j->tail, j->tail_seq);
	if (msync(j->map, JOURNAL_SLOTS_END, MS_SYNC) != 0)
		return journal_fail(j, "cannot sync the journal", errno, diag);
	j->next_slot = !j->next_slot;
	passed = j->slot[0] < j->slot[1] ? j->slot[0] : j->slot[1];
	atomic_store_explicit(&j->reusable, passed, memory_order_release);
	return 0;
}

int journal_sync(struct journal *j, struct diag *diag)
{
	uint64_t from = unsynced_from(j);
	uint64_t to = atomic_load_explicit(&j->head, memory_order_acquire);
	int error;

	if (from >= to)
		return 0;
	error = range_sync(j, from, to);
	return error ? journal_fail(j, "cannot sync the journal", error, diag) : 0;
}

void journal_prefault(struct journal *j)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t window = j->capacity / 4 < PREFAULT_MAX ? j->capacity / 4 : PREFAULT_MAX;
	size_t begin = (size_t)(head % j->capacity);
	size_t wrapped;

	if (head == j->prefaulted)
		return; /* idle: leave the pages clean */
	j->prefaulted = head;
	wrapped = begin + window > j->capacity ? begin + window - j->capacity : 0;
	prefault(j->map + JOURNAL_RING_AT + begin, window - wrapped);
	if (wrapped)
		prefault(j->map + JOURNAL_RING_AT, wrapped);
}
