#include "ledger/pg_params.h"

#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- single ones ------------------------------------------------------------------------- */

static void add(struct pg_params *params, const void *value, size_t len, int is_binary)
{
	unsigned at = params->count;

	assert(at < PG_PARAMS_MAX && len <= INT32_MAX);
	params->value[at] = value;
	params->len[at] = (int)len;
	params->is_binary[at] = is_binary;
	params->count++;
}

void pg_add_null(struct pg_params *params)
{
	add(params, NULL, 0, 0);
}

/* The binary format of a text is the text, and needs no NUL. */
void pg_add_text(struct pg_params *params, const char *text, size_t len)
{
	add(params, text, len, 1);
}

void pg_add_string(struct pg_params *params, const char *text)
{
	add(params, text, text ? strlen(text) : 0, 1);
}

void pg_add_bytes(struct pg_params *params, const void *bytes, size_t len)
{
	add(params, bytes, len, 1);
}

void pg_add_number(struct pg_params *params, int64_t number)
{
	char *text = params->number[params->count < PG_PARAMS_MAX ? params->count : 0];
	int len = snprintf(text, PG_NUMBER_MAX, "%" PRId64, number);

	add(params, text, (size_t)len, 0);
}

void pg_add_real(struct pg_params *params, double real)
{
	char *text = params->number[params->count < PG_PARAMS_MAX ? params->count : 0];
	int len = snprintf(text, PG_NUMBER_MAX, "%.17g", real);

	add(params, text, (size_t)len, 0);
}

/* ---- arrays ------------------------------------------------------------------------------ */

/* Dimensions, has NULLs, the elements' type; then of the one dimension: its length, its first
 * index. */
#define HEAD_BYTES 20u
#define FIRST_BYTES 4096u

static const uint32_t element_oid[] = {
	[PG_TEXT] = 25, [PG_BYTES] = 17, [PG_NUMBER] = 20, [PG_REAL] = 701
};

static void put_32(char *at, uint32_t number)
{
	number = htobe32(number);
	memcpy(at, &number, sizeof(number));
}

/* Room for @len bytes at the end; NULL: there is none, and the array is spoilt. */
static char *grow(struct pg_array *array, size_t len)
{
	size_t size = array->size ? array->size : FIRST_BYTES;
	char *bytes;

	if (array->is_failed || len > PG_ARRAY_BYTES || array->len + len > PG_ARRAY_BYTES) {
		array->is_failed = true;
		return NULL;
	}
	while (size < array->len + len)
		size *= 2;
	if (size != array->size) {
		bytes = realloc(array->bytes, size);
		if (!bytes) {
			array->is_failed = true;
			return NULL;
		}
		array->bytes = bytes;
		array->size = size;
	}
	array->len += len;
	return array->bytes + array->len - len;
}

void pg_array_begin(struct pg_array *array, enum pg_type type)
{
	array->type = type;
	array->is_failed = array->has_null = false;
	array->count = 0;
	array->len = 0;
}

void pg_array_free(struct pg_array *array)
{
	free(array->bytes);
	*array = (struct pg_array){ 0 };
}

/* An element: its length, or -1 for NULL, and its bytes. */
static void element(struct pg_array *array, const void *bytes, size_t len, bool is_null)
{
	char *at;

	if (array->len == 0 && !grow(array, HEAD_BYTES))
		return;
	at = grow(array, sizeof(uint32_t) + len);
	if (!at)
		return;
	put_32(at, is_null ? UINT32_MAX : (uint32_t)len);
	if (len > 0)
		memcpy(at + sizeof(uint32_t), bytes, len);
	array->has_null |= is_null;
	array->count++;
}

void pg_array_null(struct pg_array *array)
{
	element(array, NULL, 0, true);
}

void pg_array_text(struct pg_array *array, const char *text, size_t len)
{
	element(array, text, len, false);
}

void pg_array_number(struct pg_array *array, int64_t number)
{
	uint64_t bytes = htobe64((uint64_t)number);

	element(array, &bytes, sizeof(bytes), false);
}

void pg_array_real(struct pg_array *array, double real)
{
	uint64_t bytes;

	memcpy(&bytes, &real, sizeof(bytes));
	bytes = htobe64(bytes);
	element(array, &bytes, sizeof(bytes), false);
}

int pg_add_array(struct pg_params *params, struct pg_array *array, struct diag *diag)
{
	if (array->len == 0 && !array->is_failed)
		(void)grow(array, HEAD_BYTES); /* or it is failed */
	if (array->is_failed)
		return array->len > PG_ARRAY_BYTES / 2
			       ? diag_set(diag, ERR_LIMIT, "more than %zu bytes in one statement",
					  PG_ARRAY_BYTES)
			       : diag_nomem(diag);
	put_32(array->bytes, array->count > 0);
	put_32(array->bytes + 4, array->has_null);
	put_32(array->bytes + 8, element_oid[array->type]);
	put_32(array->bytes + 12, array->count);
	put_32(array->bytes + 16, 1);
	/* Without a dimension no length and no first index follow. */
	add(params, array->bytes, array->count > 0 ? array->len : HEAD_BYTES - 8, 1);
	return 0;
}

/* ---- a statement's text ------------------------------------------------------------------ */

void pg_sql_add(char *sql, size_t size, size_t *len, const char *format, va_list args)
{
	int more = vsnprintf(sql + *len, size - *len, format, args);

	*len += more > 0 ? (size_t)more : 0;
	if (*len >= size)
		*len = size - 1;
}
