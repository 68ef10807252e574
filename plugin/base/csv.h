/*
 * csv.h -- reads comma separated values (RFC 4180), a record at a time.
 *
 * Fields are separated by commas; one in double quotes may hold commas, line ends and, doubled,
 * double quotes. Records end with CR LF, as the RFC says, or with LF alone. A byte order mark at
 * the beginning and empty lines are passed over. Knows nothing of what the fields mean, nor of a
 * first record with their names. Memory: a struct csv, whatever the file is.
 */
#ifndef PETSTORE_BASE_CSV_H
#define PETSTORE_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/diag.h"

#define CSV_RECORD_MAX 65536u /* bytes of a record, without quotes */
#define CSV_FIELDS_MAX 128u   /* of a record */

struct csv_field {
	const char *text; /* NUL-terminated; no NUL is in it */
	size_t len;
	bool is_quoted; /* so that "" is told from nothing */
};

struct csv {
	FILE *file;                /* borrowed */
	unsigned long line;        /* that the next byte is on, from 1 */
	unsigned long record_line; /* on which the last record began */
	size_t count;
	struct csv_field field[CSV_FIELDS_MAX]; /* of the last record; until the next call */
	size_t used;
	char text[CSV_RECORD_MAX];
};

void csv_init(struct csv *ret, FILE *file);

/*
 * Reads the next record. 1: there is one; 0: the file is at its end. ERR_SYNTAX, ERR_LIMIT: the
 * record is none, which @diag says without file and line; it was passed over up to the end of its
 * line, and the call may be repeated. ERR_IO: the file can't be read.
 */
int csv_next(struct csv *csv, struct diag *diag) MUST_CHECK;

#endif
