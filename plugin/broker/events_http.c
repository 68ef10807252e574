/*
 * events_http.c -- what Mosquitto 2.1's HTTP listener (protocol http_api) asks, on a thread of its
 * own for each such listener. Answered from constants: the console's files are for anyone, the
 * broker's own /api/ and all else for nobody. Nothing that is shared is touched, but for a counter.
 */
#include <string.h>

#include "broker/events.h"

/* As the listener shows them: decoded, and without what follows a question mark. */
static const char *const console_files[] = {
	"/", "/index.html", "/console.html", "/brokers.json", "/ca.crt", "/favicon.ico"
};

/*
 * For each request the broker makes up a client of this id that has no address. A client of MQTT
 * may call itself so, too; but the broker's own thread asks about it, and it is one like any other.
 */
static bool is_request(const struct mosquitto *client)
{
	const char *id = mosquitto_client_id(client);

	return id && strcmp(id, "http-api") == 0 && !mosquitto_client_address(client);
}

int events_http_login(struct plugin *plugin, const struct mosquitto *client)
{
	if (is_request(client))
		return MOSQ_ERR_SUCCESS; /* whoever it is: the path decides */
	(void)events_refuse_foreign(plugin);
	return MOSQ_ERR_AUTH;
}

int events_http_acl_check(struct plugin *plugin, const struct mosquitto_evt_acl_check *event)
{
	size_t count = sizeof(console_files) / sizeof(console_files[0]);

	if (event->access == MOSQ_ACL_READ && event->topic && is_request(event->client))
		for (size_t i = 0; i < count; i++)
			if (strcmp(event->topic, console_files[i]) == 0)
				return MOSQ_ERR_SUCCESS;
	(void)events_refuse_foreign(plugin);
	return MOSQ_ERR_ACL_DENIED;
}
