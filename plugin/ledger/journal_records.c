/* journal_records.c -- appends records and takes them out. */
#include <string.h>

#include "ledger/journal_internal.h"

#define EXPECTED_BYTES 512u /* of a usual record */
#define RING_SHARE 4        /* a record was so much of a ring at most */

size_t journal_size(size_t bytes, size_t bytes_max)
{
	return journal_sizes(bytes, bytes_max).all;
}

/* The zero behind a record needs its room too. */
static size_t room_needed(size_t len)
{
	return journal_record_size(len) + sizeof(struct journal_header);
}

size_t journal_record_max(const struct journal *j)
{
	return j->is_ring ? j->capacity / RING_SHARE : j->record_max;
}

size_t journal_least(size_t len)
{
	return journal_round_up((JOURNAL_SEGMENT_HEAD + room_needed(len)) * JOURNAL_SEGMENTS_MIN,
				JOURNAL_BYTES_MIN);
}

void journal_inspect(const struct journal *j, struct journal_facts *ret)
{
	*ret = (struct journal_facts){
		.bytes = j->capacity,
		.number = j->salt,
		.used = (size_t)(atomic_load(&j->head) - j->tail.position),
		.first_seq = j->tail.seq,
		.next_seq = j->next_seq,
		.torn_seq = j->torn_seq,
		.missing = j->missing,
	};
	memcpy(ret->identity, j->identity, sizeof(ret->identity));
}

const char *journal_damage(const struct journal *j)
{
	return j->damage.text[0] ? j->damage.text : NULL;
}

/* ---- appending --------------------------------------------------------------------------- */

size_t journal_used(const struct journal *j)
{
	return (size_t)(atomic_load_explicit(&j->head, memory_order_relaxed) -
			atomic_load_explicit(&j->reusable, memory_order_acquire));
}

bool journal_has_room(const struct journal *j, size_t len)
{
	return len <= j->record_max && (room_needed(len) <= j->left || journal_may_move_on(j));
}

size_t journal_bytes(const struct journal *j)
{
	return j->capacity;
}

size_t journal_fast_bytes(const struct journal *j)
{
	return j->is_ring ? j->capacity : (size_t)JOURNAL_SEGMENTS_MIN << j->shift;
}

bool journal_is_behind(const struct journal *j)
{
	return journal_used(j) > journal_fast_bytes(j) / 2;
}

bool journal_is_half_full(const struct journal *j)
{
	return journal_used(j) > j->capacity / 2;
}

void *journal_reserve(struct journal *j, size_t len)
{
	if (len > j->record_max || (room_needed(len) > j->left && !journal_move_on(j)))
		return NULL;
	j->reserved = len;
	return j->record + 1;
}

/* The writer's thread read these lines a lap ago: they are fetched while the broker answers. */
static void expect(const struct journal_header *record)
{
	for (size_t at = 0; at < EXPECTED_BYTES; at += 64)
		__builtin_prefetch((const char *)record + at, 1);
}

static int fail_broken(const struct journal *j, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: is broken, and takes no writes until it was made anew",
			j->path);
}

/* A fault in one of the stores above has set the mark by now, not later. */
static bool is_kept(const struct journal *j)
{
	atomic_signal_fence(memory_order_seq_cst);
	return !journal_is_broken(j);
}

int journal_commit(struct journal *j, bool is_power, uint64_t *seq, struct diag *diag)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	size_t size = journal_record_size(j->reserved);
	struct journal_header *record = j->record;
	struct journal_header *next = (void *)((char *)record + size);
	int error;

	atomic_store_explicit(&next->seq, 0, memory_order_relaxed);
	record->len = (uint32_t)j->reserved;
	record->crc =
		journal_record_crc(j->segment_salt, head, j->next_seq, record->len, record + 1);
	atomic_store_explicit(&record->seq, j->next_seq | JOURNAL_COMMITTED, memory_order_release);
	if (is_power) {
		error = journal_power_sync(j, head + size);
		if (error) {
			atomic_store(&record->seq, 0);
			return journal_fail(j, "cannot sync the journal", error, diag);
		}
	}
	if (!is_kept(j)) {
		atomic_store(&record->seq, 0);
		return fail_broken(j, diag);
	}
	*seq = j->next_seq++;
	j->record = next;
	j->left -= size;
	atomic_store_explicit(&j->head, head + size, memory_order_release);
	expect(next);
	return 0;
}

uint64_t journal_place(const struct journal *j)
{
	return atomic_load_explicit(&j->head, memory_order_relaxed);
}

/* Positions never come twice, and the checksum is of position and number. */
const void *journal_reread(const struct journal *j, uint64_t place, size_t *len)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed);
	const struct journal_header *record;
	uint64_t seq;

	if (place % 8 != 0 || place >= head || journal_is_broken(j))
		return NULL;
	record = journal_record_at(j, place);
	if (!record)
		return NULL;
	seq = atomic_load_explicit(&record->seq, memory_order_acquire);
	return journal_record_read(j, (struct journal_place){ place, seq & ~JOURNAL_COMMITTED },
				   head, len);
}

/* ---- taking out -------------------------------------------------------------------------- */

static int fail_damaged(struct journal *j, struct diag *diag)
{
	journal_break(j, "something wrote to the file");
	return diag_set(diag, ERR_INVALID,
			"%s: record %llu is damaged: something wrote to the file", j->path,
			(unsigned long long)j->read.seq);
}

/* To the next whole record. */
static bool pass_hole(struct journal *j, struct journal_record *ret)
{
	struct journal_place next = j->read;

	if (!journal_find(j, &next, j->seen, 0))
		return false;
	ret->body = journal_record_read(j, next, j->seen, &ret->len);
	if (ret->body)
		j->read = next;
	return ret->body != NULL;
}

int journal_next(struct journal *j, struct journal_record *ret, struct diag *diag)
{
	/* Once a batch: to look at the head is to take its line from the appending thread. */
	if (j->read.position == j->seen || j->has_holes)
		j->seen = atomic_load_explicit(&j->head, memory_order_acquire);
	if (j->read.position == j->seen)
		return 0;
	ret->body = journal_record_read(j, j->read, j->seen, &ret->len);
	if (!ret->body && journal_turn(j, &j->read, j->seen))
		return journal_next(j, ret, diag);
	if (!ret->body && !j->has_holes)
		return fail_damaged(j, diag);
	if (!ret->body && !pass_hole(j, ret))
		return 0;
	ret->seq = j->read.seq;
	journal_pass(&j->read, ret->len);
	return 1;
}

int journal_recheck(const struct journal *j, struct diag *diag)
{
	struct journal_place at = j->tail;
	bool is_known = true;
	size_t len;

	while (is_known && at.position < j->read.position) {
		if (journal_record_read(j, at, j->read.position, &len))
			journal_pass(&at, len);
		else if (!journal_turn(j, &at, j->read.position))
			is_known = j->has_holes && journal_find(j, &at, j->read.position, 0);
	}
	/* Passing over holes one may come to another number than reading did. */
	if (at.position == j->read.position && at.seq == j->read.seq)
		return 0;
	return diag_set(diag, ERR_IO, "%s: changed while it was read", j->path);
}

void journal_rewind(struct journal *j)
{
	j->read = j->tail;
}
