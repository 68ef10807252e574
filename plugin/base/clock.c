#include "base/clock.h"

#include <stdio.h>
#include <time.h>

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

/* The two digits at @text; *bad becomes true where they are none. */
static inline int two_digits(const char *text, bool *bad)
{
	unsigned tens = (unsigned)text[0] - '0', ones = (unsigned)text[1] - '0';

	*bad |= tens > 9 || ones > 9;
	return (int)(10 * tens + ones);
}

/* Days since 1970-01-01; the year begins in March, so that leap days come last. */
static int64_t days_of(int year, int month, int day)
{
	static const uint16_t before[] = { 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275 };
	/* 400 years on, which have 146,097 days, there are no negative ones. */
	unsigned y = (unsigned)year + 400 - (month <= 2);
	unsigned centuries = y / 100;
	unsigned days = 365 * y + y / 4 - centuries + centuries / 4 + before[month - 1];

	return (int64_t)days + day - 1 - 146097 - 719468;
}

/* "Z" or "+02:00", to the end. */
static bool read_offset(const char *text, size_t len, int *minutes)
{
	bool bad = false;
	int hour, minute;

	*minutes = 0;
	if (len == 1)
		return *text == 'Z' || *text == 'z';
	if (len != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
		return false;
	hour = two_digits(text + 1, &bad);
	minute = two_digits(text + 4, &bad);
	*minutes = (text[0] == '-' ? -1 : 1) * (60 * hour + minute);
	return !bad && hour < 24 && minute < 60;
}

/* The digits after the dot: milliseconds; *at moves behind them. */
static int read_fraction(const char *text, size_t len, size_t *at)
{
	int ms = 0, scale = 100;

	if (*at >= len || text[*at] != '.')
		return 0;
	for (++*at; *at < len && text[*at] >= '0' && text[*at] <= '9'; ++*at) {
		ms += (text[*at] - '0') * scale;
		scale /= 10;
	}
	return text[*at - 1] == '.' ? -1 : ms;
}

bool clock_parse(const char *text, size_t len, int64_t *unix_ms)
{
	int year, month, day, hour, minute, second, ms, offset;
	bool bad = false;
	size_t at = 19;

	if (len < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 32) != 't' ||
	    text[13] != ':' || text[16] != ':')
		return false;
	year = 100 * two_digits(text, &bad) + two_digits(text + 2, &bad);
	month = two_digits(text + 5, &bad);
	day = two_digits(text + 8, &bad);
	hour = two_digits(text + 11, &bad);
	minute = two_digits(text + 14, &bad);
	second = two_digits(text + 17, &bad);
	ms = read_fraction(text, len, &at);
	if (bad || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
	    second > 60 || ms < 0 || at >= len || !read_offset(text + at, len - at, &offset))
		return false;
	second = second == 60 ? 59 : second;
	*unix_ms = ((days_of(year, month, day) * 24 + hour) * 60 + minute - offset) * 60000 +
		   second * 1000 + ms;
	return true;
}
