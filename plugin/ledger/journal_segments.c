/*
 * journal_segments.c -- which segment of the log lies where in the file.
 *
 * A segment begins with a head: its number, the number of its first record, and a salt. The head's
 * copy stands in the folder at the file's beginning. Of the two the one with the higher number
 * counts, since a slot is used for ever higher ones: a head that is torn, or not on the disk yet,
 * is either no head or that of a segment that nobody needs any more.
 *
 * The appending thread alone decides what lies where. It learns which segments are free from the
 * position that the writer's thread says is reusable, so that nothing is handed over between them
 * but positions. It uses the slot that was freed last, as its pages are in memory, and chooses one
 * segment ahead, so that the writer's thread can make its pages writable.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ledger/crc32c.h"
#include "ledger/journal_internal.h"

struct segment_head {
	uint64_t number;
	uint64_t first_seq;
	uint64_t salt;
	_Atomic uint64_t crc; /* stored last */
};

static_assert(JOURNAL_FOLDER_AT + JOURNAL_SEGMENTS_MAX * sizeof(struct segment_head) <=
		      JOURNAL_RING_AT,
	      "the folder fits");
static_assert(sizeof(struct segment_head) <= JOURNAL_SEGMENT_HEAD, "and so does a head");
static_assert(JOURNAL_SEGMENTS_MAX <= 1u << JOURNAL_SLOT_BITS, "a slot's number has room");

/* ---- sizes ------------------------------------------------------------------------------- */

struct journal_sizes journal_sizes(size_t bytes, size_t bytes_max)
{
	struct journal_sizes ret = { .shift = JOURNAL_SEGMENT_SHIFT_MIN };
	size_t most = bytes_max > bytes ? bytes_max : bytes;

	while ((size_t)JOURNAL_SEGMENTS_MIN << ret.shift < bytes ||
	       (size_t)JOURNAL_SEGMENTS_MAX << ret.shift < most)
		ret.shift++;
	ret.fast = (size_t)JOURNAL_SEGMENTS_MIN << ret.shift;
	ret.all = journal_round_up(most, (size_t)1 << ret.shift);
	if (ret.all < ret.fast)
		ret.all = ret.fast;
	return ret;
}

void journal_segments_clear(struct journal *j)
{
	free(j->table);
	free(j->free_slot);
	j->table = NULL;
	j->free_slot = NULL;
	j->free_slots = 0;
	j->record = NULL;
	j->left = j->record_max = 0;
	atomic_store(&j->next_segment, JOURNAL_NO_SEGMENT);
}

int journal_segments_init(struct journal *j, struct diag *diag)
{
	size_t places = 1;

	journal_segments_clear(j);
	j->slots = (unsigned)(j->capacity >> j->shift);
	while (places < j->slots)
		places *= 2;
	j->mask = places - 1;
	j->table = malloc(places * sizeof(*j->table));
	j->free_slot = malloc(j->slots * sizeof(*j->free_slot));
	if (!j->table || !j->free_slot) {
		journal_segments_clear(j);
		return diag_nomem(diag);
	}
	/* The largest has room in an empty segment, with the zero behind it. */
	j->record_max =
		journal_segment_bytes(j) - JOURNAL_SEGMENT_HEAD - 2 * sizeof(struct journal_header);
	for (size_t i = 0; i < places; i++)
		j->table[i].number = JOURNAL_NO_SEGMENT;
	return 0;
}

/* ---- heads ------------------------------------------------------------------------------- */

static struct segment_head *head_at(const struct journal *j, uint32_t slot)
{
	void *at = j->map + journal_slot_begin(j, slot);

	return at;
}

static struct segment_head *copy_at(const struct journal *j, uint32_t slot)
{
	void *at = j->map + JOURNAL_FOLDER_AT + slot * sizeof(struct segment_head);

	return at;
}

/* Another sum than that of slots and marks. */
static uint64_t head_crc(const struct journal *j, const struct journal_segment *segment)
{
	const uint64_t all[] = { j->salt, segment->number, segment->first_seq, segment->salt,
				 segment->slot };

	return crc32c(2, all, sizeof(all));
}

static void head_put(const struct journal *j, struct segment_head *at,
		     const struct journal_segment *segment)
{
	at->number = segment->number;
	at->first_seq = segment->first_seq;
	at->salt = segment->salt;
	atomic_store_explicit(&at->crc, head_crc(j, segment), memory_order_release);
}

static void head_write(const struct journal *j, const struct journal_segment *segment)
{
	head_put(j, head_at(j, segment->slot), segment);
	head_put(j, copy_at(j, segment->slot), segment);
}

static void head_erase(const struct journal *j, uint32_t slot)
{
	memset(head_at(j, slot), 0, sizeof(struct segment_head));
	memset(copy_at(j, slot), 0, sizeof(struct segment_head));
}

static bool head_read(const struct journal *j, const struct segment_head *at, uint32_t slot,
		      struct journal_segment *ret)
{
	*ret = (struct journal_segment){ at->number, at->first_seq, at->salt, slot };
	return atomic_load_explicit(&at->crc, memory_order_relaxed) == head_crc(j, ret) &&
	       ret->first_seq != 0 && ret->number < JOURNAL_POSITION_MAX >> j->shift;
}

/* What the slot holds; its number is JOURNAL_NO_SEGMENT where that is nothing. */
static struct journal_segment slot_read(const struct journal *j, uint32_t slot)
{
	struct journal_segment ret, copy;
	bool is_good = head_read(j, head_at(j, slot), slot, &ret);

	if (head_read(j, copy_at(j, slot), slot, &copy) && (!is_good || copy.number > ret.number))
		return copy;
	if (!is_good)
		ret.number = JOURNAL_NO_SEGMENT;
	return ret;
}

bool journal_segment_stands(const struct journal *j, const struct journal_segment *segment)
{
	struct journal_segment there;

	return head_read(j, head_at(j, segment->slot), segment->slot, &there) &&
	       there.number == segment->number;
}

/* ---- opening ----------------------------------------------------------------------------- */

/* Puts the segment into the table; false: another slot has it. */
static bool put(struct journal *j, const struct journal_segment *segment)
{
	struct journal_segment *place = &j->table[segment->number & j->mask];

	if (place->number != JOURNAL_NO_SEGMENT)
		return place->number == segment->number && place->slot == segment->slot;
	*place = *segment;
	return true;
}

/* Is a segment of this number somewhere in the file? */
static bool is_there(const struct journal *j, uint64_t number)
{
	for (uint32_t slot = 0; slot < j->slots; slot++)
		if (slot_read(j, slot).number == number)
			return true;
	return false;
}

/* The first of those that follow each other up to the newest. */
static uint64_t oldest_of_last(const struct journal *j)
{
	uint64_t newest = 0, first;

	for (uint32_t slot = 0; slot < j->slots; slot++) {
		uint64_t number = slot_read(j, slot).number;

		if (number != JOURNAL_NO_SEGMENT && number > newest)
			newest = number;
	}
	for (first = newest; first > 0 && newest - first + 1 < j->slots; first--)
		if (!is_there(j, first - 1))
			break;
	return first;
}

uint64_t journal_segments_read(struct journal *j, const uint64_t *first, uint64_t *from)
{
	uint64_t end;

	*from = first ? *first : oldest_of_last(j);
	end = *from;
	for (uint32_t slot = 0; slot < j->slots; slot++) {
		struct journal_segment segment = slot_read(j, slot);

		if (segment.number == JOURNAL_NO_SEGMENT || segment.number < *from ||
		    segment.number - *from >= j->slots || !put(j, &segment))
			continue;
		(void)madvise(j->map + journal_slot_begin(j, slot), journal_segment_bytes(j),
			      MADV_WILLNEED);
		if (segment.number >= end)
			end = segment.number + 1;
	}
	return end << j->shift;
}

/* The slot for the segment behind @number, known ahead. */
static void choose_next(struct journal *j, uint64_t number)
{
	uint64_t next = JOURNAL_NO_SEGMENT;

	if (j->free_slots > 0)
		next = (number + 1) << JOURNAL_SLOT_BITS | j->free_slot[j->free_slots - 1];
	atomic_store_explicit(&j->next_segment, next, memory_order_release);
}

/* The appending thread goes on at @head. */
static void go_to(struct journal *j, uint64_t head)
{
	const struct journal_segment *segment = journal_segment(j, head >> j->shift);

	j->record = segment ? journal_record_at(j, head) : NULL;
	j->left = segment ? journal_segment_bytes(j) - journal_offset(j, head) : 0;
	j->segment_salt = segment ? segment->salt : 0;
	choose_next(j, head >> j->shift);
}

/* Takes the segment out of the table, where it stands there with this slot. */
static void forget(struct journal *j, const struct journal_segment *segment)
{
	struct journal_segment *place = &j->table[segment->number & j->mask];

	if (place->number == segment->number && place->slot == segment->slot)
		place->number = JOURNAL_NO_SEGMENT;
}

void journal_segments_settle(struct journal *j, uint64_t tail, uint64_t head)
{
	uint64_t first = tail >> j->shift, last = head >> j->shift;

	j->free_slots = 0;
	for (uint32_t slot = j->slots; slot-- > 0;) {
		struct journal_segment there = slot_read(j, slot);
		bool is_known = there.number != JOURNAL_NO_SEGMENT;
		bool is_mine = is_known && there.number >= first &&
			       there.number - first < j->slots && put(j, &there);

		if (is_mine && there.number <= last) {
			head_write(j, &there);
			continue;
		}
		forget(j, &there);
		if (is_known && there.number >= first)
			head_erase(j, slot);
		j->free_slot[j->free_slots++] = slot;
	}
	j->collected = first;
	go_to(j, head);
}

static uint64_t salt_of(const struct journal *j, uint64_t number)
{
	const uint64_t all[] = { j->era, number };

	return j->era ^ ((uint64_t)crc32c(3, all, sizeof(all)) << 32);
}

/* Its first record's place reads 0 before its head is one. */
static void begin(struct journal *j, uint64_t number, uint32_t slot, uint64_t first_seq)
{
	struct journal_segment *segment = &j->table[number & j->mask];

	*segment = (struct journal_segment){ number, first_seq, salt_of(j, number), slot };
	j->record = journal_record_at(j, (number << j->shift) + JOURNAL_SEGMENT_HEAD);
	j->left = journal_segment_bytes(j) - JOURNAL_SEGMENT_HEAD;
	j->segment_salt = segment->salt;
	atomic_store_explicit(&j->record->seq, 0, memory_order_release);
	head_write(j, segment);
}

void journal_segments_format(struct journal *j, uint64_t first_seq)
{
	begin(j, 0, 0, first_seq);
}

/* ---- appending --------------------------------------------------------------------------- */

bool journal_may_move_on(const struct journal *j)
{
	uint64_t head = atomic_load_explicit(&j->head, memory_order_relaxed) >> j->shift;
	uint64_t reusable = atomic_load_explicit(&j->reusable, memory_order_acquire) >> j->shift;

	return j->table && head + 1 - reusable < j->slots;
}

/* Segments that nothing needs any more give their slots back, the newest one's last. */
static void collect(struct journal *j)
{
	uint64_t end = atomic_load_explicit(&j->reusable, memory_order_acquire) >> j->shift;

	for (; j->collected < end; j->collected++) {
		struct journal_segment *segment = &j->table[j->collected & j->mask];

		if (segment->number != j->collected)
			continue;
		segment->number = JOURNAL_NO_SEGMENT;
		j->free_slot[j->free_slots++] = segment->slot;
	}
}

/* The slot that was said ahead, if one was; it may have others above it by now. */
static uint32_t take_slot(struct journal *j)
{
	uint64_t said = atomic_load_explicit(&j->next_segment, memory_order_relaxed);
	uint32_t slot = j->free_slot[j->free_slots - 1];
	unsigned i = j->free_slots - 1;

	if (said != JOURNAL_NO_SEGMENT) {
		slot = (uint32_t)(said & ((1u << JOURNAL_SLOT_BITS) - 1));
		while (j->free_slot[i] != slot)
			i--;
	}
	j->free_slots--;
	memmove(&j->free_slot[i], &j->free_slot[i + 1],
		(j->free_slots - i) * sizeof(*j->free_slot));
	return slot;
}

__attribute__((cold)) bool journal_move_on(struct journal *j)
{
	uint64_t number = (atomic_load_explicit(&j->head, memory_order_relaxed) >> j->shift) + 1;

	if (!journal_may_move_on(j))
		return false;
	collect(j);
	assert(j->free_slots > 0);
	begin(j, number, take_slot(j), j->next_seq);
	collect(j);
	choose_next(j, number);
	atomic_store_explicit(&j->head, (number << j->shift) + JOURNAL_SEGMENT_HEAD,
			      memory_order_release);
	return true;
}

bool journal_turn(const struct journal *j, struct journal_place *place, uint64_t end)
{
	const struct journal_segment *next;
	uint64_t number, begin;

	if (j->is_ring)
		return false;
	number = (place->position >> j->shift) + 1;
	begin = (number << j->shift) + JOURNAL_SEGMENT_HEAD;
	next = begin <= end ? journal_segment(j, number) : NULL;
	if (!next || next->first_seq != place->seq)
		return false;
	place->position = begin;
	return true;
}
