/*
 * traffic_rows.h -- recorded messages from a database of the plugin: what was accepted, and what
 * was observed, both with their publishers.
 */
#ifndef PETSTORE_LEARN_TRAFFIC_ROWS_H
#define PETSTORE_LEARN_TRAFFIC_ROWS_H

#include "base/diag.h"
#include "learn/traffic_line.h"

/* Is @place a connection string, or a file that begins as a database does? */
bool traffic_rows_are_in(const char *place);

/* As traffic_read(): events first, in their order, then refusals. */
int traffic_rows_read(const char *place, traffic_visit *visit, void *ctx,
		      struct traffic_passed *passed, struct diag *diag) MUST_CHECK;

#endif
