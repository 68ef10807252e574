#include "monitor/hour.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_BYTES 26u /* of a number that is not whole, at most; null has fewer */
#define STEP_NS (INT64_C(1000000000) * HOUR_STEP_S)

struct hour {
	size_t columns;
	char name[HOUR_COLUMNS][HOUR_NAME_MAX + 1];
	size_t count;                        /* of rows */
	size_t last;                         /* the row that came last */
	uint64_t begun;                      /* rows that there ever were: the next one's number */
	int64_t last_ns;                     /* when it was due */
	double row[HOUR_ROWS][HOUR_COLUMNS]; /* a ring; NAN: nothing */
};

int hour_new(struct hour **ret, struct diag *diag)
{
	struct hour *hour = calloc(1, sizeof(*hour));

	if (!hour)
		return diag_nomem(diag);
	*ret = hour;
	return 0;
}

int hour_copy(const struct hour *hour, struct hour **ret, struct diag *diag)
{
	struct hour *copy = malloc(sizeof(*copy));

	if (!copy)
		return diag_nomem(diag);
	*copy = *hour;
	*ret = copy;
	return 0;
}

void hour_free(struct hour *hour)
{
	free(hour);
}

/* One row more, as the one before. */
static void append(struct hour *hour)
{
	size_t before = hour->last;

	hour->begun++;
	hour->last = hour->count ? (before + 1) % HOUR_ROWS : 0;
	if (hour->count > 0)
		memcpy(hour->row[hour->last], hour->row[before], sizeof(hour->row[0]));
	if (hour->count < HOUR_ROWS)
		hour->count++;
}

bool hour_begin(struct hour *hour, int64_t now_ns)
{
	int64_t late = hour->count ? (now_ns - hour->last_ns) / STEP_NS : 1;

	if (late < 1)
		return false;
	hour->last_ns = hour->count ? hour->last_ns + late * STEP_NS : now_ns;
	for (int64_t i = 0; i < late && i < (int64_t)HOUR_ROWS; i++)
		append(hour);
	for (size_t i = 0; i < HOUR_COLUMNS; i++)
		hour->row[hour->last][i] = NAN;
	return true;
}

void hour_put(struct hour *hour, const char *name, const char *text)
{
	char *end;
	double value = strtod(text, &end);
	size_t at = 0;

	if (end == text || *end || strlen(name) > HOUR_NAME_MAX)
		return;
	while (at < hour->columns && strcmp(hour->name[at], name) != 0)
		at++;
	if (at == HOUR_COLUMNS)
		return;
	if (at == hour->columns) {
		(void)strcpy(hour->name[at], name);
		hour->columns++;
		for (size_t i = 0; i < HOUR_ROWS; i++)
			hour->row[i][at] = NAN;
	}
	hour->row[hour->last][at] = value;
}

/* Whole numbers come without a point. */
static json_t *number_json(double value)
{
	if (isnan(value))
		return json_null();
	return fabs(value) <= 0x1p53 && value == floor(value) ? json_integer((json_int_t)value)
							      : json_real(value);
}

/* Adds to *bytes what the number takes, the comma behind it included. */
static void count(const json_t *number, size_t *bytes)
{
	*bytes += json_is_integer(number) ? (size_t)snprintf(NULL, 0, "%" JSON_INTEGER_FORMAT ",",
							     json_integer_value(number))
					  : REAL_BYTES;
}

/* New; its text's length is added to *bytes. NULL: memory ran out. */
static json_t *row_json(const struct hour *hour, const double *row, size_t *bytes)
{
	json_t *ret = json_array();

	*bytes += strlen("[],");
	for (size_t i = 0; ret && i < hour->columns; i++) {
		json_t *number = number_json(row[i]);

		count(number, bytes);
		if (json_array_append_new(ret, number)) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

static json_t *names_json(const struct hour *hour)
{
	json_t *ret = json_array();

	for (size_t i = 0; ret && i < hour->columns; i++)
		if (json_array_append_new(ret, json_string(hour->name[i]))) {
			json_decref(ret);
			return NULL;
		}
	return ret;
}

/* Rows from the @skipped-th on; @skipped becomes the first that is not among them. */
static json_t *values_json(const struct hour *hour, size_t *skipped)
{
	json_t *values = json_array();
	size_t bytes = 0;

	for (; values && *skipped < hour->count; ++*skipped) {
		size_t at = (hour->last + HOUR_ROWS + 1 + *skipped - hour->count) % HOUR_ROWS;
		json_t *row = row_json(hour, hour->row[at], &bytes);

		if (row && bytes > HOUR_TEXT_MAX) {
			json_decref(row);
			break;
		}
		if (json_array_append_new(values, row)) {
			json_decref(values);
			return NULL;
		}
	}
	return values;
}

json_t *hour_json(const struct hour *hour, uint64_t first, int64_t now_ns, int64_t unix_ms)
{
	uint64_t oldest = hour->begun - hour->count;
	size_t skipped = first < oldest ? 0 : hour->count, next;
	int64_t ago_ms = (now_ns - hour->last_ns) / 1000000;
	int64_t last_s = (unix_ms - ago_ms) / 1000, rows_behind;
	json_t *values, *more;

	if (first >= oldest && first - oldest < hour->count)
		skipped = (size_t)(first - oldest);
	next = skipped;
	values = values_json(hour, &next);
	more = next < hour->count ? json_sprintf("%" PRIu64, oldest + next) : json_null();
	rows_behind = skipped < hour->count ? (int64_t)(hour->count - 1 - skipped) : 0;
	return json_pack("{si sI so so so}", "step", HOUR_STEP_S, "from",
			 (json_int_t)(last_s - rows_behind * HOUR_STEP_S), "names",
			 names_json(hour), "values", values, "next", more);
}
