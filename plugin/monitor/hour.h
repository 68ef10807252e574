/*
 * hour.h -- the numbers of the last hour, one row every HOUR_STEP_S seconds.
 *
 * Columns are names, in the order in which they came first; a row that is older than a column has
 * nothing there. Bounded: HOUR_ROWS rows of HOUR_COLUMNS columns, some 150 KiB, and names that find
 * no column are left out.
 */
#ifndef PETSTORE_MONITOR_HOUR_H
#define PETSTORE_MONITOR_HOUR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define HOUR_STEP_S 10
#define HOUR_ROWS 360u
#define HOUR_COLUMNS 48u
#define HOUR_NAME_MAX 63u    /* bytes of a name; a longer one is left out */
#define HOUR_TEXT_MAX 49152u /* of the rows of an answer; the names have 3 KiB at most */

struct hour;

int hour_new(struct hour **ret, struct diag *diag) MUST_CHECK;
void hour_free(struct hour *hour); /* NULL is fine */

/*
 * Is a row due? @now_ns: clock_mono_ns(). True: a row has begun, and hour_put() fills it. Where the
 * caller was late by several rows, those between have what the one before them has.
 */
bool hour_begin(struct hour *hour, int64_t now_ns);

/* Puts the number @text into the column @name of the row that has begun; no number: nothing. */
void hour_put(struct hour *hour, const char *name, const char *text);

/* As it is now, new, for another thread. ERR_NOMEM. */
int hour_copy(const struct hour *hour, struct hour **ret, struct diag *diag) MUST_CHECK;

/*
 * {"step","from","names","values","next"}, new: rows from number @first on, or from the oldest
 * where that is gone, as many as have HOUR_TEXT_MAX bytes. "from" is the unix second of the first
 * of them, where it is @unix_ms at @now_ns; "next" the number of the row behind them as a string,
 * or null. NULL: memory ran out.
 */
json_t *hour_json(const struct hour *hour, uint64_t first, int64_t now_ns, int64_t unix_ms);

#endif
