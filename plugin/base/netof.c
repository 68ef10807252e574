#include "base/netof.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

size_t netof_print(const char *address, char *ret)
{
	struct in6_addr six;

	if (!strchr(address, ':') || inet_pton(AF_INET6, address, &six) != 1) {
		(void)snprintf(ret, NETOF_MAX, "%s", address);
		return strlen(ret);
	}
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		(void)inet_ntop(AF_INET, &six.s6_addr[12], ret, NETOF_MAX);
		return strlen(ret);
	}
	memset(&six.s6_addr[8], 0, 8);
	(void)inet_ntop(AF_INET6, &six, ret, NETOF_MAX); /* 45 bytes at most */
	memcpy(ret + strlen(ret), "/64", sizeof("/64"));
	return strlen(ret);
}
