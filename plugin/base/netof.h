/*
 * netof.h -- the network that an address stands for, where peers are counted by address.
 *
 * Whoever has an IPv6 address has 2^64 of them: all of a /64 are one peer. An IPv4 address is one
 * by itself, also where it is written as an IPv6 address (::ffff:192.0.2.1, RFC 4291, 2.5.5.2).
 */
#ifndef PETSTORE_NETOF_H
#define PETSTORE_NETOF_H

#include <stddef.h>

#define NETOF_MAX 64u /* bytes, NUL included */

/*
 * Writes "192.0.2.1", or "2001:db8:1:2::/64", to @ret (NETOF_MAX bytes); what is no address, such
 * as "" of a local socket, as it is, cut. Returns the length.
 */
size_t netof_print(const char *address, char *ret);

#endif
