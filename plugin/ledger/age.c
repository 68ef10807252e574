#include "ledger/age.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static bool is_near(int64_t a, int64_t b, int64_t bound)
{
	return llabs(a - b) <= bound;
}

static void believe(struct age *age, int64_t offset, int64_t mono_ms)
{
	age->believed_ms = offset;
	age->believed_at_ms = mono_ms;
	age->bound_ms = AGE_STEP_MS;
	age->is_doubted = false;
}

void age_begin(struct age *age, int64_t last_ms, int64_t wall_ms, int64_t mono_ns)
{
	int64_t mono_ms = mono_ns / 1000000;

	*age = (struct age){ .is_begun = true };
	if (last_ms == 0) {
		believe(age, wall_ms - mono_ms, mono_ms);
		return;
	}
	age->believed_ms = last_ms - mono_ms;
	age->believed_at_ms = mono_ms;
	age->bound_ms = AGE_AWAY_MS;
}

/* A clock that jumps to and fro is reported once in a while. */
static void report_doubt(struct age *age, int64_t wall_ms, int64_t mono_ms)
{
	int64_t ahead = wall_ms - mono_ms - age->believed_ms;
	char text[CLOCK_TEXT_MAX];

	if (age->reported_at_ms && mono_ms - age->reported_at_ms < AGE_DOUBT_MS)
		return;
	age->reported_at_ms = mono_ms;
	age->is_reported = age->has_line = true;
	(void)diag_set(
		&age->line, 0,
		"the clock says %s, %lld hours %s what was expected: no rows are removed for "
		"their age until it is back, or was steady for an hour",
		clock_print(wall_ms, text), (long long)(llabs(ahead) / 3600000),
		ahead > 0 ? "ahead of" : "behind");
}

static void report_end(struct age *age, const char *why)
{
	if (!age->is_reported)
		return;
	age->is_reported = false;
	age->has_line = true;
	(void)diag_set(&age->line, 0, "the clock %s: rows are removed for their age again", why);
}

/* It is not where it was expected. True: it was steady for long enough. */
static bool is_steady(struct age *age, int64_t offset, int64_t wall_ms, int64_t mono_ms)
{
	if (!age->is_doubted || !is_near(offset, age->doubted_ms, AGE_STEP_MS)) {
		age->is_doubted = true;
		age->doubted_ms = offset;
		age->doubted_at_ms = mono_ms;
		report_doubt(age, wall_ms, mono_ms);
	}
	return wall_ms >= AGE_FIRST_MS && mono_ms - age->doubted_at_ms >= AGE_DOUBT_MS;
}

int64_t age_now(struct age *age, int64_t wall_ms, int64_t mono_ns)
{
	int64_t mono_ms = mono_ns / 1000000;
	int64_t offset = wall_ms - mono_ms;

	if (is_near(offset, age->believed_ms, age->bound_ms) && wall_ms >= AGE_FIRST_MS) {
		if (age->is_doubted)
			report_end(age, "is back");
		/* Small steps, and those of a clock that is led, do not add up within an hour. */
		if (age->is_doubted || age->bound_ms != AGE_STEP_MS ||
		    mono_ms - age->believed_at_ms >= AGE_DOUBT_MS)
			believe(age, offset, mono_ms);
		return wall_ms;
	}
	if (!is_steady(age, offset, wall_ms, mono_ms))
		return 0;
	report_end(age, "was steady for an hour");
	believe(age, offset, mono_ms);
	return wall_ms;
}

bool age_line(struct age *age, struct diag *ret)
{
	if (!age->has_line)
		return false;
	*ret = age->line;
	age->has_line = false;
	return true;
}

void age_bound(struct age_bounds *ret, int64_t now_ms, unsigned days)
{
	clock_print(AGE_FIRST_MS, ret->first);
	clock_print(now_ms - (int64_t)days * 24 * 3600 * 1000, ret->kept);
	clock_print(now_ms + AGE_STEP_MS, ret->last);
}

enum age_row age_of_row(const struct age_bounds *bounds, const char *time)
{
	if (!time || strcmp(time, bounds->first) < 0 || strcmp(time, bounds->last) > 0)
		return AGE_UNDATED;
	return strcmp(time, bounds->kept) < 0 ? AGE_OLD : AGE_KEPT;
}
