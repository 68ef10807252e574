/* journal_scan.c -- finds the file's records: reads slots and marks, counts what is missing. */
#include <stdio.h>
#include <string.h>

#include "ledger/crc32c.h"
#include "ledger/journal_internal.h"

/* Bytes summed while looking for whole records: so many times the ring, whatever stands there. */
#define FIND_WORK 2u

/* The bytes of a slot or a mark. */
struct place_bytes {
	uint64_t position;
	uint64_t seq;
	uint64_t crc;
};

enum stored_place { SLOT, MARK };

/* ---- slots and marks --------------------------------------------------------------------- */

static unsigned char *place_at(const struct journal *j, enum stored_place kind, unsigned i)
{
	return j->map + (kind == MARK ? JOURNAL_MARK_AT(i) : JOURNAL_SLOT_AT(i));
}

/* A mark's sum is another one, so that neither is taken for the other. */
static uint64_t place_crc(const struct journal *j, const struct place_bytes *place,
			  enum stored_place kind)
{
	const uint64_t all[3] = { j->salt, place->position, place->seq };

	return crc32c(kind == MARK, all, sizeof(all));
}

static void place_write(struct journal *j, enum stored_place kind, unsigned i,
			struct journal_place place)
{
	struct place_bytes bytes = { .position = place.position, .seq = place.seq };

	bytes.crc = place_crc(j, &bytes, kind);
	memcpy(place_at(j, kind, i), &bytes, sizeof(bytes));
}

/* False: it is damaged. */
static bool place_read(const struct journal *j, enum stored_place kind, unsigned i,
		       struct journal_place *ret)
{
	struct place_bytes bytes;

	memcpy(&bytes, place_at(j, kind, i), sizeof(bytes));
	*ret = (struct journal_place){ bytes.position, bytes.seq };
	return bytes.crc == place_crc(j, &bytes, kind) && bytes.position % 8 == 0 &&
	       bytes.position < JOURNAL_POSITION_MAX && bytes.seq != 0;
}

bool journal_slot_read(const struct journal *j, unsigned i, struct journal_place *ret)
{
	return place_read(j, SLOT, i, ret);
}

void journal_slot_write(struct journal *j, unsigned i, struct journal_place place)
{
	place_write(j, SLOT, i, place);
	j->slot[i] = place;
}

void journal_mark_write(struct journal *j, unsigned of, struct journal_place place)
{
	place_write(j, MARK, of, place);
}

/* The later of the two, either of which may be damaged; false: both are. */
static bool newer_place(const struct journal *j, enum stored_place kind, struct journal_place *ret)
{
	struct journal_place other;
	bool is_first = place_read(j, kind, 0, ret);

	if (!place_read(j, kind, 1, &other))
		return is_first;
	if (!is_first || other.position > ret->position)
		*ret = other;
	return true;
}

/* ---- records ----------------------------------------------------------------------------- */

uint32_t journal_record_crc(uint64_t salt, uint64_t position, uint64_t seq, uint32_t len,
			    const void *body)
{
	const uint64_t head[4] = { salt, position, seq, len };

	return crc32c(crc32c(0, head, sizeof(head)), body, len);
}

/* Bytes from @position to @end, or to the end of its segment. */
static uint64_t room_to(const struct journal *j, uint64_t position, uint64_t end)
{
	uint64_t room = end - position, rest;

	if (j->is_ring)
		return room;
	rest = journal_segment_bytes(j) - journal_offset(j, position);
	return rest < room ? rest : room;
}

static uint64_t salt_at(const struct journal *j, uint64_t position)
{
	return j->is_ring ? j->salt : journal_segment(j, position >> j->shift)->salt;
}

const void *journal_record_read(const struct journal *j, struct journal_place at, uint64_t end,
				size_t *len)
{
	const struct journal_header *record = journal_record_at(j, at.position);
	uint64_t room = room_to(j, at.position, end);
	uint32_t bytes;

	if (!record || room < sizeof(*record) ||
	    atomic_load_explicit(&record->seq, memory_order_acquire) !=
		    (at.seq | JOURNAL_COMMITTED))
		return NULL;
	bytes = record->len; /* read once: another process may be writing to the file */
	if (bytes > journal_record_max(j) || journal_record_size(bytes) > room)
		return NULL;
	if (record->crc !=
	    journal_record_crc(salt_at(j, at.position), at.position, at.seq, bytes, record + 1))
		return NULL;
	*len = bytes;
	return record + 1;
}

/* What a sum over @len bytes, which stood there, cost; false: it was the last that is paid for. */
static bool spend(const struct journal *j, size_t len, uint64_t *work)
{
	if (len > journal_record_max(j))
		return true; /* was not looked at */
	*work -= len < *work ? len : *work;
	return *work > 0;
}

/* What journal_find() looks for. */
struct record_search {
	struct journal_place from;
	uint64_t end, ahead_max, work;
};

/* Looks at each 8 bytes from @at to @stop, which lie in one piece. */
static bool find_within(const struct journal *j, struct record_search *search, uint64_t at,
			uint64_t stop, struct journal_place *ret)
{
	const char *begin = (const char *)journal_record_at(j, at);
	const uint64_t first = at;

	for (; stop - at >= sizeof(struct journal_header); at += 8) {
		const struct journal_header *record = (const void *)(begin + (at - first));
		uint64_t seq = atomic_load_explicit(&record->seq, memory_order_acquire);
		struct journal_place found = { at, seq & ~JOURNAL_COMMITTED };
		size_t len;

		/* Each record that is missing took a header at least. */
		if (!(seq & JOURNAL_COMMITTED) ||
		    found.seq - search->from.seq >
			    search->ahead_max + (at - search->from.position) / sizeof(*record))
			continue;
		if (journal_record_read(j, found, search->end, &len)) {
			*ret = found;
			return true;
		}
		if (!spend(j, record->len, &search->work))
			return false;
	}
	return false;
}

bool journal_find(const struct journal *j, struct journal_place *place, uint64_t end,
		  uint64_t ahead_max)
{
	struct record_search search = { *place, end, ahead_max, FIND_WORK * (uint64_t)j->capacity };
	uint64_t at = place->position;

	if (j->is_ring)
		return at < end && find_within(j, &search, at, end, place);
	while (at < end && search.work > 0) {
		uint64_t number = at >> j->shift, next = (number + 1) << j->shift;

		if (journal_offset(j, at) < JOURNAL_SEGMENT_HEAD)
			at = (number << j->shift) + JOURNAL_SEGMENT_HEAD;
		if (at < end && journal_segment(j, number) &&
		    find_within(j, &search, at, next < end ? next : end, place))
			return true;
		at = next;
	}
	return false;
}

void journal_tally_gap(struct journal_tally *tally, uint64_t from, uint64_t to)
{
	size_t len = strlen(tally->which), room = sizeof(tally->which) - len;
	char one[48];
	int n = to - from == 1 ? snprintf(one, sizeof(one), "%s%llu", len ? ", " : "",
					  (unsigned long long)from)
			       : snprintf(one, sizeof(one), "%s%llu-%llu", len ? ", " : "",
					  (unsigned long long)from, (unsigned long long)to - 1);

	tally->missing += to - from;
	if ((size_t)n + sizeof(", ...") <= room)
		memcpy(tally->which + len, one, (size_t)n + 1);
	else if (len < 4 || strcmp(tally->which + len - 3, "...") != 0)
		(void)strcpy(tally->which + len, ", ...");
}

void journal_tally(const struct journal *j, struct journal_place from, uint64_t end,
		   struct journal_tally *ret)
{
	struct journal_place place = from;
	size_t len;

	*ret = (struct journal_tally){ .end = from };
	for (;;) {
		/* No number is missing between this segment and the next. */
		if (journal_turn(j, &place, end))
			ret->end = place;
		if (!journal_find(j, &place, end, 0))
			break;
		if (place.seq > ret->end.seq)
			journal_tally_gap(ret, ret->end.seq, place.seq);
		for (; journal_record_read(j, place, end, &len); ret->kept++)
			journal_pass(&place, len);
		ret->end = place;
	}
}

/* ---- opening ----------------------------------------------------------------------------- */

/*
 * Where to begin. Without slots a mark still says in which lap a ring is: then the oldest whole
 * record of the last lap is the first one, and what the database has is skipped there.
 */
static bool find_tail_of_ring(const struct journal *j, struct journal_place *ret)
{
	const uint64_t lap = j->capacity, records = lap / sizeof(struct journal_header);
	struct journal_place mark, first;

	if (newer_place(j, SLOT, ret))
		return true;
	if (!newer_place(j, MARK, &mark))
		return false;
	/* No number is known there: each of those that may stand there is tried. */
	first.position = mark.position > lap ? mark.position - lap : 0;
	first.seq = mark.seq > records ? mark.seq - records : 1;
	*ret = journal_find(j, &first, mark.position, mark.seq - first.seq) ? first : mark;
	return true;
}

/* Without slots, where the oldest of the segments begins that follow each other to the last. */
static bool find_tail(struct journal *j, struct journal_place *ret, uint64_t *end)
{
	const struct journal_segment *segment;
	struct journal_place mark;
	uint64_t first;

	if (newer_place(j, SLOT, ret)) {
		first = ret->position >> j->shift;
		*end = journal_segments_read(j, &first, &first);
		if (*end < ret->position)
			*end = ret->position;
		return true;
	}
	if (!newer_place(j, MARK, &mark))
		return false;
	*end = journal_segments_read(j, NULL, &first);
	segment = journal_segment(j, first);
	*ret = mark;
	if (segment)
		*ret = (struct journal_place){ (first << j->shift) + JOURNAL_SEGMENT_HEAD,
					       segment->first_seq };
	return true;
}

/* Where the slots get damaged a mark still says where the ring is: there is always one. */
static void renew_marks(struct journal *j, struct journal_place tail)
{
	struct journal_place mark;

	for (unsigned of = 0; of < 2; of++)
		if (!place_read(j, MARK, of, &mark) || mark.position < tail.position)
			journal_mark_write(j, of, tail);
}

/* Does anything stand behind the last whole record, or a segment that began behind it? */
static bool is_torn(const struct journal *j, struct journal_place tail,
		    const struct journal_place *end, uint64_t found_end)
{
	const struct journal_header *record;

	if (j->is_ring && end->position - tail.position >= j->capacity)
		return false;
	record = journal_record_at(j, end->position);
	return (record && atomic_load(&record->seq) != 0) ||
	       (!j->is_ring && found_end >> j->shift > (end->position >> j->shift) + 1);
}

/* What is wrong with what was found, and what was damaged. */
static void judge_end(struct journal *j, struct journal_place tail, uint64_t found_end,
		      struct journal_tally *tally)
{
	struct journal_place mark;
	bool has_mark = newer_place(j, MARK, &mark) && mark.position <= tail.position + j->capacity;

	j->next_seq = tally->end.seq;
	if (has_mark && mark.position > tally->end.position && mark.seq > tally->end.seq) {
		journal_tally_gap(tally, tally->end.seq, mark.seq);
		tally->end = mark; /* no number and no place is used twice */
		j->next_seq = mark.seq;
	} else if (tally->missing == 0 && is_torn(j, tail, &tally->end, found_end)) {
		j->torn_seq = tally->end.seq;
	}
	j->missing = tally->missing;
	j->has_holes = j->missing > 0;
}

/* From here on the file is written to: what stood behind the end is not looked at again. */
static void settle(struct journal *j, struct journal_place tail, struct journal_place end)
{
	struct journal_header *record;

	j->read = j->tail = j->walked = tail;
	j->seen = tail.position;
	journal_slot_write(j, 0, tail);
	journal_slot_write(j, 1, tail);
	renew_marks(j, tail);
	atomic_store(&j->head, end.position);
	atomic_store(&j->reusable, tail.position);
	atomic_store(&j->synced, tail.position);
	j->prefaulted = j->pages_seen = end.position;
	j->has_grown = false;
	if (!j->is_ring)
		journal_segments_settle(j, tail.position, end.position);
	if (j->is_ring && end.position - tail.position >= j->capacity)
		return;
	record = journal_record_at(j, end.position);
	if (record)
		atomic_store(&record->seq, 0);
}

int journal_scan(struct journal *j, struct diag *diag)
{
	struct journal_place tail;
	struct journal_tally tally;
	uint64_t end = 0;
	bool is_found = j->is_ring ? find_tail_of_ring(j, &tail) : find_tail(j, &tail, &end);

	if (!is_found)
		return diag_set(
			diag, ERR_INVALID,
			"%s: both tail slots are damaged, and no mark says where its writes "
			"are: start without what only it holds: petstorectl restored",
			j->path);
	if (j->is_ring)
		end = tail.position + j->capacity;
	journal_tally(j, tail, end, &tally);
	judge_end(j, tail, end, &tally);
	/* The copy first: nothing of the file was overwritten yet. */
	if (j->has_holes && journal_keep_damaged(j, "is damaged", &tally, &j->damage, diag) != 0)
		return ERR_IO;
	settle(j, tail, tally.end);
	return 0;
}
