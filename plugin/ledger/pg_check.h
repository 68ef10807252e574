/*
 * pg_check.h -- is a connection string one that libpq can use? Nothing is connected.
 *
 * Knows the values of those of libpq's keys that a typing error makes useless for ever (sslmode,
 * target_session_attrs, port and others), and the files that a string names: passfile, sslrootcert,
 * the service's. Other files of the system are not looked at.
 */
#ifndef PETSTORE_LEDGER_PG_CHECK_H
#define PETSTORE_LEDGER_PG_CHECK_H

#include <stdbool.h>

#include "base/diag.h"

/*
 * Calls @say for each fault with a line such as "sslmode: expected one of disable, ...", valid for
 * the call, which has no value but a file's name. @is_of_file: of a file, which may be mended while
 * the broker runs; else nothing connects until the string is another. Where libpq is not installed
 * nothing is said.
 */
void pg_check(const char *conninfo, void (*say)(void *ctx, bool is_of_file, const char *text),
	      void *ctx);

/*
 * What @diag says of a string that libpq could not read. Of its @message (NULL: there is none) only
 * a key that it does not know is taken, since the rest may quote the password; and that only where
 * it can't be a part of the password. Returns ERR_INVALID.
 */
int pg_check_malformed(const char *conninfo, const char *message, struct diag *diag) MUST_CHECK;

#endif
