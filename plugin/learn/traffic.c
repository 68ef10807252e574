#include "learn/traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "learn/traffic_rows.h"
#include "schema/payload.h"

struct traffic {
	FILE *file; /* NULL: it is a database */
	const char *path;
	const char *name; /* of it, in what is said */
	bool is_array;    /* of objects, instead of one a line */
	struct payload_parser *parser;
	char *line;
	size_t cap;
};

/* ---- opening ---------------------------------------------------------------------------- */

static int fail_file(const char *name, struct diag *diag)
{
	return diag_set(diag, ERR_IO, "%s: %s", name, errno ? strerror(errno) : "can't be read");
}

/* What comes from a pipe, as a file that can be read again. */
static int keep(struct traffic *traffic, struct diag *diag)
{
	static char piece[65536];
	uint64_t total = 0;
	FILE *kept = tmpfile();
	size_t n;

	if (!kept)
		return diag_set(diag, ERR_IO, "a temporary file: %s", strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), traffic->file)) > 0) {
		total += n;
		if (fwrite(piece, 1, n, kept) != n || total > TRAFFIC_BYTES_MAX)
			break;
	}
	if (ferror(traffic->file) || ferror(kept) || total > TRAFFIC_BYTES_MAX) {
		(void)fclose(kept);
		return diag_set(diag, ERR_IO,
				"%s: could not be kept in a temporary file of at most "
				"%u GiB",
				traffic->name, (unsigned)(TRAFFIC_BYTES_MAX >> 30));
	}
	if (traffic->file != stdin)
		(void)fclose(traffic->file);
	traffic->file = kept;
	return 0;
}

static int open_file(struct traffic *traffic, struct diag *diag)
{
	struct stat stat;
	int c;

	errno = 0;
	traffic->file = strcmp(traffic->path, "-") == 0 ? stdin : fopen(traffic->path, "r");
	if (!traffic->file || fstat(fileno(traffic->file), &stat) != 0)
		return fail_file(traffic->name, diag);
	if (S_ISDIR(stat.st_mode))
		return diag_set(diag, ERR_IO, "%s: is a folder; expected a recording",
				traffic->name);
	if (S_ISREG(stat.st_mode) && (uint64_t)stat.st_size > TRAFFIC_BYTES_MAX)
		return diag_set(diag, ERR_LIMIT, "%s: more than %u GiB", traffic->name,
				(unsigned)(TRAFFIC_BYTES_MAX >> 30));
	if (!S_ISREG(stat.st_mode) || traffic->file == stdin) {
		int rc = keep(traffic, diag);

		if (rc)
			return rc;
	}
	rewind(traffic->file);
	do
		c = getc(traffic->file);
	while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
	traffic->is_array = c == '[';
	if (c == EOF)
		return diag_set(diag, ERR_INVALID, "%s: is empty; expected a recording",
				traffic->name);
	return 0;
}

int traffic_open(const char *path, struct traffic **ret, struct diag *diag)
{
	const struct payload_limits limits = { .max_bytes = TRAFFIC_LINE_MAX,
					       .max_depth = PAYLOAD_MESSAGE_DEPTH };
	struct traffic *traffic = calloc(1, sizeof(*traffic));
	int rc;

	if (!traffic)
		return diag_nomem(diag);
	traffic->path = path;
	traffic->name = strcmp(path, "-") == 0 ? "standard input" : path;
	rc = payload_parser_new(&limits, &traffic->parser, diag);
	if (!rc && !traffic_rows_are_in(path))
		rc = open_file(traffic, diag);
	if (rc) {
		traffic_close(traffic);
		return rc;
	}
	*ret = traffic;
	return 0;
}

void traffic_close(struct traffic *traffic)
{
	if (!traffic)
		return;
	if (traffic->file && traffic->file != stdin)
		(void)fclose(traffic->file);
	payload_parser_free(traffic->parser);
	free(traffic->line);
	free(traffic);
}

/* ---- reading ---------------------------------------------------------------------------- */

/* Where the reading is. */
struct traffic_reading {
	struct traffic *traffic;
	struct traffic_place place;
	size_t len;     /* of the line */
	uint64_t next;  /* the number of the line that begins now */
	bool is_at_end; /* the last line had no newline */
	struct diag *diag;
};

static int put(struct traffic_reading *reading, int c)
{
	struct traffic *traffic = reading->traffic;

	if (reading->len == traffic->cap) {
		size_t cap = traffic->cap ? 2 * traffic->cap : 4096;
		char *line = cap <= TRAFFIC_LINE_MAX ? realloc(traffic->line, cap) : NULL;

		if (!line && cap <= TRAFFIC_LINE_MAX)
			return diag_nomem(reading->diag);
		if (!line)
			return diag_set(reading->diag, ERR_LIMIT,
					"%s:%llu: longer than %u MiB; expected a message a line",
					traffic->name, (unsigned long long)reading->place.line,
					TRAFFIC_LINE_MAX >> 21);
		traffic->line = line;
		traffic->cap = cap;
	}
	traffic->line[reading->len++] = (char)c;
	return 0;
}

/* 1: there is a line; 0: there is none any more; or an error. */
static int next_line(struct traffic_reading *reading)
{
	FILE *file = reading->traffic->file;
	int c, rc = 0;

	reading->len = 0;
	reading->place.line = reading->next++;
	while (rc == 0 && (c = getc_unlocked(file)) != EOF && c != '\n')
		rc = put(reading, c);
	if (rc)
		return rc;
	if (ferror(file))
		return fail_file(reading->traffic->name, reading->diag);
	reading->is_at_end = c == EOF;
	return c != EOF || reading->len > 0;
}

/* The same for the next object of an array: all from its { to the } that closes it. */
static int next_object(struct traffic_reading *reading)
{
	FILE *file = reading->traffic->file;
	bool is_text = false, is_escaped = false;
	unsigned depth = 0;
	int c, rc = 0;

	reading->len = 0;
	while (rc == 0 && (c = getc_unlocked(file)) != EOF) {
		reading->next += c == '\n';
		if (depth == 0 && c != '{')
			continue; /* commas and blanks, and the array's brackets */
		if (reading->len == 0)
			reading->place.line = reading->next;
		rc = put(reading, c);
		if (is_text && c == '"' && !is_escaped)
			is_text = false;
		else if (!is_text && c == '"')
			is_text = true;
		else if (!is_text)
			depth += (unsigned)(c == '{') - (unsigned)(c == '}');
		is_escaped = is_text && c == '\\' && !is_escaped;
		if (rc == 0 && depth == 0)
			return 1;
	}
	reading->is_at_end = true;
	return rc ? rc : reading->len > 0;
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r", text[i]) || !text[i])
			return false;
	return true;
}

static int take(struct traffic_reading *reading, traffic_visit *visit, void *ctx,
		struct traffic_passed *passed)
{
	struct traffic *traffic = reading->traffic;
	struct traffic_message message;
	const char *expected = "";

	if (is_blank(traffic->line, reading->len))
		return 0;
	switch (traffic_line(traffic->parser, traffic->line, reading->len, &message, &expected)) {
	case TRAFFIC_MESSAGE:
		return visit(ctx, &message, &reading->place);
	case TRAFFIC_REFUSED:
		passed->refused++;
		return 0;
	case TRAFFIC_CUT:
		passed->cut++;
		return 0;
	case TRAFFIC_FAULT:
		break;
	}
	/* A recording that was ended in the middle of a line. */
	if (reading->is_at_end && reading->place.line > 1) {
		passed->is_torn = true;
		return 0;
	}
	return diag_set(reading->diag, ERR_SYNTAX, "%s:%llu: %s", traffic->name,
			(unsigned long long)reading->place.line, expected);
}

int traffic_read(struct traffic *traffic, traffic_visit *visit, void *ctx,
		 struct traffic_passed *passed, struct diag *diag)
{
	struct traffic_reading reading = {
		.traffic = traffic, .place = { .name = traffic->name }, .next = 1, .diag = diag
	};
	int rc;

	memset(passed, 0, sizeof(*passed));
	if (!traffic->file)
		return traffic_rows_read(traffic->path, visit, ctx, passed, diag);
	rewind(traffic->file);
	do
		rc = traffic->is_array ? next_object(&reading) : next_line(&reading);
	while (rc == 1 && (rc = take(&reading, visit, ctx, passed)) == 0);
	return rc;
}
