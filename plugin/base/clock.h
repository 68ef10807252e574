/*
 * clock.h -- what time it is.
 */
#ifndef PETSTORE_CLOCK_H
#define PETSTORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC; may jump when the machine's clock is set. */
int64_t clock_unix_ms(void);

/* Nanoseconds since some start; never goes back. For durations and deadlines. */
int64_t clock_mono_ns(void);

/* "2026-11-21T03:35:00.123Z" and a NUL. */
#define CLOCK_TEXT_MAX 32

/* Writes @unix_ms as RFC 3339 in UTC to @ret (CLOCK_TEXT_MAX bytes). Returns @ret. */
char *clock_print(int64_t unix_ms, char *ret);

/* What an RFC 3339 text says, as it stands there. */
struct clock_text {
	unsigned year;   /* 0 .. 9999 */
	unsigned month;  /* 1 .. 12 */
	unsigned day;    /* 1 .. 31, also where the month has fewer */
	unsigned minute; /* of the day, 0 .. 1439 */
	unsigned second; /* 0 .. 60, at any time of the day */
	unsigned ms;     /* the fraction, cut off */
	int offset;      /* minutes that this time is ahead of UTC */
};

/*
 * Read a full-date ("2026-11-21"), a full-time ("03:35:00.123+02:00", any fraction) or both with
 * a "T" between them, and set the members of *ret that are theirs; letters of either case. False:
 * it is none, and *ret is anything.
 */
bool clock_read_date(const char *text, size_t len, struct clock_text *ret);
bool clock_read_time(const char *text, size_t len, struct clock_text *ret);
bool clock_read(const char *text, size_t len, struct clock_text *ret);

/*
 * Reads an RFC 3339 time (@len bytes), any offset, fractions to the millisecond. False: it is
 * none. A leap second is the second before it, again.
 */
bool clock_parse(const char *text, size_t len, int64_t *unix_ms);

#endif
