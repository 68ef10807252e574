/*
 * peer.h -- the addresses that clients come from, and networks of them.
 *
 * What the broker says of a client's address, as one party: an IPv4 address, also where it is
 * written as ::ffff:192.0.2.1, the /64 of an IPv6 address, or the path of a unix socket.
 */
#ifndef PETSTORE_PEER_H
#define PETSTORE_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

enum peer_kind { PEER_UNKNOWN, PEER_IPV4, PEER_IPV6, PEER_UNIX };

struct peer {
	enum peer_kind kind;
	unsigned char bytes[16]; /* 4 of them for IPv4; of a path a hash. The others are 0 */
};

/* @text may be NULL or empty: unknown. */
struct peer peer_read(const char *text);

/* Bytes by which a party is known: 4, 8 (of IPv6) or 16. */
size_t peer_party_len(const struct peer *peer);

/* Are both of one party? The unknown are. */
bool peer_is_same(const struct peer *a, const struct peer *b);

#define PEER_NETWORKS_MAX 64u
#define PEER_NETWORKS_TEXT_MAX 4096u

struct peer_networks;

/*
 * Reads "10.0.0.0/8,fd00::/8,192.0.2.1,unix": addresses, networks without bits beyond their prefix,
 * and the word for all unix sockets, with a comma between two and no space. On failure *ret is
 * untouched and @diag says which of them is wrong and what was expected.
 */
int peer_networks_parse(const char *text, struct peer_networks **ret, struct diag *diag);
void peer_networks_free(struct peer_networks *networks); /* NULL is fine */

/* NULL for @networks: none. The unknown are in no network. */
bool peer_networks_have(const struct peer_networks *networks, const struct peer *peer);

#endif
