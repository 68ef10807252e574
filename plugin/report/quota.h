/*
 * quota.h -- how many notices a client may have in a second, and how many it did not get.
 *
 * A table of fixed size. A client that comes while its corner of the table is full of clients
 * of the same second shares one quota with all others of that kind, so that inventing client
 * ids makes nobody's quota larger and forgets nobody's count; and all clients together have
 * QUOTA_TOTAL times the quota of one, which principals share (base/portions.h). In a corner that is
 * full, a client of a principal that has none there takes the place of one whose principal has
 * most. Knows clients by their principal's level and their own,
 * and no broker.
 */
#ifndef PETSTORE_REPORT_QUOTA_H
#define PETSTORE_REPORT_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "report/notice.h"

#define QUOTA_CLIENTS 4096u
#define QUOTA_CLIENT_MAX NOTICE_KEY_MAX
#define QUOTA_TOTAL 100u

struct quota;

/* @per_second 0: nobody gets any, and nothing is counted. */
int quota_new(unsigned per_second, struct quota **ret, struct diag *diag);
void quota_free(struct quota *quota); /* NULL is fine */

/* May @client (1 to QUOTA_CLIENT_MAX bytes) have one more now? False is counted as held back. */
bool quota_take(struct quota *quota, const char *client, size_t len, int64_t now_ms);

struct quota_held {
	char client[QUOTA_CLIENT_MAX + 1];
	uint64_t count;
};

/*
 * The next client of which something was held back in a second that is over, or false. Cheap
 * while there is none, and looks through the table once a second at most.
 */
bool quota_next_held(struct quota *quota, int64_t now_ms, struct quota_held *ret);

#endif
