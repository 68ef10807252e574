/*
 * age.h -- is the clock right, so that old rows may be removed?
 *
 * A wall clock may jump: set by hand or by NTP, wrong at boot. With a wrong time the plugin would
 * remove rows that it should keep. So the clock is compared with the monotonic clock, and at the
 * first call with the last time that the database noted. A clock that differs from what is expected
 * is in doubt, and no row is removed for its age until the clock is as expected again or was steady
 * for AGE_DOUBT_MS. There is one line when a doubt begins, and one when it ends.
 *
 * One thread. Knows no rows.
 */
#ifndef PETSTORE_AGE_H
#define PETSTORE_AGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"

#define AGE_STEP_MS INT64_C(3600000)        /* a clock that moves less is not in doubt */
#define AGE_AWAY_MS INT64_C(86400000)       /* likewise, since the database was last written */
#define AGE_DOUBT_MS INT64_C(3600000)       /* of the monotonic clock */
#define AGE_FIRST_MS INT64_C(1577836800000) /* 2020-01-01: what is earlier is no time of ours */

struct age {
	bool is_begun;
	int64_t believed_ms;    /* the wall clock less the monotonic one, as believed */
	int64_t bound_ms;       /* how far the clock may be from there */
	int64_t believed_at_ms; /* by the monotonic clock: when that was last set */
	bool is_doubted;
	bool is_reported;       /* that it is in doubt */
	int64_t doubted_ms;     /* what it seems to be instead */
	int64_t doubted_at_ms;  /* by the monotonic clock: since then */
	int64_t reported_at_ms; /* likewise: when a doubt was last reported; 0: never */
	bool has_line;
	struct diag line;
};

/* @last_ms: what the database believed last; 0: nothing is known, and the clock is believed. */
void age_begin(struct age *age, int64_t last_ms, int64_t wall_ms, int64_t mono_ns);

/* @wall_ms where it is believed, or 0: it is in doubt. age_begin() came before. */
int64_t age_now(struct age *age, int64_t wall_ms, int64_t mono_ns);

/* Times that part rows from each other, as they stand in the database. */
struct age_bounds {
	char first[CLOCK_TEXT_MAX]; /* before it, and after last, a time is none */
	char kept[CLOCK_TEXT_MAX];  /* from it on a row is kept */
	char last[CLOCK_TEXT_MAX];
};
enum age_row { AGE_UNDATED, AGE_OLD, AGE_KEPT };

/* Rows are kept for @days before @now_ms. */
void age_bound(struct age_bounds *ret, int64_t now_ms, unsigned days);
enum age_row age_of_row(const struct age_bounds *bounds, const char *time); /* NULL: undated */

/* The next line for the log, or false. */
bool age_line(struct age *age, struct diag *ret);

#endif
