/*
 * brokerbridge.h -- the bridges in mosquitto.conf: what each takes in and sends out, as which user.
 *
 * For the plugin's check at its start and for petstorectl lint. Read out of a struct brokerfile,
 * whose lines everything here borrows.
 *
 * What comes in over a bridge that this broker opened asks no BASIC_AUTH and no ACL_CHECK. It is
 * decided in MESSAGE alone, under the bridge's `local_username`; with per_listener_settings
 * Mosquitto raises no MESSAGE for it either, but to a plugin of 2.1's `global_plugin`. What goes
 * out is asked of no plugin.
 */
#ifndef PETSTORE_BROKERBRIDGE_H
#define PETSTORE_BROKERBRIDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/brokerfile.h"

/* Which way the messages of a `topic` line go. */
enum brokerbridge_way {
	BROKERBRIDGE_OUT = 1,
	BROKERBRIDGE_IN = 2,
	BROKERBRIDGE_BOTH = BROKERBRIDGE_OUT | BROKERBRIDGE_IN,
};

struct brokerbridge {
	const struct brokerfile_line *line;        /* connection NAME */
	const struct brokerfile_line *local_user;  /* local_username; NULL: nobody */
	const struct brokerfile_line *remote_user; /* remote_username, or username; or NULL */
	const struct brokerfile_line *address;     /* address, addresses; or NULL */
	bool has_certificate; /* the bridge shows one to the other broker, or a key */
	bool has_tls;
	bool is_mqtt5; /* bridge_protocol_version says so: it carries user properties */
	unsigned ways; /* of all its topic lines together */
};

/*
 * The next bridge from line *at on, which is moved behind it. False: there is none. Begin with 0.
 */
bool brokerbridge_next(const struct brokerfile *file, size_t *at, struct brokerbridge *ret);

/* Which way a line goes; 0: it is no topic line of a bridge. */
unsigned brokerbridge_ways(const struct brokerfile_line *line);

/* The highest QoS that a topic line lets pass; 0, too, where it is none, or says nothing. */
unsigned brokerbridge_qos(const struct brokerfile_line *line);

/* Is what comes in over bridges asked of this plugin? */
bool brokerbridge_is_asked(const struct brokerfile *file);

/*
 * What is wrong with a bridge over which something comes in: that nobody decides it, or that nobody
 * publishes it. A literal, without the place; NULL: neither.
 */
const char *brokerbridge_fault(const struct brokerfile *file, const struct brokerbridge *bridge);

#endif
