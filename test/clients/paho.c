/*
 * A client with Eclipse Paho's C library: logs in over TLS or websockets, publishes one message
 * that is right and one that is not, and says what came of it.
 *
 *     PASSWORD=... paho URI CA USER VERSION        VERSION: 3 (MQTT 3.1.1) or 5
 *
 * Prints "received <topic> <quantity>", and "refused <reason code>" where the broker has a
 * word for it (MQTT 5).
 */
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC "inventory/paho-c/stock"
#define WAIT_SECONDS 60

/* What the library's threads tell the main one. */
struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t news;
	bool is_done;
	int code; /* 0: it went well; else the reason code or the library's error */
};

static void tell(struct mailbox *mailbox, int code)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->is_done = true;
	mailbox->code = code;
	pthread_cond_signal(&mailbox->news);
	pthread_mutex_unlock(&mailbox->lock);
}

static int await(struct mailbox *mailbox)
{
	struct timespec until;
	int code;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&mailbox->lock);
	while (!mailbox->is_done)
		if (pthread_cond_timedwait(&mailbox->news, &mailbox->lock, &until)) {
			fputs("no answer\n", stderr);
			exit(1);
		}
	mailbox->is_done = false;
	code = mailbox->code;
	pthread_mutex_unlock(&mailbox->lock);
	return code;
}

static void on_success(void *context, MQTTAsync_successData *data)
{
	(void)data;
	tell(context, 0);
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
	tell(context, data && data->code ? data->code : -1);
}

static void on_success5(void *context, MQTTAsync_successData5 *data)
{
	tell(context, data->reasonCode >= 0x80 ? (int)data->reasonCode : 0);
}

static void on_failure5(void *context, MQTTAsync_failureData5 *data)
{
	int code = data && data->reasonCode ? (int)data->reasonCode : data ? data->code : 0;

	tell(context, code ? code : -1); /* what CONNACK says stands in code */
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	const char *quantity = "?";
	char text[512];
	int len = message->payloadlen < (int)sizeof(text) - 1 ? message->payloadlen
							      : (int)sizeof(text) - 1;

	(void)topic_len;
	memcpy(text, message->payload, (size_t)len);
	text[len] = '\0';
	if (strstr(text, "\"quantity\":"))
		quantity = strstr(text, "\"quantity\":") + strlen("\"quantity\":");
	printf("received %s %d\n", topic, atoi(quantity));
	fflush(stdout);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	tell(context, 0);
	return 1;
}

static MQTTAsync_responseOptions answer_to(struct mailbox *mailbox, bool is_5)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

	options.context = mailbox;
	if (is_5) {
		options.onSuccess5 = on_success5;
		options.onFailure5 = on_failure5;
	} else {
		options.onSuccess = on_success;
		options.onFailure = on_failure;
	}
	return options;
}

static int log_in(MQTTAsync client, char **argv, bool is_5, struct mailbox *mailbox)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions options5 = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	MQTTAsync_connectOptions *used = is_5 ? &options5 : &options;

	if (strncmp(argv[1], "wss", 3) == 0 && is_5)
		options5 = (MQTTAsync_connectOptions)MQTTAsync_connectOptions_initializer5_ws;
	else if (strncmp(argv[1], "wss", 3) == 0)
		options = (MQTTAsync_connectOptions)MQTTAsync_connectOptions_initializer_ws;
	tls.trustStore = argv[2];
	tls.verify = 1;
	used->ssl = &tls;
	used->username = argv[3];
	used->password = getenv("PASSWORD");
	used->context = mailbox;
	if (is_5) {
		used->onSuccess5 = on_success5;
		used->onFailure5 = on_failure5;
	} else {
		used->MQTTVersion = MQTTVERSION_3_1_1;
		used->onSuccess = on_success;
		used->onFailure = on_failure;
	}
	if (MQTTAsync_connect(client, used) != MQTTASYNC_SUCCESS)
		return -1;
	return await(mailbox);
}

static int publish(MQTTAsync client, int quantity, bool is_5, struct mailbox *mailbox)
{
	MQTTAsync_responseOptions options = answer_to(mailbox, is_5);
	char payload[128];
	int len = snprintf(payload, sizeof(payload),
			   "{\"productId\":\"paho-c\",\"quantity\":%d,"
			   "\"updatedAt\":\"2026-01-15T10:30:00Z\"}",
			   quantity);

	if (MQTTAsync_send(client, TOPIC, len, payload, 1, 0, &options) != MQTTASYNC_SUCCESS)
		return -1;
	return await(mailbox);
}

int main(int argc, char **argv)
{
	static struct mailbox answer = { .lock = PTHREAD_MUTEX_INITIALIZER,
					 .news = PTHREAD_COND_INITIALIZER };
	static struct mailbox message = { .lock = PTHREAD_MUTEX_INITIALIZER,
					  .news = PTHREAD_COND_INITIALIZER };
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
	MQTTAsync_responseOptions options;
	MQTTAsync client = NULL;
	bool is_5 = argc == 5 && argv[4][0] == '5';
	int code;

	if (argc != 5 || !getenv("PASSWORD"))
		return 2;
	create.MQTTVersion = is_5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
	if (MQTTAsync_createWithOptions(&client, argv[1], "backoffice/paho-c",
					MQTTCLIENT_PERSISTENCE_NONE, NULL,
					&create) != MQTTASYNC_SUCCESS)
		return 1;
	if (MQTTAsync_setCallbacks(client, &message, NULL, on_message, NULL))
		return 1;
	code = log_in(client, argv, is_5, &answer);
	if (code) {
		printf("not connected: %d\n", code);
		return 1;
	}
	options = answer_to(&answer, is_5);
	if (MQTTAsync_subscribe(client, "inventory/+/stock", 1, &options) || await(&answer))
		return 1;
	if (publish(client, 7, is_5, &answer) || await(&message))
		return 1;
	code = publish(client, -7, is_5, &answer);
	if (code)
		printf("refused %d\n", code);
	/* The right one after it arrives, the wrong one did not. */
	if (publish(client, 8, is_5, &answer) || await(&message))
		return 1;
	MQTTAsync_destroy(&client);
	return 0;
}
