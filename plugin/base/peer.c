#include "base/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wordhash.h"

#define IPV4_BYTES 4u
#define IPV6_BYTES 16u
#define PARTY_BYTES 8u /* of IPv6: a /64 is one party's */

struct network {
	struct peer base;
	unsigned bits; /* of its prefix; of unix sockets 0 */
};

struct peer_networks {
	size_t count;
	struct network network[PEER_NETWORKS_MAX];
};

/* ---- addresses -------------------------------------------------------------------------- */

static bool read_ip(const char *text, struct peer *ret)
{
	static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	unsigned char bytes[IPV6_BYTES];

	*ret = (struct peer){ .kind = PEER_IPV4 };
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		return true;
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		memcpy(ret->bytes, bytes + sizeof(mapped), IPV4_BYTES);
		return true;
	}
	ret->kind = PEER_IPV6;
	memcpy(ret->bytes, bytes, sizeof(bytes));
	return true;
}

/* What is no IP address is a unix socket's path, which the operator chose: any hash will do. */
struct peer peer_read(const char *text)
{
	struct peer peer = { .kind = PEER_UNKNOWN };
	uint64_t hash;

	if (!text || !text[0] || read_ip(text, &peer))
		return peer;
	peer = (struct peer){ .kind = PEER_UNIX };
	hash = wordhash(0, text, strlen(text));
	memcpy(peer.bytes, &hash, sizeof(hash));
	return peer;
}

size_t peer_party_len(const struct peer *peer)
{
	switch (peer->kind) {
	case PEER_IPV4:
		return IPV4_BYTES;
	case PEER_IPV6:
		return PARTY_BYTES;
	default:
		return sizeof(peer->bytes);
	}
}

bool peer_is_same(const struct peer *a, const struct peer *b)
{
	return a->kind == b->kind && memcmp(a->bytes, b->bytes, peer_party_len(a)) == 0;
}

size_t peer_print_net(const char *address, char *ret)
{
	struct peer peer;

	if (!read_ip(address, &peer)) {
		(void)snprintf(ret, PEER_NET_MAX, "%s", address);
	} else if (peer.kind == PEER_IPV4) {
		(void)inet_ntop(AF_INET, peer.bytes, ret, PEER_NET_MAX);
	} else {
		memset(peer.bytes + PARTY_BYTES, 0, sizeof(peer.bytes) - PARTY_BYTES);
		(void)inet_ntop(AF_INET6, peer.bytes, ret, PEER_NET_MAX); /* 45 bytes at most */
		strcat(ret, "/64");
	}
	return strlen(ret);
}

/* ---- networks --------------------------------------------------------------------------- */

/* Are the first @bits of both the same? */
static bool has_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned rest = bits % 8;
	unsigned char mask = (unsigned char)(0xff00u >> rest);

	return memcmp(a, b, bits / 8) == 0 &&
	       (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

/* Is all behind the first @bits 0? */
static bool has_no_more(const unsigned char *bytes, unsigned bits, unsigned max)
{
	for (unsigned i = bits; i < max; i++)
		if (bytes[i / 8] & (0x80u >> i % 8))
			return false;
	return true;
}

/* A decimal number up to @max, without sign or leading zero; false: it is none. */
static bool read_bits(const char *text, unsigned max, unsigned *ret)
{
	size_t len = strlen(text);
	unsigned number = 0;

	if (len == 0 || len > 3 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = 10 * number + (unsigned)(text[i] - '0');
	}
	*ret = number;
	return number <= max;
}

/* NULL, or what was expected of @text, which is cut at its slash. */
static const char *read_network(char *text, struct network *ret)
{
	char *slash = strchr(text, '/');
	unsigned max;

	if (strcmp(text, "unix") == 0) {
		*ret = (struct network){ .base = { .kind = PEER_UNIX } };
		return NULL;
	}
	if (slash)
		*slash = '\0';
	if (!read_ip(text, &ret->base))
		return "expected an IP address, with /BITS for a network, or unix";
	if (slash && strchr(text, ':') && ret->base.kind == PEER_IPV4)
		return "expected an IPv4 network without ::ffff:";
	max = 8 * (ret->base.kind == PEER_IPV4 ? IPV4_BYTES : IPV6_BYTES);
	ret->bits = max;
	if (slash && !read_bits(slash + 1, max, &ret->bits))
		return max == 32 ? "expected 0 to 32 bits behind the slash"
				 : "expected 0 to 128 bits behind the slash";
	return has_no_more(ret->base.bytes, ret->bits, max)
		       ? NULL
		       : "expected zeros behind the network's bits";
}

static int add(struct peer_networks *networks, const char *at, size_t len, struct diag *diag)
{
	char text[INET6_ADDRSTRLEN + sizeof("/128")];
	const char *fault;

	if (networks->count == PEER_NETWORKS_MAX)
		return diag_set(diag, ERR_LIMIT, "expected %u networks at most", PEER_NETWORKS_MAX);
	if (len >= sizeof(text))
		return diag_set(diag, ERR_INVALID, "\"%.*s\": is no network", (int)len, at);
	memcpy(text, at, len);
	text[len] = '\0';
	fault = read_network(text, &networks->network[networks->count]);
	if (fault)
		return diag_set(diag, ERR_INVALID, "\"%.*s\": %s", (int)len, at, fault);
	networks->count++;
	return 0;
}

int peer_networks_parse(const char *text, struct peer_networks **ret, struct diag *diag)
{
	struct peer_networks *networks;
	int rc = 0;

	if (strlen(text) > PEER_NETWORKS_TEXT_MAX)
		return diag_set(diag, ERR_LIMIT, "expected %u bytes at most",
				PEER_NETWORKS_TEXT_MAX);
	networks = calloc(1, sizeof(*networks));
	if (!networks)
		return diag_nomem(diag);
	for (const char *at = text; rc == 0 && at;) {
		size_t len = strcspn(at, ",");

		rc = add(networks, at, len, diag);
		at = at[len] ? at + len + 1 : NULL;
	}
	if (rc) {
		peer_networks_free(networks);
		return rc;
	}
	*ret = networks;
	return 0;
}

void peer_networks_free(struct peer_networks *networks)
{
	free(networks);
}

bool peer_networks_have(const struct peer_networks *networks, const struct peer *peer)
{
	for (size_t i = 0; networks && i < networks->count; i++) {
		const struct network *network = &networks->network[i];

		if (network->base.kind == peer->kind &&
		    has_prefix(network->base.bytes, peer->bytes, network->bits))
			return true;
	}
	return false;
}
