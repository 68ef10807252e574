#include "ctl/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST ((size_t)1 << 16)

static int read_stream(FILE *file, const char *name, size_t max, char **ret, size_t *ret_len,
		       struct diag *diag)
{
	size_t len = 0, cap = CAP_FIRST;
	char *text = malloc(cap);
	char *larger;
	int rc = 0;

	while (text && !rc) {
		len += fread(text + len, 1, cap - len, file);
		if (ferror(file))
			rc = diag_set(diag, ERR_IO, "%s: %s", name, strerror(errno));
		else if (len > max)
			rc = diag_set(diag, ERR_LIMIT, "%s: larger than %zu bytes", name, max);
		if (rc || len < cap)
			break;
		cap *= 2;
		larger = realloc(text, cap);
		if (!larger)
			free(text);
		text = larger;
	}
	if (!text)
		return diag_nomem(diag);
	if (rc) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

int input_read(const char *path, size_t max, char **ret, size_t *ret_len, struct diag *diag)
{
	FILE *file;
	int rc;

	if (strcmp(path, "-") == 0)
		return read_stream(stdin, "standard input", max, ret, ret_len, diag);
	file = fopen(path, "rbe");
	if (!file)
		return diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
	rc = read_stream(file, path, max, ret, ret_len, diag);
	(void)fclose(file); /* only read from */
	return rc;
}
