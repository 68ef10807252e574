/* Addresses as parties, and networks of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/peer.h"
#include "failalloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_peer_read__kinds(void **state)
{
	static const struct {
		const char *text;
		enum peer_kind kind;
	} rows[] = {
		{ NULL, PEER_UNKNOWN },
		{ "", PEER_UNKNOWN },
		{ "127.0.0.1", PEER_IPV4 },
		{ "::ffff:127.0.0.1", PEER_IPV4 },
		{ "::1", PEER_IPV6 },
		{ "fe80::1", PEER_IPV6 },
		{ "/run/mosquitto.sock", PEER_UNIX },
		{ "unix-socket", PEER_UNIX },
		{ "127.0.0.1:80", PEER_UNIX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(peer_read(rows[i].text).kind, rows[i].kind);
}

static void test_peer_networks_have__rows(void **state)
{
	static const struct {
		const char *networks, *address;
		bool is_in;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "::ffff:192.0.2.7", "192.0.2.7", true },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "fd00::/8", "fdff::1", true },
		{ "fd00::/8", "fe00::1", false },
		{ "2001:db8:8000::/33", "2001:db8:ffff::1", true },
		{ "2001:db8:8000::/33", "2001:db8:7fff::1", false },
		{ "unix", "/run/mosquitto.sock", true },
		{ "unix", "192.0.2.1", false },
		{ "10.0.0.0/8,fd00::/8,unix", "/run/a", true },
		{ "10.0.0.0/8,fd00::/8,unix", "fd00::1", true },
		{ "10.0.0.0/8", "/run/a", false },
		{ "0.0.0.0/0,::/0,unix", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peer peer = peer_read(rows[i].address);
		struct peer_networks *networks = NULL;
		struct diag diag;

		assert_int_equal(peer_networks_parse(rows[i].networks, &networks, &diag), 0);
		if (peer_networks_have(networks, &peer) != rows[i].is_in)
			fail_msg("%s and %s", rows[i].networks, rows[i].address);
		assert_false(peer_networks_have(NULL, &peer));
		peer_networks_free(networks);
	}
	peer_networks_free(NULL);
}

static void test_peer_networks_parse__names_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *diag;
	} rows[] = {
		{ "", "\"\": expected an IP address, with /BITS for a network, or unix" },
		{ "10.0.0.0/8,",
		  "\"\": expected an IP address, with /BITS for a network, or unix" },
		{ "10.0.0.0/8, ::1",
		  "\" ::1\": expected an IP address, with /BITS for a network, or unix" },
		{ "10.0.0/8",
		  "\"10.0.0/8\": expected an IP address, with /BITS for a network, or unix" },
		{ "localhost",
		  "\"localhost\": expected an IP address, with /BITS for a network, or unix" },
		{ "10.0.0.1/8", "\"10.0.0.1/8\": expected zeros behind the network's bits" },
		{ "fd00::1/8", "\"fd00::1/8\": expected zeros behind the network's bits" },
		{ "10.0.0.0/33", "\"10.0.0.0/33\": expected 0 to 32 bits behind the slash" },
		{ "10.0.0.0/", "\"10.0.0.0/\": expected 0 to 32 bits behind the slash" },
		{ "10.0.0.0/08", "\"10.0.0.0/08\": expected 0 to 32 bits behind the slash" },
		{ "10.0.0.0/+8", "\"10.0.0.0/+8\": expected 0 to 32 bits behind the slash" },
		{ "::/129", "\"::/129\": expected 0 to 128 bits behind the slash" },
		{ "::ffff:10.0.0.0/104",
		  "\"::ffff:10.0.0.0/104\": expected an IPv4 network without ::ffff:" },
		{ "unix/3",
		  "\"unix/3\": expected an IP address, with /BITS for a network, or unix" },
		{ "1111111111111111111111111111111111111111111111111111",
		  "\"1111111111111111111111111111111111111111111111111111\": is no network" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peer_networks *networks = NULL;
		struct diag diag;

		assert_int_equal(peer_networks_parse(rows[i].text, &networks, &diag), ERR_INVALID);
		assert_string_equal(diag.text, rows[i].diag);
		assert_null(networks);
	}
}

static void test_peer_networks_parse__is_bounded(void **state)
{
	static char text[PEER_NETWORKS_TEXT_MAX + 2];
	struct peer_networks *networks = NULL;
	struct diag diag;

	(void)state;
	for (unsigned i = 0; i <= PEER_NETWORKS_MAX; i++)
		(void)strcat(text, i ? ",::1" : "::1");
	assert_int_equal(peer_networks_parse(text, &networks, &diag), ERR_LIMIT);
	assert_string_equal(diag.text, "expected 64 networks at most");
	text[4 * PEER_NETWORKS_MAX - 1] = '\0';
	assert_int_equal(peer_networks_parse(text, &networks, &diag), 0);
	peer_networks_free(networks);
	memset(text, '1', sizeof(text) - 1);
	assert_int_equal(peer_networks_parse(text, &networks, &diag), ERR_LIMIT);
	failalloc_start(1);
	assert_int_equal(peer_networks_parse("::1", &networks, &diag), ERR_NOMEM);
	(void)failalloc_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer_read__kinds),
		cmocka_unit_test(test_peer_networks_have__rows),
		cmocka_unit_test(test_peer_networks_parse__names_what_is_wrong),
		cmocka_unit_test(test_peer_networks_parse__is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
