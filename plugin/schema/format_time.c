/*
 * Dates and times of RFC 3339, section 5.6, and durations of its appendix A. The grammar's
 * letters (T, Z, P, ...) stand for either case, as RFC 5234 has it.
 */
#include "base/clock.h"
#include "schema/format_rules.h"

static unsigned days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && is_leap ? 29 : days[month - 1];
}

static inline bool is_day(const struct clock_text *date)
{
	return date->day <= 28 || date->day <= days_in(date->year, date->month);
}

/* A leap second is inserted at the end of the day in UTC, wherever the clock stands. */
static inline bool is_second(const struct clock_text *time)
{
	const int day = 24 * 60;

	return time->second < 60 || ((int)time->minute - time->offset + day) % day == day - 1;
}

bool format_date(const char *text, size_t len)
{
	struct clock_text date;

	return clock_read_date(text, len, &date) && is_day(&date);
}

bool format_time(const char *text, size_t len)
{
	struct clock_text time;

	return clock_read_time(text, len, &time) && is_second(&time);
}

bool format_date_time(const char *text, size_t len)
{
	struct clock_text said;

	return clock_read(text, len, &said) && is_day(&said) && is_second(&said);
}

/*
 * Reads "<digits><unit>" groups at *@at whose units follow @units without a gap, and may begin
 * with any of them. Returns how many there were; *at stays before what is no such group.
 */
static unsigned duration_groups(const char *text, size_t len, size_t *at, const char *units)
{
	unsigned count = 0;

	for (;;) {
		size_t end = *at;
		const char *unit = units;

		while (end < len && ascii_is_digit(text[end]))
			end++;
		if (end == *at || end == len)
			return count;
		/* Only the first group may skip units. */
		while (count == 0 && *unit && *unit != (text[end] & ~0x20))
			unit++;
		if (!*unit || *unit != (text[end] & ~0x20))
			return count;
		units = unit + 1;
		*at = end + 1;
		count++;
	}
}

bool format_duration(const char *text, size_t len)
{
	size_t at = 1;
	bool has_date;

	if (len < 1 || (text[0] & ~0x20) != 'P')
		return false;
	if (duration_groups(text, len, &at, "W") > 0)
		return at == len;
	has_date = duration_groups(text, len, &at, "YMD") > 0;
	if (at == len)
		return has_date;
	if ((text[at] & ~0x20) != 'T')
		return false;
	at++;
	return duration_groups(text, len, &at, "HMS") > 0 && at == len;
}
