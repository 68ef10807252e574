/*
 * traffic.h -- recorded messages, read one after another.
 *
 * A recording is a file of lines (learn/traffic_line.h), or one array of such objects, as
 * `petstorectl events --json` prints it, or a database of the plugin (learn/traffic_rows.h), which
 * may be named by a connection string. Which it is the content says. It can be read several times;
 * what comes from a pipe is kept in a temporary file meanwhile. Knows no topics and no schemas.
 */
#ifndef PETSTORE_LEARN_TRAFFIC_H
#define PETSTORE_LEARN_TRAFFIC_H

#include <stdint.h>

#include "base/diag.h"
#include "learn/traffic_line.h"

#define TRAFFIC_LINE_MAX (16u << 20)           /* bytes of a line, or of an object of an array */
#define TRAFFIC_BYTES_MAX (UINT64_C(16) << 30) /* of a recording */

struct traffic;

/* Opens @path; "-" is standard input. On failure *ret is untouched. */
int traffic_open(const char *path, struct traffic **ret, struct diag *diag) MUST_CHECK;
void traffic_close(struct traffic *traffic); /* NULL is fine */

/*
 * Reads all of it, from the beginning. ERR_SYNTAX: a line is no message, which @diag says with file
 * and line. Also what @visit returned.
 */
int traffic_read(struct traffic *traffic, traffic_visit *visit, void *ctx,
		 struct traffic_passed *passed, struct diag *diag) MUST_CHECK;

#endif
