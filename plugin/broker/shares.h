/*
 * shares.h -- which clients hold which shared subscriptions ("$share/group/filter").
 *
 * The broker gives a message of a shared subscription to one member of the group, and raises
 * ACL_CHECK for that member alone: if it may not read the message, the message is lost to the
 * group. So clients with shared subscriptions are known here, by client id. They are judged again
 * when their rights may have changed: after a reload, when another principal comes under the same
 * client id, when a delivery was refused. Sessions outlive connections, and so do entries here.
 *
 * For the broker's thread alone. Handles are compared, never dereferenced.
 */
#ifndef PETSTORE_SHARES_H
#define PETSTORE_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/diag.h"

#define SHARES_CLIENT_MAX 32u     /* shared subscriptions of one client */
#define SHARES_PRINCIPAL_MAX 512u /* clients of one principal */
#define SHARES_MAX 8192u          /* clients */
#define SHARES_FILTER_MAX 1024u   /* bytes of "$share/group/filter" */

struct share {
	LIST_ENTRY(share) others;
	size_t len;
	char filter[]; /* as it was subscribed to, "$share/..." */
};

struct shares_client {
	char *id;
	char *principal;
	const void *handle; /* NULL: the client is away */
	LIST_HEAD(, share) shares;
	size_t count;
	bool is_due;  /* its subscriptions are to be judged again */
	bool is_told; /* logged since it left: it keeps a subscription that it may not have */
	/* Deliveries that were refused to it since shares_next() returned it, and the last topic.
	 */
	uint64_t lost;
	char lost_topic[128];
	TAILQ_ENTRY(shares_client) all;
};

struct shares;

int shares_new(struct shares **ret, struct diag *diag) MUST_CHECK;
void shares_free(struct shares *shares); /* NULL is fine */

size_t shares_count(const struct shares *shares); /* clients */

/*
 * The client @id of @principal, connected as @handle, has the shared subscription @filter now. If
 * there is no room, the entry of a client that is away is removed, of the same principal if there
 * is one. False: no room, or memory ran out; nothing is changed.
 */
bool shares_add(struct shares *shares, const char *id, const char *principal, const void *handle,
		const char *filter, size_t len);

/* @id gave @filter up. Unknown ones are fine. */
void shares_remove(struct shares *shares, const char *id, const char *filter, size_t len);

/*
 * The client @id connects as @principal. @is_clean: its session is new. Otherwise it takes over the
 * subscriptions of this client id, and is due if another principal made them.
 */
void shares_connect(struct shares *shares, const char *id, const char *principal,
		    const void *handle, bool is_clean);

/* The client @id, connected as @handle, left. Unknown ones are fine. */
void shares_leave(struct shares *shares, const char *id, const void *handle);

/* The client @id, or NULL; borrowed until the next call that changes @shares. */
struct shares_client *shares_find(const struct shares *shares, const char *id);

/* Makes all clients due. */
void shares_expire(struct shares *shares);

/* Makes @client due. */
void shares_due(struct shares *shares, struct shares_client *client);

/* The next client that is due, which then is not due any more; NULL: none, at no cost. */
struct shares_client *shares_next(struct shares *shares);

/* Forgets @client's subscriptions, and the client. */
void shares_drop(struct shares *shares, struct shares_client *client);

#endif
