/* pg_rows.c -- reads what a statement returned, all of it in the binary format. */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/pg_internal.h"

void pg_rows_clear(struct pg_rows *rows)
{
	if (rows->result)
		rows->pg->lib.PQclear(rows->result);
	*rows = (struct pg_rows){ 0 };
}

unsigned pg_rows_count(const struct pg_rows *rows)
{
	return rows->result ? (unsigned)rows->pg->lib.PQntuples(rows->result) : 0;
}

uint64_t pg_rows_changed(const struct pg_rows *rows)
{
	return rows->result ? strtoull(rows->pg->lib.PQcmdTuples(rows->result), NULL, 10) : 0;
}

bool pg_is_null(const struct pg_rows *rows, unsigned row, unsigned column)
{
	return rows->pg->lib.PQgetisnull(rows->result, (int)row, (int)column) != 0;
}

const char *pg_bytes(const struct pg_rows *rows, unsigned row, unsigned column, size_t *len)
{
	const struct pg_lib *lib = &rows->pg->lib;

	if (len)
		*len = (size_t)lib->PQgetlength(rows->result, (int)row, (int)column);
	return lib->PQgetvalue(rows->result, (int)row, (int)column);
}

const char *pg_text(const struct pg_rows *rows, unsigned row, unsigned column)
{
	return pg_bytes(rows, row, column, NULL); /* libpq puts a NUL behind each value */
}

/* Big-endian, of as many bytes as the type has. */
static uint64_t unsigned_of(const char *bytes, size_t len)
{
	uint64_t number = 0;

	for (size_t i = 0; i < len; i++)
		number = number << 8 | (unsigned char)bytes[i];
	return number;
}

int64_t pg_number(const struct pg_rows *rows, unsigned row, unsigned column)
{
	size_t len;
	const char *bytes = pg_bytes(rows, row, column, &len);
	uint64_t number = unsigned_of(bytes, len);

	assert(len <= 2 || len == 4 || len == 8);
	if (len == 2)
		return (int16_t)number;
	if (len == 4)
		return (int32_t)number;
	return (int64_t)number;
}

double pg_real(const struct pg_rows *rows, unsigned row, unsigned column)
{
	size_t len;
	const char *bytes = pg_bytes(rows, row, column, &len);
	uint64_t number = unsigned_of(bytes, len);
	double real;

	assert(len == 0 || len == sizeof(real));
	memcpy(&real, &number, sizeof(real));
	return real;
}
