#include "ctl/control_client.h"

#include <mosquitto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/control.h"

#define KEEPALIVE_S 60
#define LOOP_MS 100

struct asked {
	const struct control_broker *broker;
	const char *request;
	char *answer;
	int rc; /* 0 while all is well */
	struct diag *diag;
};

static int fail(struct asked *asked, int rc, const char *text)
{
	if (asked->rc == 0)
		asked->rc = diag_set(asked->diag, rc, "%s port %ld: %s", asked->broker->host,
				     asked->broker->port, text);
	return asked->rc;
}

static void on_connect(struct mosquitto *client, void *ctx, int code, int flags,
		       const mosquitto_property *properties)
{
	struct asked *asked = ctx;
	int rc;

	(void)flags;
	(void)properties;
	if (code != 0) {
		(void)fail(asked, ERR_IO, mosquitto_reason_string(code));
		return;
	}
	rc = mosquitto_publish_v5(client, NULL, CONTROL_TOPIC, (int)strlen(asked->request),
				  asked->request, 1, false, NULL);
	if (rc)
		(void)fail(asked, ERR_IO, mosquitto_strerror(rc));
}

static void on_publish(struct mosquitto *client, void *ctx, int id, int code,
		       const mosquitto_property *properties)
{
	(void)client;
	(void)id;
	(void)properties;
	if (code >= 128)
		(void)fail(ctx, ERR_IO, "the user may not give commands (is the scope missing?)");
}

static void on_disconnect(struct mosquitto *client, void *ctx, int code,
			  const mosquitto_property *properties)
{
	struct asked *asked = ctx;

	(void)client;
	(void)code;
	(void)properties;
	if (!asked->answer)
		(void)fail(asked, ERR_IO, "the broker closed the connection");
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message,
		       const mosquitto_property *properties)
{
	struct asked *asked = ctx;

	(void)client;
	(void)properties;
	if (asked->answer || strcmp(message->topic, CONTROL_RESPONSE_TOPIC) != 0)
		return;
	asked->answer = strndup(message->payload ? message->payload : "",
				message->payload ? (size_t)message->payloadlen : 0);
	if (!asked->answer)
		asked->rc = diag_nomem(asked->diag);
}

static int set_up(struct mosquitto *client, const struct control_broker *broker)
{
	int rc = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);

	if (!rc && broker->user)
		rc = mosquitto_username_pw_set(client, broker->user, broker->password);
	if (!rc && broker->ca_file)
		rc = mosquitto_tls_set(client, broker->ca_file, NULL, broker->certificate,
				       broker->key, NULL);
	mosquitto_connect_v5_callback_set(client, on_connect);
	mosquitto_publish_v5_callback_set(client, on_publish);
	mosquitto_disconnect_v5_callback_set(client, on_disconnect);
	mosquitto_message_v5_callback_set(client, on_message);
	return rc ? rc : mosquitto_connect(client, broker->host, (int)broker->port, KEEPALIVE_S);
}

static void run(struct mosquitto *client, struct asked *asked)
{
	int64_t until_ns = clock_mono_ns() + asked->broker->timeout_s * INT64_C(1000000000);
	int rc = set_up(client, asked->broker);

	while (!rc && asked->rc == 0 && !asked->answer) {
		if (clock_mono_ns() > until_ns) {
			(void)fail(asked, ERR_BUSY,
				   "no answer in time (does the plugin have the command topic?)");
			return;
		}
		rc = mosquitto_loop(client, LOOP_MS, 1);
	}
	if (rc && !asked->answer)
		(void)fail(asked, ERR_IO, mosquitto_strerror(rc));
}

int control_client_ask(const struct control_broker *broker, const char *request, char **ret,
		       struct diag *diag)
{
	struct asked asked = { .broker = broker, .request = request, .diag = diag };
	struct mosquitto *client;

	/* libmosquitto of 2.1 says goodbye to connections that are closed already. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)mosquitto_lib_init(); /* always succeeds */
	client = mosquitto_new(broker->client_id, true, &asked);
	if (!client) {
		asked.rc = diag_nomem(diag);
	} else {
		run(client, &asked);
		(void)mosquitto_disconnect(client); /* the answer is there, or there is none */
		mosquitto_destroy(client);
	}
	(void)mosquitto_lib_cleanup();
	if (asked.rc == 0 && asked.answer) {
		*ret = asked.answer;
		return 0;
	}
	free(asked.answer);
	return asked.rc;
}
