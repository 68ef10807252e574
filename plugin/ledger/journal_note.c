/* journal_note.c -- numbers that the file keeps beside its records. */
#include <stdatomic.h>
#include <string.h>

#include "ledger/crc32c.h"
#include "ledger/journal_internal.h"

#define CHECK_BITS 16u
#define NUMBER_MAX (UINT64_MAX >> CHECK_BITS)

/* A number and its checksum in one word, so that no kill comes between them; 0 reads as 0. */
static uint64_t word_of(uint64_t number)
{
	return number << CHECK_BITS | (crc32c(0, &number, sizeof(number)) & 0xffffu);
}

static _Atomic uint64_t *place_of(const struct journal *j, enum journal_noted which)
{
	return (void *)(j->map + JOURNAL_NOTE_AT(which));
}

void journal_note_write(struct journal *j, enum journal_noted which, uint64_t number)
{
	atomic_store_explicit(place_of(j, which), number ? word_of(number) : 0,
			      memory_order_relaxed);
}

void journal_note(struct journal *j, enum journal_noted which, uint64_t number)
{
	/* A broken one may just be made anew; then it is noted again. */
	if (atomic_load_explicit(&j->broken, memory_order_acquire) == JOURNAL_WHOLE && j->map &&
	    number <= NUMBER_MAX)
		journal_note_write(j, which, number);
}

uint64_t journal_noted(const struct journal *j, enum journal_noted which)
{
	uint64_t word = j->map ? atomic_load_explicit(place_of(j, which), memory_order_relaxed) : 0;
	uint64_t number = word >> CHECK_BITS;

	return word == word_of(number) ? number : 0;
}
