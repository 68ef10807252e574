/* Comma separated values: what was read is written in quotes, and read again it is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

static void write_record(const struct csv *csv, FILE *to)
{
	for (size_t i = 0; i < csv->count; i++) {
		(void)fputs(i ? ",\"" : "\"", to);
		for (const char *at = csv->field[i].text; *at; at++) {
			if (*at == '"')
				(void)fputc('"', to);
			(void)fputc(*at, to);
		}
		(void)fputc('"', to);
	}
	(void)fputs("\r\n", to);
}

static void check_same(const struct csv *one, const struct csv *two)
{
	if (one->count != two->count)
		abort();
	for (size_t i = 0; i < one->count; i++)
		if (one->field[i].len != two->field[i].len ||
		    one->field[i].len != strlen(one->field[i].text) ||
		    memcmp(one->field[i].text, two->field[i].text, one->field[i].len) != 0)
			abort();
}

static void reread(const struct csv *csv)
{
	static struct csv again;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);
	struct diag diag;

	write_record(csv, file);
	(void)fclose(file);
	file = fmemopen(text, len, "r");
	csv_init(&again, file);
	if (csv_next(&again, &diag) != 1)
		abort();
	check_same(csv, &again);
	if (csv_next(&again, &diag) != 0)
		abort();
	(void)fclose(file);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csv csv;
	FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	unsigned long line = 0;
	struct diag diag;
	int rc;

	if (!file)
		return 0;
	csv_init(&csv, file);
	while ((rc = csv_next(&csv, &diag)) != 0) {
		if (csv.record_line < line || csv.record_line > csv.line)
			abort();
		line = csv.record_line;
		if (rc == 1)
			reread(&csv);
		else if (rc == ERR_IO || diag.text[0] == '\0')
			abort();
	}
	(void)fclose(file);
	return 0;
}
