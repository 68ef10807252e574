/*
 * Dates and times of RFC 3339, section 5.6, and durations of its appendix A. The grammar's
 * letters (T, Z, P, ...) stand for either case, as RFC 5234 has it.
 */
#include <stdint.h>

#include "schema/format_rules.h"

/* The value of the two digits at @text, or -1. */
static int two_digits(const char *text)
{
	if (!is_digit(text[0]) || !is_digit(text[1]))
		return -1;
	return (text[0] - '0') * 10 + (text[1] - '0');
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap);
}

bool format_date(const char *text, size_t len)
{
	int century, year, month, day;

	if (len != 10 || text[4] != '-' || text[7] != '-')
		return false;
	century = two_digits(text);
	year = two_digits(text + 2);
	month = two_digits(text + 5);
	day = two_digits(text + 8);
	if (century < 0 || year < 0 || month < 1 || month > 12)
		return false;
	return day >= 1 && day <= days_in(century * 100 + year, month);
}

/*
 * time-offset at the end of a time: "Z" or "+hh:mm". *minutes is what has to be taken off the
 * local time.
 */
static bool parse_offset(const char *text, size_t len, int *minutes)
{
	int hour, minute;

	*minutes = 0;
	if (len == 1)
		return (text[0] | 0x20) == 'z';
	if (len != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
		return false;
	hour = two_digits(text + 1);
	minute = two_digits(text + 4);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	*minutes = (text[0] == '-' ? -1 : 1) * (hour * 60 + minute);
	return true;
}

bool format_time(const char *text, size_t len)
{
	const int day = 24 * 60;
	int hour, minute, second, offset;
	size_t at = 8;

	if (len < 9 || text[2] != ':' || text[5] != ':')
		return false;
	hour = two_digits(text);
	minute = two_digits(text + 3);
	second = two_digits(text + 6);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	if (text[at] == '.') {
		size_t start = ++at;

		while (at < len && is_digit(text[at]))
			at++;
		if (at == start)
			return false;
	}
	if (!parse_offset(text + at, len - at, &offset))
		return false;
	/* A leap second is inserted at the end of the day in UTC, wherever the clock stands. */
	return second < 60 || (hour * 60 + minute - offset + day) % day == day - 1;
}

bool format_date_time(const char *text, size_t len)
{
	return len > 11 && (text[10] | 0x20) == 't' && format_date(text, 10) &&
	       format_time(text + 11, len - 11);
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

		while (end < len && is_digit(text[end]))
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
