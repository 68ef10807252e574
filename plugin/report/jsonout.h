/*
 * jsonout.h -- JSON written into a bounded buffer, without allocating.
 *
 * Texts may have any bytes and become JSON strings (RFC 8259). Characters that are not
 * utf8_is_plain() are escaped, so that the result is one line without controls and invisible
 * characters; bytes that are not UTF-8 become U+FFFD.
 *
 * If the document does not fit, jsonout_end() returns 0. That can't happen where each text has a
 * bound and the buffer has room for all of them.
 */
#ifndef PETSTORE_REPORT_JSONOUT_H
#define PETSTORE_REPORT_JSONOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonout {
	char *text;
	size_t cap;
	size_t len;
	bool is_full;
	bool needs_comma;
};

/* Writes to @text, which has @cap bytes (at least 1) and outlives @out. */
void jsonout_begin(struct jsonout *out, char *text, size_t cap);

/* Terminates the text. Its length, or 0 where it did not fit. */
size_t jsonout_end(struct jsonout *out);

/* '{' or '[', and their ends. @name is a member's, a literal, or NULL inside an array. */
void jsonout_open(struct jsonout *out, const char *name, char bracket);
void jsonout_close(struct jsonout *out, char bracket);

/*
 * A string of @len bytes. If it needs more than @max bytes of output, without the quotes, it is cut
 * between two characters and ends in "...".
 */
void jsonout_text(struct jsonout *out, const char *name, const char *text, size_t len, size_t max);

void jsonout_number(struct jsonout *out, const char *name, uint64_t value);
void jsonout_true(struct jsonout *out, const char *name);

#endif
