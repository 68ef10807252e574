/*
 * peer.h -- the addresses that clients come from, and networks of them.
 *
 * A party is what counts as one client host: an IPv4 address, also where the broker writes it as
 * ::ffff:192.0.2.1; the /64 of an IPv6 address; or the path of a unix socket.
 */
#ifndef PETSTORE_PEER_H
#define PETSTORE_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

enum peer_kind { PEER_UNKNOWN, PEER_IPV4, PEER_IPV6, PEER_UNIX };

struct peer {
	enum peer_kind kind;
	unsigned char bytes[16]; /* IPv4: 4 bytes; a path: its hash. The other bytes are 0 */
};

/* Reads an address as the broker gives it; NULL and "" are PEER_UNKNOWN. */
struct peer peer_read(const char *text);

/* How many of the bytes identify the party: 4, 8 (IPv6) or 16. */
size_t peer_party_len(const struct peer *peer);

/* Are both of one party? Two unknown ones are. */
bool peer_is_same(const struct peer *a, const struct peer *b);

#define PEER_NET_MAX 64u /* bytes, NUL included */

/*
 * Writes "192.0.2.1" or "2001:db8:1:2::/64" to @ret (PEER_NET_MAX bytes). A text that is no
 * address, such as "" of a local socket, is copied, and cut where it is too long. Returns the
 * length.
 */
size_t peer_print_net(const char *address, char *ret);

#define PEER_NETWORKS_MAX 64u
#define PEER_NETWORKS_TEXT_MAX 4096u

struct peer_networks;

/*
 * Reads "10.0.0.0/8,fd00::/8,192.0.2.1,unix": addresses, networks (no bit set behind the prefix)
 * and the word "unix" for all unix sockets, with commas and without spaces. On success *ret is new.
 * On failure *ret is untouched and @diag says which entry is wrong and what was expected.
 */
int peer_networks_parse(const char *text, struct peer_networks **ret, struct diag *diag) MUST_CHECK;
void peer_networks_free(struct peer_networks *networks); /* NULL is fine */

/* Is @peer in one of them? @networks NULL: none. PEER_UNKNOWN is in no network. */
bool peer_networks_have(const struct peer_networks *networks, const struct peer *peer);

#endif
