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
