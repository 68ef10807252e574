/*
 * quota.h -- how many notices a client may get per second, and how many were held back.
 *
 * A table of fixed size. All clients together get QUOTA_TOTAL times the quota of one, which
 * principals share (base/portions.h). When a client's part of the table is full of clients of the
 * same second, a client whose principal has none there replaces one of the principal with the most;
 * others share one quota. So a principal that invents client ids gets no larger quota, and no other
 * principal's count is lost. Knows clients by "principal/client", each as its level, and no broker.
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

/* @per_second: notices of one client; 0: no client gets any, and nothing is counted. */
int quota_new(unsigned per_second, struct quota **ret, struct diag *diag) MUST_CHECK;
void quota_free(struct quota *quota); /* NULL is fine */

/* May @client (1 to QUOTA_CLIENT_MAX bytes) have one more now? False is counted as held back. */
bool quota_take(struct quota *quota, const char *client, size_t len, int64_t now_ms);

struct quota_held {
	char client[QUOTA_CLIENT_MAX + 1];
	uint64_t count;
};

/*
 * The next client with notices that were held back in an earlier second; false: none. Cheap while
 * there is none; walks over the table at most once a second.
 */
bool quota_next_held(struct quota *quota, int64_t now_ms, struct quota_held *ret);

#endif
