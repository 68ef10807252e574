#include "ctl/control_client.h"

#include <mosquitto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/control.h"

#define KEEPALIVE_S 60
#define LOOP_MS 100

struct control_request {
	const struct control_broker *broker;
	const char *text;
	char *answer;
	int rc; /* 0 while all is well */
	struct diag *diag;
};

static int fail(struct control_request *request, int rc, const char *text)
{
	if (request->rc == 0)
		request->rc = diag_set(request->diag, rc, "%s port %ld: %s", request->broker->host,
				       request->broker->port, text);
	return request->rc;
}

static void on_connect(struct mosquitto *client, void *ctx, int code, int flags,
		       const mosquitto_property *properties)
{
	struct control_request *request = ctx;
	int rc;

	(void)flags;
	(void)properties;
	if (code != 0) {
		(void)fail(request, ERR_IO, mosquitto_reason_string(code));
		return;
	}
	rc = mosquitto_publish_v5(client, NULL, CONTROL_TOPIC, (int)strlen(request->text),
				  request->text, 1, false, NULL);
	if (rc)
		(void)fail(request, ERR_IO, mosquitto_strerror(rc));
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
	struct control_request *request = ctx;

	(void)client;
	(void)code;
	(void)properties;
	if (!request->answer)
		(void)fail(request, ERR_IO, "the broker closed the connection");
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message,
		       const mosquitto_property *properties)
{
	struct control_request *request = ctx;

	(void)client;
	(void)properties;
	if (request->answer || strcmp(message->topic, CONTROL_RESPONSE_TOPIC) != 0)
		return;
	request->answer = strndup(message->payload ? message->payload : "",
				  message->payload ? (size_t)message->payloadlen : 0);
	if (!request->answer)
		request->rc = diag_nomem(request->diag);
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

static void run(struct mosquitto *client, struct control_request *request)
{
	int64_t until_ns = clock_mono_ns() + request->broker->timeout_s * INT64_C(1000000000);
	int rc = set_up(client, request->broker);

	while (!rc && request->rc == 0 && !request->answer) {
		if (clock_mono_ns() > until_ns) {
			(void)fail(request, ERR_BUSY,
				   "no answer in time (does the plugin have the command topic?)");
			return;
		}
		rc = mosquitto_loop(client, LOOP_MS, 1);
	}
	if (rc && !request->answer)
		(void)fail(request, ERR_IO, mosquitto_strerror(rc));
}

int control_client_ask(const struct control_broker *broker, const char *text, char **ret,
		       struct diag *diag)
{
	struct control_request request = { .broker = broker, .text = text, .diag = diag };
	struct mosquitto *client;

	/* libmosquitto of 2.1 says goodbye to connections that are closed already. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)mosquitto_lib_init(); /* always succeeds */
	client = mosquitto_new(broker->client_id, true, &request);
	if (!client) {
		request.rc = diag_nomem(diag);
	} else {
		run(client, &request);
		(void)mosquitto_disconnect(client); /* the answer is there, or there is none */
		mosquitto_destroy(client);
	}
	(void)mosquitto_lib_cleanup();
	if (request.rc == 0 && request.answer) {
		*ret = request.answer;
		return 0;
	}
	free(request.answer);
	return request.rc;
}
