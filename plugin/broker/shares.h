/*
 * shares.h -- which clients hold which shared subscriptions ("$share/group/filter").
 *
 * The broker hands a message of a shared subscription to one member, and asks for that member
 * alone whether it may read it: if not, the message is lost to the group. So whoever holds one
 * is known here, by client id, to be looked at again when its rights may have changed: a reload,
 * another principal under the same client id, a delivery that was refused to it. Sessions outlive
 * connections, and so do entries here.
 *
 * For the broker's thread alone. Handles are compared, never followed.
 */
#ifndef PETSTORE_SHARES_H
#define PETSTORE_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define SHARES_CLIENT_MAX 32u     /* shared subscriptions of one client */
#define SHARES_PRINCIPAL_MAX 512u /* clients of one principal */
#define SHARES_MAX 8192u          /* clients */
#define SHARES_FILTER_MAX                                                                          \
	1024u /* bytes of a shared subscription's filter, its group's name too                     \
	       */

struct share {
	struct share *next;
	size_t len;
	char filter[]; /* as it was subscribed to, "$share/..." */
};

struct shares_client {
	char *id;
	char *principal;
	const void *handle; /* NULL: the client is away */
	struct share *share;
	size_t count;
	bool is_due;  /* its subscriptions are to be judged again */
	bool is_told; /* that it keeps what it may not read was said since it went away */
	/* Deliveries that were refused to it since the last look, and the topic of the last. */
	uint64_t lost;
	char lost_topic[128];
	struct shares_client *next; /* of the same bucket */
};

struct shares;

int shares_new(struct shares **ret, struct diag *diag);
void shares_free(struct shares *shares); /* NULL is fine */

size_t shares_count(const struct shares *shares); /* clients */

/*
 * @id, a client of @principal connected as @handle, has the shared subscription @filter now. Where
 * there is no room, a client that is away and shares its principal, or else any that is away,
 * makes some. False: no room, or memory ran out; nothing is changed.
 */
bool shares_add(struct shares *shares, const char *id, const char *principal, const void *handle,
		const char *filter, size_t len);

/* @id gave @filter up. Unknown ones are fine. */
void shares_remove(struct shares *shares, const char *id, const char *filter, size_t len);

/*
 * @id connects as @principal. @is_clean: its session begins anew; otherwise it takes over what
 * was subscribed to under this id, whoever did so, and is due where that was someone else.
 */
void shares_connect(struct shares *shares, const char *id, const char *principal,
		    const void *handle, bool is_clean);

/* @handle's client, called @id, went away. Unknown ones are fine. */
void shares_leave(struct shares *shares, const char *id, const void *handle);

/* The client called @id, or NULL; borrowed until the next call that changes @shares. */
struct shares_client *shares_find(const struct shares *shares, const char *id);

/* All of them are due. */
void shares_expire(struct shares *shares);

/* @client is due. */
void shares_due(struct shares *shares, struct shares_client *client);

/* The next that is due, which it no longer is then; NULL: none. Costs nothing where none is. */
struct shares_client *shares_next(struct shares *shares);

/* Forgets @client's subscriptions, and the client. */
void shares_drop(struct shares *shares, struct shares_client *client);

#endif
