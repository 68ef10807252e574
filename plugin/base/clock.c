#include "base/clock.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ascii.h"

static int64_t read_clock(clockid_t id, int64_t per_second)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for these two clocks */
	return (int64_t)now.tv_sec * per_second + (int64_t)now.tv_nsec / (1000000000 / per_second);
}

int64_t clock_unix_ms(void)
{
	return read_clock(CLOCK_REALTIME, 1000);
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC, 1000000000);
}

char *clock_print(int64_t unix_ms, char *ret)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		(void)gmtime_r(&(time_t){ 0 }, &tm);
	(void)snprintf(ret, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		       (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)(tm.tm_mon + 1) % 100u,
		       (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
		       (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u,
		       (unsigned)(unix_ms % 1000) % 1000u);
	return ret;
}

/*
 * Bytes are held against their limits in a word: to each is added what turns its top bit on
 * where it is more than it may be, 0x7f less the limit. A carry comes only out of a byte whose
 * top bit was on before.
 */
#define TOP_BITS UINT64_C(0x8080808080808080)
#define ABOVE_DIGITS UINT64_C(0x76767f76767f7676) /* 9, but 0 where the sign was */

/*
 * Three numbers of two digits with a sign between them, "26-11-21" or "03:35:00", where @frame
 * is "00-00-00" or "00:00:00". *ret has them in its bytes 0, 3 and 6, the others are 0. What
 * returns has no TOP_BITS where the text is that.
 */
static inline uint64_t read_three(const char *text, const char *frame, uint64_t *ret)
{
	uint64_t word, zeros;

	memcpy(&word, text, 8);
	memcpy(&zeros, frame, 8);
	word = le64toh(word ^ zeros);
	*ret = (10 * word + (word >> 8)) & UINT64_C(0x00ff0000ff0000ff);
	return (word + ABOVE_DIGITS) | word;
}

/* The two digits at @text; what returns is as above. */
static inline uint64_t read_two(const char *text, unsigned *ret)
{
	uint16_t word, zeros;

	memcpy(&word, text, 2);
	memcpy(&zeros, "00", 2);
	word = le16toh(word ^ zeros);
	*ret = (10u * word + (word >> 8)) & 0xff;
	return (word + 0x7676u) | word;
}

static inline unsigned byte_at(uint64_t word, unsigned place)
{
	return (unsigned)(word >> 8 * place) & 0xff;
}

static inline bool read_date(const char *text, struct clock_text *ret)
{
	const uint64_t above = UINT64_C(0x0060000073000000); /* 31 and 12 */
	const uint64_t ones = UINT64_C(0x0001000001000000);
	unsigned century;
	uint64_t word;
	uint64_t bad = read_three(text + 2, "00-00-00", &word) | read_two(text, &century);

	/* What was 0 is below it now. */
	bad |= (word + above) | (word - ones);
	ret->year = 100 * century + byte_at(word, 0);
	ret->month = byte_at(word, 3);
	ret->day = byte_at(word, 6);
	return !(bad & TOP_BITS);
}

/* A fraction that has less than three digits, or is none. */
static __attribute__((noinline)) const char *read_short(const char *at, const char *end,
							struct clock_text *ret)
{
	unsigned scale = 100;

	for (at++; at < end && (unsigned)*at - '0' <= 9; at++, scale /= 10)
		ret->ms += ((unsigned)*at - '0') * scale;
	return scale < 100 ? at : NULL;
}

/* The fraction at @at, where a dot is; returns its end. */
static inline const char *read_fraction(const char *at, const char *end, struct clock_text *ret)
{
	uint32_t word, zeros;

	if (end - at <= 4)
		return read_short(at, end, ret);
	memcpy(&word, at, 4);
	memcpy(&zeros, ".000", 4);
	word = le32toh(word ^ zeros);
	if (((word + 0x7676767fu) | word) & 0x80808080u)
		return read_short(at, end, ret);
	ret->ms = 10 * (((10 * word + (word >> 8)) >> 8) & 0xff) + (word >> 24);
	for (at += 4; at < end && (unsigned)*at - '0' <= 9; at++)
		;
	return at;
}

/* "+02:00". */
static __attribute__((noinline)) bool read_offset(const char *text, struct clock_text *ret)
{
	unsigned hour, minute;
	uint64_t bad = read_two(text + 1, &hour) | read_two(text + 4, &minute);
	int ahead = (int)(60 * hour + minute);

	ret->offset = text[0] == '-' ? -ahead : ahead;
	return (text[0] == '+' || text[0] == '-') && text[3] == ':' && !(bad & TOP_BITS) &&
	       hour < 24 && minute < 60;
}

static inline bool read_time(const char *text, size_t len, struct clock_text *ret)
{
	const uint64_t above = UINT64_C(0x0043000044000068); /* 60, 59 and 23 */
	const char *at = text + 8, *end = text + len;
	uint64_t word, bad;

	if (len < 9)
		return false;
	bad = read_three(text, "00:00:00", &word);
	if ((bad | (word + above)) & TOP_BITS)
		return false;
	ret->minute = 60 * byte_at(word, 0) + byte_at(word, 3);
	ret->second = byte_at(word, 6);
	ret->ms = 0;
	ret->offset = 0;
	if (*at == '.' && !(at = read_fraction(at, end, ret)))
		return false;
	if (end - at == 1)
		return (*at | 0x20) == 'z';
	return end - at == 6 && read_offset(at, ret);
}

bool clock_read_date(const char *text, size_t len, struct clock_text *ret)
{
	return len == 10 && read_date(text, ret);
}

bool clock_read_time(const char *text, size_t len, struct clock_text *ret)
{
	return read_time(text, len, ret);
}

bool clock_read(const char *text, size_t len, struct clock_text *ret)
{
	return len > 11 && (text[10] | 0x20) == 't' && read_date(text, ret) &&
	       read_time(text + 11, len - 11, ret);
}

/* Days since 1970-01-01; the year begins in March, so that leap days come last. */
static int64_t days_of(const struct clock_text *date)
{
	static const uint16_t before[] = { 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275 };
	/* 400 years on, which have 146,097 days, there are no negative ones. */
	unsigned y = date->year + 400 - (date->month <= 2);
	unsigned centuries = y / 100;
	unsigned days = 365 * y + y / 4 - centuries + centuries / 4 + before[date->month - 1];

	return (int64_t)days + date->day - 1 - 146097 - 719468;
}

bool clock_parse(const char *text, size_t len, int64_t *unix_ms)
{
	struct clock_text said;
	unsigned second;

	if (!clock_read(text, len, &said))
		return false;
	second = said.second == 60 ? 59 : said.second;
	*unix_ms = (days_of(&said) * 1440 + said.minute - said.offset) * 60000 + second * 1000 +
		   said.ms;
	return true;
}

/* "31Z" or "31.123Z", no leap second: milliseconds; -1: it is written in another way. */
static inline int read_in_minute(const char *text, size_t len)
{
	int second = 10 * (text[0] - '0') + text[1] - '0';

	if ((len != 3 && len != 7) || text[len - 1] != 'Z' || !ascii_is_digit(text[0]) ||
	    !ascii_is_digit(text[1]) || second > 59)
		return -1;
	if (len == 3)
		return 1000 * second;
	if (text[2] != '.' || !ascii_is_digit(text[3]) || !ascii_is_digit(text[4]) ||
	    !ascii_is_digit(text[5]))
		return -1;
	return 1000 * second + 100 * (text[3] - '0') + 10 * (text[4] - '0') + text[5] - '0';
}

/* Of another minute, or written in another way. */
static __attribute__((noinline)) bool parse_anew(struct clock_minute *last, const char *text,
						 size_t len, int64_t *unix_ms)
{
	if (!clock_parse(text, len, unix_ms))
		return false;
	if ((text[len - 1] | 0x20) == 'z' && *unix_ms >= 0) {
		memcpy(last->text, text, sizeof(last->text));
		last->unix_ms = *unix_ms - *unix_ms % 60000;
	}
	return true;
}

bool clock_parse_near(struct clock_minute *last, const char *text, size_t len, int64_t *unix_ms)
{
	const size_t minute = sizeof(last->text);
	int ms;

	if (len < minute + 3 || text[0] == '\0' || memcmp(text, last->text, minute) != 0)
		return parse_anew(last, text, len, unix_ms);
	ms = read_in_minute(text + minute, len - minute);
	if (ms < 0)
		return parse_anew(last, text, len, unix_ms);
	*unix_ms = last->unix_ms + ms;
	return true;
}
