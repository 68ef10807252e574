/*
 * netof.h -- the network that counts as one peer, where peers are counted by address.
 *
 * A host with one IPv6 address usually has 2^64 of them, so a whole /64 is one peer. An IPv4
 * address is one peer, also where it is written as an IPv6 address (::ffff:192.0.2.1, RFC 4291,
 * 2.5.5.2).
 */
#ifndef PETSTORE_NETOF_H
#define PETSTORE_NETOF_H

#include <stddef.h>

#define NETOF_MAX 64u /* bytes, NUL included */

/*
 * Writes "192.0.2.1" or "2001:db8:1:2::/64" to @ret (NETOF_MAX bytes). A text that is no address,
 * such as "" of a local socket, is copied, and cut where it is too long. Returns the length.
 */
size_t netof_print(const char *address, char *ret);

#endif
