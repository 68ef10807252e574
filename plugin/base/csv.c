#include "base/csv.h"

#include <errno.h>
#include <string.h>

static const unsigned char byte_order_mark[] = { 0xef, 0xbb, 0xbf };

void csv_init(struct csv *ret, FILE *file)
{
	ret->file = file;
	ret->line = ret->record_line = 1;
	ret->count = ret->used = 0;
}

static int next_byte(struct csv *csv)
{
	int c = getc_unlocked(csv->file);

	csv->line += c == '\n';
	return c;
}

static int peek(struct csv *csv)
{
	int c = getc_unlocked(csv->file);

	if (c != EOF)
		(void)ungetc(c, csv->file); /* one byte back is always possible */
	return c;
}

/* What is wrong with a record: the rest of its line is passed over. @c: the last byte read. */
__attribute__((cold)) static int fail(struct csv *csv, int c, int err, const char *what,
				      struct diag *diag)
{
	while (c != '\n' && c != EOF)
		c = next_byte(csv);
	return diag_set(diag, err, "%s", what);
}

static bool put(struct csv *csv, int c)
{
	if (csv->used + 2 > sizeof(csv->text)) /* and a NUL */
		return false;
	csv->text[csv->used++] = (char)c;
	return true;
}

static int fail_long(struct csv *csv, int c, struct diag *diag)
{
	return fail(csv, c, ERR_LIMIT,
		    "a record of more than 65,536 bytes, or a quote that is never closed", diag);
}

/*
 * The field in quotes whose first quote was read. *end is what follows it: a comma, '\n' or EOF;
 * after a failure the call to fail() was made.
 */
static int read_quoted(struct csv *csv, int *end, struct diag *diag)
{
	int c;

	for (;;) {
		c = next_byte(csv);
		if (c == EOF)
			return fail(csv, c, ERR_SYNTAX, "a quote that is never closed", diag);
		if (c == '\0')
			return fail(csv, c, ERR_SYNTAX, "a NUL byte", diag);
		if (c == '"' && peek(csv) != '"')
			break;
		if (c == '"')
			c = next_byte(csv);
		if (!put(csv, c))
			return fail_long(csv, c, diag);
	}
	c = next_byte(csv);
	if (c == '\r' && peek(csv) == '\n')
		c = next_byte(csv);
	if (c != ',' && c != '\n' && c != EOF)
		return fail(csv, c, ERR_SYNTAX,
			    "expected a comma or the end of the line after a closing quote", diag);
	*end = c;
	return 0;
}

/* The field that begins with @c, which is no quote; as the last one. */
static int read_plain(struct csv *csv, int c, int *end, struct diag *diag)
{
	for (; c != ',' && c != '\n' && c != EOF; c = next_byte(csv)) {
		if (c == '\r' && peek(csv) == '\n')
			continue;
		if (c == '"')
			return fail(csv, c, ERR_SYNTAX,
				    "a quote within a field that is not in quotes", diag);
		if (c == '\0' || c == '\r')
			return fail(csv, c, ERR_SYNTAX,
				    c ? "a carriage return without a line feed" : "a NUL byte",
				    diag);
		if (!put(csv, c))
			return fail_long(csv, c, diag);
	}
	*end = c;
	return 0;
}

/* One field, whose first byte is @c. */
static int read_field(struct csv *csv, int c, int *end, struct diag *diag)
{
	size_t at = csv->used;
	bool is_quoted = c == '"';
	int rc;

	if (csv->count == CSV_FIELDS_MAX)
		return fail(csv, c, ERR_LIMIT, "a record of more than 128 fields", diag);
	rc = is_quoted ? read_quoted(csv, end, diag) : read_plain(csv, c, end, diag);
	if (rc)
		return rc;
	if (csv->used + 1 > sizeof(csv->text))
		return fail_long(csv, *end, diag);
	csv->text[csv->used++] = '\0';
	csv->field[csv->count++] = (struct csv_field){ .text = csv->text + at,
						       .len = csv->used - at - 1,
						       .is_quoted = is_quoted };
	return 0;
}

/* The first byte of a record, behind a byte order mark and empty lines. */
static int begin(struct csv *csv)
{
	bool is_first = csv->line == 1 && csv->count == 0;
	int c = next_byte(csv);

	for (size_t i = 0; is_first && i < sizeof(byte_order_mark); i++) {
		if (c != byte_order_mark[i])
			break; /* a half of one is text that is not UTF-8 */
		c = next_byte(csv);
	}
	while (c == '\n' || (c == '\r' && peek(csv) == '\n'))
		c = next_byte(csv);
	return c;
}

int csv_next(struct csv *csv, struct diag *diag)
{
	int c = begin(csv), rc;

	csv->record_line = csv->line;
	csv->count = csv->used = 0;
	if (c != EOF) {
		do {
			rc = read_field(csv, c, &c, diag);
			if (rc)
				return rc;
		} while (c == ',' && ((c = next_byte(csv)), true));
	}
	if (ferror(csv->file))
		return diag_set(diag, ERR_IO, "%s", strerror(errno));
	return csv->count > 0;
}
