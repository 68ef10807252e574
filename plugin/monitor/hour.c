#include "monitor/hour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP_NS (INT64_C(1000000000) * HOUR_STEP_S)

struct hour {
	size_t columns;
	char name[HOUR_COLUMNS][HOUR_NAME_MAX + 1];
	size_t count;                        /* of rows */
	size_t last;                         /* the row that came last */
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

void hour_free(struct hour *hour)
{
	free(hour);
}

/* One row more, as the one before. */
static void append(struct hour *hour)
{
	size_t before = hour->last;

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

static json_t *row_json(const struct hour *hour, const double *row)
{
	json_t *ret = json_array();

	for (size_t i = 0; ret && i < hour->columns; i++)
		if (json_array_append_new(ret, number_json(row[i]))) {
			json_decref(ret);
			return NULL;
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

json_t *hour_json(const struct hour *hour, int64_t now_ns, int64_t unix_ms)
{
	json_t *values = json_array();
	int64_t ago_ms = (now_ns - hour->last_ns) / 1000000;
	int64_t last_s = (unix_ms - ago_ms) / 1000;
	int64_t rows = hour->count ? (int64_t)hour->count - 1 : 0;

	for (size_t i = 0; values && i < hour->count; i++) {
		size_t at = (hour->last + HOUR_ROWS + 1 + i - hour->count) % HOUR_ROWS;

		if (json_array_append_new(values, row_json(hour, hour->row[at]))) {
			json_decref(values);
			return NULL;
		}
	}
	return json_pack("{si sI so so}", "step", HOUR_STEP_S, "from",
			 (json_int_t)(last_s - rows * HOUR_STEP_S), "names", names_json(hour),
			 "values", values);
}
