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

/* Nanoseconds of CLOCK_MONOTONIC; never goes back. For durations and deadlines. */
int64_t clock_mono_ns(void);

/* "2026-11-21T03:35:00.123Z" and a NUL. */
#define CLOCK_TEXT_MAX 32

/* Writes @unix_ms as RFC 3339 in UTC to @ret (CLOCK_TEXT_MAX bytes). Returns @ret. */
char *clock_print(int64_t unix_ms, char *ret);

/* What an RFC 3339 text says, as it stands there. */
struct clock_text {
	unsigned year;   /* 0 .. 9999 */
	unsigned month;  /* 1 .. 12 */
	unsigned day;    /* 1 .. 31, not checked against the month */
	unsigned minute; /* of the day, 0 .. 1439 */
	unsigned second; /* 0 .. 60 (a leap second), at any time of the day */
	unsigned ms;     /* the fraction; digits beyond milliseconds are cut off */
	int offset;      /* minutes ahead of UTC */
};

/*
 * These read a full-date ("2026-11-21"), a full-time ("03:35:00.123+02:00", any fraction) or both
 * with a "T" between them (RFC 3339, 5.6), and set only the members of *ret that the text has.
 * Letters may have either case. False: the text is malformed, and *ret is undefined.
 */
bool clock_read_date(const char *text, size_t len, struct clock_text *ret);
bool clock_read_time(const char *text, size_t len, struct clock_text *ret);
bool clock_read(const char *text, size_t len, struct clock_text *ret);

/*
 * Reads an RFC 3339 date and time (@len bytes) of any offset, to the millisecond. False: it is
 * malformed. A leap second gets the same number as the second before it.
 */
bool clock_parse(const char *text, size_t len, int64_t *unix_ms);

/* The minute of UTC that a text was of, in its words ("2026-11-21T03:35:"); all 0: none yet. */
struct clock_minute {
	char text[17];
	int64_t unix_ms;
};

/*
 * clock_parse() for times that are mostly of the same minute, such as of what was just made. Of
 * *last, and sets it, where the text is of UTC ("Z").
 */
bool clock_parse_near(struct clock_minute *last, const char *text, size_t len, int64_t *unix_ms);

#endif
