/*
 * The broker's events in each state that a client can be in, by a stand-in for Mosquitto: what the
 * plugin answers, and what of one client is left when its address is another's.
 *
 * The table in ARCHITECTURE.md ("What may be answered when") names these tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "access/password.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/packer.h"
#include "base/percent.h"
#include "broker/events.h"
#include "folder.h"
#include "monitor/control.h"

#define EVENTS 32
#define CONNECT_EVENT 11 /* Mosquitto 2.1's */
#define OFFLINE_EVENT 28

/* What the broker knows of a client. */
struct mosquitto {
	const char *id;
	const char *username;
	const char *address;
	const char *password;
	int version;
	int keepalive;
	int port; /* its listener's, on 2.1 */
	bool is_websocket;
	bool is_clean;
	char renamed[64];
};

/* ---- the broker -------------------------------------------------------------------------- */

static struct fake {
	struct folder folder;
	MOSQ_FUNC_generic_callback callback[EVENTS];
	struct plugin *plugin;
	char log[65536];
	size_t logged;
	/* Whom mosquitto_kick_client_by_clientid() finds, and what it has. */
	struct mosquitto *kicked;
	const char *subscription;
	const char *will_topic;
	const char *will;
	bool is_will_first;
	int kicks;
	int subscription_answer;
	int will_answer;
	const char *contract; /* NULL: the shipped one */
	char retained[128];   /* topic of the last retained message of the plugin's own */
	char said[256];       /* its payload */
	json_t *answers;      /* what was sent on the commands' response topic: the responses */
	size_t answer_bytes;  /* of the longest of these messages */
} fake;

int mosquitto_callback_register(mosquitto_plugin_id_t *identifier, int event,
				MOSQ_FUNC_generic_callback callback, const void *data,
				void *userdata)
{
	(void)identifier;
	(void)data;
	assert_true(event < EVENTS);
	fake.callback[event] = callback;
	fake.plugin = userdata;
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t *identifier, int event,
				  MOSQ_FUNC_generic_callback callback, const void *data)
{
	(void)identifier;
	(void)event;
	(void)callback;
	(void)data;
	return MOSQ_ERR_SUCCESS;
}

__attribute__((format(printf, 2, 3))) void mosquitto_log_printf(int level, const char *format, ...)
{
	size_t room = sizeof(fake.log) - fake.logged;
	va_list args;
	int n;

	(void)level;
	va_start(args, format);
	n = vsnprintf(fake.log + fake.logged, room, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < room)
		fake.logged += (size_t)n;
}

int mosquitto_broker_publish(const char *clientid, const char *topic, int payloadlen, void *payload,
			     int qos, bool retain, mosquitto_property *properties)
{
	(void)clientid;
	(void)qos;
	(void)properties;
	if (strcmp(topic, CONTROL_RESPONSE_TOPIC) == 0) {
		json_t *root = json_loadb(payload, (size_t)payloadlen, 0, NULL);

		assert_non_null(root);
		if (!fake.answers)
			fake.answers = json_array();
		(void)json_array_extend(fake.answers, json_object_get(root, "responses"));
		json_decref(root);
		if ((size_t)payloadlen > fake.answer_bytes)
			fake.answer_bytes = (size_t)payloadlen;
	}
	if (retain && topic[0] != '$') {
		(void)snprintf(fake.retained, sizeof(fake.retained), "%s", topic);
		(void)snprintf(fake.said, sizeof(fake.said), "%.*s", payloadlen,
			       (const char *)payload);
	}
	free(payload);
	return MOSQ_ERR_SUCCESS;
}

const char *mosquitto_client_address(const struct mosquitto *client)
{
	return client->address;
}

void *mosquitto_client_certificate(const struct mosquitto *client)
{
	(void)client;
	return NULL;
}

bool mosquitto_client_clean_session(const struct mosquitto *client)
{
	return client->is_clean;
}

const char *mosquitto_client_id(const struct mosquitto *client)
{
	return client->id;
}

int mosquitto_client_keepalive(const struct mosquitto *client)
{
	return client->keepalive;
}

int mosquitto_client_protocol(const struct mosquitto *client)
{
	return client->is_websocket ? mp_websockets : mp_mqtt;
}

int mosquitto_client_protocol_version(const struct mosquitto *client)
{
	return client->version;
}

const char *mosquitto_client_username(const struct mosquitto *client)
{
	return client->username;
}

int mosquitto_set_username(struct mosquitto *client, const char *username)
{
	(void)snprintf(client->renamed, sizeof(client->renamed), "%s", username);
	client->username = client->renamed;
	return MOSQ_ERR_SUCCESS;
}

void *mosquitto_malloc(size_t size)
{
	return malloc(size);
}

void mosquitto_free(void *mem)
{
	free(mem);
}

static int raise(int event, void *data)
{
	return fake.callback[event](event, data, fake.plugin);
}

static int connects(struct mosquitto *client)
{
	struct mosquitto_evt_basic_auth event = { .client = client,
						  .username = (char *)client->username,
						  .password = (char *)client->password };

	return raise(MOSQ_EVT_BASIC_AUTH, &event);
}

static void leaves(struct mosquitto *client)
{
	struct mosquitto_evt_disconnect event = { .client = client, .reason = -1 };

	(void)raise(MOSQ_EVT_DISCONNECT, &event);
}

static void ticks(void)
{
	struct mosquitto_evt_tick event = { 0 };

	if (fake.plugin)
		fake.plugin->rest_ns = 0; /* as if the last one were long ago */
	(void)raise(MOSQ_EVT_TICK, &event);
}

static void reloads(void)
{
	struct mosquitto_evt_reload event = { 0 };

	assert_int_equal(raise(MOSQ_EVT_RELOAD, &event), MOSQ_ERR_SUCCESS);
}

static int asks(struct mosquitto *client, int access, const char *topic, const char *payload)
{
	struct mosquitto_evt_acl_check event = { .client = client,
						 .topic = topic,
						 .payload = payload,
						 .payloadlen =
							 payload ? (uint32_t)strlen(payload) : 0,
						 .access = access,
						 .qos = 1 };

	return raise(MOSQ_EVT_ACL_CHECK, &event);
}

static int hands_in(struct mosquitto *client, const char *topic, const char *payload)
{
	struct mosquitto_evt_message event = { .client = client,
					       .topic = (char *)topic,
					       .payload = (char *)payload,
					       .payloadlen = (uint32_t)strlen(payload),
					       .qos = 1 };

	return raise(MOSQ_EVT_MESSAGE, &event);
}

static int says(struct mosquitto *client, const char *topic, const char *payload)
{
	int rc = asks(client, MOSQ_ACL_WRITE, topic, payload);

	return rc == MOSQ_ERR_SUCCESS ? hands_in(client, topic, payload) : rc;
}

/* Subscriptions, DISCONNECT, last will, as up to 2.1.2, or the last two the other way round. */
int mosquitto_kick_client_by_clientid(const char *clientid, bool with_will)
{
	struct mosquitto *client = fake.kicked;

	assert_true(with_will);
	fake.kicks++;
	if (!client || strcmp(client->id, clientid) != 0)
		return MOSQ_ERR_NOT_FOUND;
	fake.subscription_answer = asks(client, MOSQ_ACL_SUBSCRIBE, fake.subscription, NULL);
	if (!fake.is_will_first)
		leaves(client);
	fake.will_answer = asks(client, MOSQ_ACL_WRITE, fake.will_topic, fake.will);
	if (fake.is_will_first)
		leaves(client);
	return MOSQ_ERR_SUCCESS;
}

/* ---- a world ----------------------------------------------------------------------------- */

static char now[CLOCK_TEXT_MAX];

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(folder_file(&fake.folder, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void write_passwords(const char *password)
{
	static const char *const users[] = { "backoffice", "customer-a", "collar-7" };
	struct password_cost cost = { .kind = PASSWORD_SHA512 };
	char text[PASSWORD_TEXT_MAX], whole[3 * (PASSWORD_TEXT_MAX + 32)] = "";
	struct diag diag;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(password_make(&cost, password, strlen(password), text, &diag), 0);
		(void)snprintf(whole + strlen(whole), sizeof(whole) - strlen(whole), "%s:%s\n",
			       users[i], text);
	}
	write_file("passwords", whole);
}

static void write_access(const char *backoffice)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "{\"roles\": {\"all\": {\"scopes\": [\"read:*\", \"write:*\"]},"
		       " \"reads\": {\"scopes\": [\"read:pets\"]}}, \"users\": {"
		       " \"backoffice\": %s, \"customer-a\": {\"roles\": [\"reads\"]},"
		       " \"collar-7\": {\"roles\": [\"all\"]}}}",
		       backoffice);
	write_file("access.json", text);
}

/* Loads the plugin with what lies in the folder. */
static int start(void)
{
	char contract[128];
	char passwords[300], access[300], database[300];
	/* A small one; those contracts have larger messages. */
	char *journal = (char *)(fake.contract ? "1048576" : "196608");
	struct mosquitto_opt options[] = {
		{ (char *)"contract", contract },   { (char *)"password_file", passwords },
		{ (char *)"access", access },       { (char *)"database", database },
		{ (char *)"lockout", (char *)"0" }, { (char *)"journal_size", journal }
	};
	void *userdata = NULL;

	(void)snprintf(contract, sizeof(contract), "%s",
		       fake.contract ? fake.contract : "schemas/petstore.asyncapi.json");
	(void)snprintf(passwords, sizeof(passwords), "%s", folder_file(&fake.folder, "passwords"));
	(void)snprintf(access, sizeof(access), "%s", folder_file(&fake.folder, "access.json"));
	(void)snprintf(database, sizeof(database), "%s", folder_file(&fake.folder, "db"));
	if (mosquitto_plugin_init(NULL, &userdata, options, 6)) {
		(void)fprintf(stderr, "%s\n", fake.log);
		return -1;
	}
	ticks();
	return 0;
}

static int begin_with(const char *contract)
{
	memset(&fake, 0, sizeof(fake));
	fake.contract = contract;
	folder_make(&fake.folder);
	write_passwords("secret");
	write_access("{\"roles\": [\"all\"]}");
	(void)clock_print(clock_unix_ms(), now);
	return start();
}

static int begin(void **state)
{
	(void)state;
	return begin_with(NULL);
}

static int end(void **state)
{
	(void)state;
	assert_int_equal(mosquitto_plugin_cleanup(fake.plugin, NULL, 0), 0);
	folder_remove(&fake.folder);
	json_decref(fake.answers);
	return 0;
}

static struct mosquitto a_client(const char *user, const char *id)
{
	return (struct mosquitto){ .id = id,
				   .username = user,
				   .password = "secret",
				   .address = "192.0.2.1",
				   .version = 5,
				   .keepalive = 60,
				   .is_clean = true };
}

static const char *pet(const char *id, const char *status)
{
	static char text[256];

	(void)snprintf(text, sizeof(text),
		       "{\"petId\": \"%s\", \"status\": \"%s\", \"updatedAt\": \"%s\"}", id, status,
		       now);
	return text;
}

static const char *order(const char *id)
{
	static char text[256];

	(void)snprintf(text, sizeof(text),
		       "{\"orderId\": \"%s\", \"status\": \"PLACED\", \"userId\": \"u\", "
		       "\"updatedAt\": \"%s\"}",
		       id, now);
	return text;
}

/* The pet's status as it is kept, or "". */
static const char *kept(const char *id)
{
	static struct ledger_state seen;
	struct diag diag;

	assert_int_equal(ledger_look(fake.plugin->ledger, 0, id, strlen(id), &seen, &diag), 0);
	return seen.is_known ? seen.status[0] : "";
}

static bool is_logged(const char *text)
{
	return strstr(fake.log, text) != NULL;
}

/* ---- logins ------------------------------------------------------------------------------ */

static void test_basic_auth__live(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_SUCCESS);
	write_passwords("another");
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_AUTH);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "PENDING")),
			     MOSQ_ERR_SUCCESS);
}

/* It is asked once: who shows the same name and id a second time is somebody else. */
static void test_basic_auth__live_is_asked_once(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	client.password = NULL;
	assert_int_equal(connects(&client), MOSQ_ERR_AUTH);
}

static void test_basic_auth__away(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto other = a_client("collar-7", "two");
	struct mosquitto restored = { .id = "three", .username = "backoffice", .keepalive = 60 };

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&other), MOSQ_ERR_SUCCESS);
	leaves(&client);
	leaves(&other);
	write_access("{\"roles\": [\"all\"], \"disabled\": true}");
	reloads();
	/* Never no: 2.0 would put it on its expiry list a second time. */
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&other), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&restored), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(fake.kicks, 0);
	assert_int_equal(asks(&client, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&restored, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&other, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
}

/* The address of one that was away is a newcomer's, over websockets, at the worst moment. */
static void test_basic_auth__a_newcomer_at_a_reload(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	leaves(&client);
	reloads();
	client.password = NULL;
	client.is_websocket = true;
	assert_int_equal(connects(&client), MOSQ_ERR_AUTH);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			     MOSQ_ERR_SUCCESS);
	client.password = "secret";
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_SUCCESS);
}

static const struct mosquitto *listed[4];

static int for_all(int (*each)(const struct mosquitto *client, void *ctx), void *ctx)
{
	for (size_t i = 0; i < 4 && listed[i]; i++)
		if (each(listed[i], ctx))
			break;
	return MOSQ_ERR_SUCCESS;
}

/* On 2.1 one that is away may be a websocket's: the broker says whom it had. */
static void test_basic_auth__away_by_websocket(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto newcomer = a_client("backoffice", "two");

	(void)state;
	fake.plugin->broker.for_all = for_all;
	client.is_websocket = newcomer.is_websocket = true;
	newcomer.password = NULL;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	leaves(&client);
	listed[0] = &client;
	write_passwords("another");
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&newcomer), MOSQ_ERR_AUTH);
	ticks();
	assert_int_equal(connects(&client), MOSQ_ERR_AUTH);
}

/* Brokers that never tick do not say when a reload is over. */
static void test_basic_auth__without_ticks(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	fake.plugin->has_ticked = false;
	reloads();
	client.password = NULL;
	assert_int_equal(connects(&client), MOSQ_ERR_AUTH);
}

/* 2.1's plugin_use tells of one reload once a listener. */
static void test_reload__once(void **state)
{
	(void)state;
	reloads();
	reloads();
	reloads();
	assert_int_equal(fake.plugin->reloading.count, 1);
	ticks();
	reloads();
	assert_int_equal(fake.plugin->reloading.count, 2);
}

/* What a title or the like has in it makes no line of its own. */
static void test_broker_log__is_one_line(void **state)
{
	(void)state;
	broker_log(BROKER_INFO, "contract %s", "A\n2026: forged\x1b[31m");
	assert_true(is_logged("contract A\\x0a2026: forged\\x1b[31m"));
}

/* ---- an address that is another's ---------------------------------------------------------- */

/* By use_identity_as_username clients come that nobody asked us about. */
static void test_acl_check__an_address_given_away(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	leaves(&client);
	client.id = "two";
	client.username = "customer-a";
	assert_int_equal(asks(&client, MOSQ_ACL_READ, "orders/o1/status", order("o1")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			     MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "");
	assert_int_equal(sessions_count(fake.plugin->sessions), 0);
}

/* Nor has anybody a name only because it says so. */
static void test_acl_check__without_a_session(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto source = { .id = "gone", .username = "backoffice" };
	struct mosquitto restored = { .id = "away", .username = "backoffice", .keepalive = 60 };

	(void)state;
	assert_int_equal(asks(&client, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&client, MOSQ_ACL_SUBSCRIBE, "pets/#", NULL), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&source, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&restored, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&restored, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	ticks();
	assert_string_equal(kept("p1"), "");
}

/* What was accepted before is asked again when its client comes back (2.0.12 and later). */
static void test_acl_check__asked_again_at_connect(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "orders/o1/status", order("o1")),
			 MOSQ_ERR_SUCCESS);
	ticks();
	leaves(&client);
	assert_string_equal(kept("p1"), "");
	assert_false(is_logged("refused"));
}

/* What is asked again is kept: where its entity stands by now is not asked. */
static void test_acl_check__asked_again_whatever_stands(void **state)
{
	static const char *const steps[] = { "AVAILABLE", "PENDING", "ADOPTED" };
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto back = a_client("backoffice", "one");
	struct mosquitto reader = a_client("customer-a", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(says(&client, "pets/p1/status", pet("p1", steps[i])),
				 MOSQ_ERR_SUCCESS);
	leaves(&client);
	assert_int_equal(connects(&back), MOSQ_ERR_SUCCESS);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(asks(&back, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", steps[i])),
				 MOSQ_ERR_SUCCESS);
	assert_false(is_logged("refused"));
	leaves(&back);
	/* Its scopes are. */
	assert_int_equal(connects(&reader), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&reader, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "ADOPTED")),
			 MOSQ_ERR_ACL_DENIED);
	assert_true(is_logged("scope-missing"));
	assert_string_equal(kept("p1"), "ADOPTED");
}

/* ---- what comes again -------------------------------------------------------------------- */

/* Retained, as MESSAGE leaves it in *event; its answer. */
static int says_retained(struct mosquitto *client, int qos, const char *topic, const char *payload,
			 struct mosquitto_evt_message *event)
{
	struct mosquitto_evt_acl_check check = { .client = client,
						 .topic = topic,
						 .payload = payload,
						 .payloadlen = (uint32_t)strlen(payload),
						 .access = MOSQ_ACL_WRITE,
						 .qos = (uint8_t)qos,
						 .retain = true };
	int rc = raise(MOSQ_EVT_ACL_CHECK, &check);

	*event = (struct mosquitto_evt_message){ .client = client,
						 .topic = (char *)topic,
						 .payload = (char *)payload,
						 .payloadlen = (uint32_t)strlen(payload),
						 .qos = (uint8_t)qos,
						 .retain = true };
	return rc == MOSQ_ERR_SUCCESS ? raise(MOSQ_EVT_MESSAGE, event) : rc;
}

/* "backoffice" has said two steps, and is back on another connection. */
static void step_twice(struct mosquitto *client, struct mosquitto *back)
{
	*client = a_client("backoffice", "one");
	*back = a_client("backoffice", "one");
	assert_int_equal(connects(client), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(client, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(client, "pets/p1/status", pet("p1", "ADOPTED")), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(client, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	leaves(client);
	assert_int_equal(connects(back), MOSQ_ERR_SUCCESS);
}

static void test_message__again_what_stands_goes_out(void **state)
{
	struct mosquitto client, back;
	struct mosquitto_evt_message event;
	struct diag diag;

	(void)state;
	step_twice(&client, &back);
	assert_int_equal(ledger_flush(fake.plugin->ledger, 5000, &diag), 0);
	assert_int_equal(says_retained(&back, 1, "pets/p1/status", pet("p1", "AVAILABLE"), &event),
			 MOSQ_ERR_SUCCESS);
	assert_false(event.retain);
	assert_int_equal(event.payloadlen, strlen(pet("p1", "ADOPTED")));
	assert_string_equal(event.payload, pet("p1", "ADOPTED"));
	free(event.payload);
	assert_string_equal(kept("p1"), "ADOPTED");
}

/* The database has not seen what stands: nobody is given what is older. */
static void test_message__again_and_withheld(void **state)
{
	struct mosquitto client, back, reader = a_client("customer-a", "two");
	struct mosquitto_evt_message event;
	sqlite3 *other = NULL;

	(void)state;
	assert_int_equal(connects(&reader), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(sqlite3_open(folder_file(&fake.folder, "db"), &other), SQLITE_OK);
	(void)sqlite3_busy_timeout(other, 5000); /* the writer may be at it */
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	step_twice(&client, &back);
	assert_int_equal(says_retained(&back, 1, "pets/p1/status", pet("p1", "AVAILABLE"), &event),
			 MOSQ_ERR_SUCCESS);
	assert_false(event.retain);
	assert_string_equal(event.payload, pet("p1", "AVAILABLE"));
	assert_int_equal(asks(&reader, MOSQ_ACL_READ, "pets/p1/status", event.payload),
			 MOSQ_ERR_ACL_DENIED);
	/* Until the next message. */
	assert_int_equal(says(&back, "pets/p2/status", pet("p2", "AVAILABLE")), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&reader, MOSQ_ACL_READ, "pets/p1/status", event.payload),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* Nobody else's, and not under another client id. */
static void test_message__again_by_another(void **state)
{
	struct mosquitto client, back;
	struct mosquitto other = a_client("backoffice", "two"), user = a_client("collar-7", "one");

	(void)state;
	step_twice(&client, &back);
	leaves(&back);
	assert_int_equal(connects(&other), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(&other, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(connects(&user), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(&user, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(says(&other, "pets/p1/status", pet("p1", "ADOPTED")), MOSQ_ERR_SUCCESS);
}

/* ---- last wills -------------------------------------------------------------------------- */

/* 2.0 and up to 2.1.2: DISCONNECT, then the will. */
static void test_will__after_disconnect(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	leaves(&client);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "orders/o1/status", order("o1")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "AVAILABLE");
}

/* Brokers to come: the will, its deliveries, then DISCONNECT. */
static void test_will__before_disconnect(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto reader = a_client("collar-7", "two");
	char copy[256];

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&reader), MOSQ_ERR_SUCCESS);
	ticks();
	(void)snprintf(copy, sizeof(copy), "%s", pet("p1", "AVAILABLE"));
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", copy), MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "");
	assert_int_equal(asks(&reader, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "AVAILABLE");
	memset(copy, 'x', sizeof(copy)); /* the broker frees the will first */
	leaves(&client);
	assert_string_equal(kept("p1"), "AVAILABLE");
}

static void test_will__before_disconnect_and_nobody_reads(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	char copy[256];

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	(void)snprintf(copy, sizeof(copy), "%s", pet("p1", "AVAILABLE"));
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", copy), MOSQ_ERR_SUCCESS);
	memset(copy, 'x', sizeof(copy));
	leaves(&client);
	assert_string_equal(kept("p1"), "AVAILABLE");
	assert_false(is_logged("refused"));
}

static void test_will__a_forbidden_one_before_disconnect(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto reader = a_client("collar-7", "two");
	struct mosquitto_evt_acl_check will = { .client = &client,
						.topic = "orders/o1/status",
						.access = MOSQ_ACL_WRITE,
						.qos = 1,
						.retain = true };

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&reader), MOSQ_ERR_SUCCESS);
	ticks();
	will.payload = order("o1");
	will.payloadlen = (uint32_t)strlen(will.payload);
	assert_int_equal(raise(MOSQ_EVT_ACL_CHECK, &will), MOSQ_ERR_SUCCESS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(asks(&reader, MOSQ_ACL_READ, "orders/o1/status", order("o1")),
				 MOSQ_ERR_ACL_DENIED);
	assert_true(is_logged("refused will orders/o1/status by backoffice"));
	assert_string_equal(fake.retained, "orders/o1/status");
	leaves(&client);
	/* The same said by one who is there is another thing. */
	assert_int_equal(says(&reader, "orders/o1/status", order("o1")), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&reader, MOSQ_ACL_READ, "orders/o1/status", order("o1")),
			 MOSQ_ERR_SUCCESS);
}

/* What the broker retained of it gives way to what was retained before. */
static void test_will__a_forbidden_one_restores_what_was_retained(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto_evt_message said = { .client = &client,
					      .topic = (char *)"pets/p1/status",
					      .payload = (char *)pet("p1", "AVAILABLE"),
					      .qos = 1,
					      .retain = true };
	struct message will = { .topic = "pets/p1/status", .topic_len = 14 };
	struct diag diag;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	said.payloadlen = (uint32_t)strlen(said.payload);
	assert_int_equal(raise(MOSQ_EVT_MESSAGE, &said), MOSQ_ERR_SUCCESS);
	assert_int_equal(ledger_flush(fake.plugin->ledger, 10000, &diag), 0);
	ticks();
	fake.retained[0] = '\0';
	events_retained_revert(fake.plugin, &will);
	assert_string_equal(fake.retained, "pets/p1/status");
	assert_string_equal(fake.said, "");
	ticks();
	assert_string_equal(fake.said, pet("p1", "AVAILABLE"));
}

/* ---- what is retained again --------------------------------------------------------------- */

#define PETS 600u

static const char *topic_of(unsigned pet, char *topic, size_t size)
{
	(void)snprintf(topic, size, "pets/p%u/status", pet);
	return topic;
}

/* More subscribers than there is time for, each of them refused all that was not repaired yet. */
static void subscribers_come(void)
{
	static struct mosquitto reader[4];
	static unsigned next;
	char topic[64];

	next = (next + 1) % 4;
	for (unsigned i = 0; i < PETS; i++) {
		struct message message = { .topic = topic_of(i, topic, sizeof(topic)) };

		message.topic_len = strlen(topic);
		events_retained_owe(fake.plugin, &message, &reader[next]);
	}
}

static void test_retained__subscribers_do_not_hold_up_the_scan(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct mosquitto_evt_message event;
	char id[16], topic[64];
	struct diag diag;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	for (unsigned i = 0; i < PETS; i++) {
		(void)snprintf(id, sizeof(id), "p%u", i);
		assert_int_equal(says_retained(&client, 1, topic_of(i, topic, sizeof(topic)),
					       pet(id, "AVAILABLE"), &event),
				 MOSQ_ERR_SUCCESS);
	}
	assert_int_equal(ledger_flush(fake.plugin->ledger, 10000, &diag), 0);
	events_retained_walk(fake.plugin);
	for (unsigned i = 0; i < 4 * PETS && repairs_is_scanning(fake.plugin->repairs); i++) {
		subscribers_come();
		ticks();
		(void)nanosleep(&moment, NULL);
	}
	assert_false(repairs_is_scanning(fake.plugin->repairs));
	assert_true(repairs_waiting(fake.plugin->repairs) > 0);
}

/* Between ACL_CHECK and MESSAGE the broker's own log may be delivered. */
static void test_message__with_the_log_between(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto_evt_message event = { .client = &client, .qos = 1 };
	const char *payload = order("o1");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "orders/o1/status", payload),
			 MOSQ_ERR_SUCCESS);
	(void)asks(&client, MOSQ_ACL_READ, "$SYS/broker/log/D", "Received PUBLISH from one");
	event.topic = (char *)"orders/o1/status";
	event.payload = (char *)payload;
	event.payloadlen = (uint32_t)strlen(payload);
	assert_int_equal(raise(MOSQ_EVT_MESSAGE, &event), MOSQ_ERR_SUCCESS);
	leaves(&client);
	assert_false(is_logged("will"));
}

/* Another plugin changes a message where it lies: what MESSAGE has is judged, not what was asked.
 */
static void test_message__changed_in_its_place(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto_evt_message event = { .client = &client, .qos = 1 };
	char topic[] = "pets/p1/status", payload[256];

	(void)state;
	(void)snprintf(payload, sizeof(payload), "%s", pet("p1", "AVAILABLE"));
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	event.topic = topic;
	event.payload = payload;
	event.payloadlen = (uint32_t)strlen(payload);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, topic, payload), MOSQ_ERR_SUCCESS);
	*strstr(payload, "AVAILABLE") = 'X';
	assert_int_not_equal(raise(MOSQ_EVT_MESSAGE, &event), MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "");
	*strstr(payload, "XVAILABLE") = 'A';
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, topic, payload), MOSQ_ERR_SUCCESS);
	topic[6] = '2'; /* no more what its petId says */
	assert_int_not_equal(raise(MOSQ_EVT_MESSAGE, &event), MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "");
	assert_string_equal(kept("p2"), "");
}

/* The times of all decisions are measured while there are few, then those of some. */
static void test_message__is_timed_now_and_then(void **state)
{
	unsigned timed = 0;

	(void)state;
	for (unsigned i = 0; i < FEED_TIMED_FIRST + 10 * FEED_TIMED_OF; i++)
		timed += feed_times(fake.plugin->feed);
	assert_int_equal(timed, FEED_TIMED_FIRST + 10);
}

/* Who takes over is authenticated first; the will of the one before comes within that. */
static void test_will__at_a_takeover(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto next = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(connects(&next), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "orders/o1/status", order("o1")),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "AVAILABLE");
	leaves(&client);
	assert_int_equal(says(&next, "orders/o1/status", order("o1")), MOSQ_ERR_SUCCESS);
}

/* The connection that was to take over came to nothing: the one before publishes on. */
static void test_will__a_takeover_that_failed(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto next = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(connects(&next), MOSQ_ERR_SUCCESS);
	leaves(&next);
	assert_int_equal(says(&client, "orders/o1/status", order("o1")), MOSQ_ERR_SUCCESS);
}

/* The last of a broker that ends: its client is freed when we hear no more. */
static void test_will__the_broker_ends(void **state)
{
	struct mosquitto *client = malloc(sizeof(*client));
	char *will = strdup(pet("p1", "AVAILABLE"));
	char answer[] = "AVAILABLE";

	assert_non_null(client);
	assert_non_null(will);
	*client = a_client("backoffice", "one");
	assert_int_equal(connects(client), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(asks(client, MOSQ_ACL_WRITE, "pets/p1/status", will), MOSQ_ERR_SUCCESS);
	free(client);
	free(will);
	assert_int_equal(mosquitto_plugin_cleanup(fake.plugin, NULL, 0), 0);
	assert_string_equal(folder_ask(&fake.folder, "db", "SELECT status FROM pets"), answer);
	folder_remove(&fake.folder);
	assert_int_equal(begin(state), 0); /* for end() */
}

/* Told to end, it goes on to its tick: until then clients publish, and only wills follow. */
static void test_will__the_broker_was_told_to_end(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	static const int told = 0;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	fake.plugin->broker.running = &told;
	assert_int_equal(says(&client, "orders/o1/status", order("o1")), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "orders/o2/status", order("o2")),
			 MOSQ_ERR_ACL_DENIED);
}

/* ---- what events begin with --------------------------------------------------------------- */

/* Whatever comes in the place of a MESSAGE: what passed before was a last will, and is kept. */
static void test_control__what_waited_was_a_will(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto operator= a_client("backoffice", "two");
	struct mosquitto_evt_control command = { .client = &operator,
						 .topic = "$CONTROL/petstore/v1" };

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&operator), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	(void)raise(MOSQ_EVT_CONTROL, &command);
	assert_string_equal(kept("p1"), "AVAILABLE");
}

/* Mosquitto 2.1's http_api asks on threads of its own. */
static void *ask_on_another_thread(void *ctx)
{
	struct mosquitto_evt_basic_auth login = { .client = ctx, .username = (char *)"backoffice" };
	struct mosquitto_evt_extended_auth proof = { .client = ctx,
						     .auth_method = "SCRAM-SHA-256" };
	struct mosquitto_evt_control command = { .client = ctx, .topic = "$CONTROL/petstore/v1" };

	assert_int_equal(raise(MOSQ_EVT_BASIC_AUTH, &login), MOSQ_ERR_AUTH);
	assert_int_equal(raise(MOSQ_EVT_EXT_AUTH_START, &proof), MOSQ_ERR_AUTH);
	assert_int_equal(raise(MOSQ_EVT_EXT_AUTH_CONTINUE, &proof), MOSQ_ERR_AUTH);
	assert_int_equal(raise(MOSQ_EVT_CONTROL, &command), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(ctx, MOSQ_ACL_READ, "pets/p1/status", "{}"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(ctx, MOSQ_ACL_WRITE, "pets/p1/status", "{}"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(ctx, MOSQ_ACL_READ, "/index.html", NULL), MOSQ_ERR_ACL_DENIED);
	return NULL;
}

/* Runs @ask on another thread between @client's publish and its MESSAGE, which it leaves alone. */
static void ask_beside_a_publish(struct mosquitto *client, void *(*ask)(void *), void *ctx)
{
	struct mosquitto_evt_message event = { .client = client, .qos = 1 };
	const char *payload = order("o1");
	pthread_t thread;

	assert_int_equal(connects(client), MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(asks(client, MOSQ_ACL_WRITE, "orders/o1/status", payload),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(pthread_create(&thread, NULL, ask, ctx), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(fake.plugin->pending.handle);
	event.topic = (char *)"orders/o1/status";
	event.payload = (char *)payload;
	event.payloadlen = (uint32_t)strlen(payload);
	assert_int_equal(raise(MOSQ_EVT_MESSAGE, &event), MOSQ_ERR_SUCCESS);
	ticks();
}

/* Each is refused and counted, and what waits for its MESSAGE is left alone. */
static void test_events__of_another_thread_are_refused(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	ask_beside_a_publish(&client, ask_on_another_thread, &client);
	assert_true(is_logged("refused 7 requests to the broker's HTTP listener"));
}

static const char *const served[] = { "/",       "/index.html", "/console.html", "/brokers.json",
				      "/ca.crt", "/favicon.ico" };
static const char *const not_served[] = { "",
					  "/api/v1/systree",
					  "/api/v1/listeners",
					  "/api/v1/version",
					  "/api/",
					  "/API/v1/x",
					  "//",
					  "/./index.html",
					  "/index.html/",
					  "/INDEX.HTML",
					  "/../index.html",
					  "index.html",
					  "/passwords",
					  "/ca.key",
					  "pets/p1/status",
					  "#" };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The console's files are for anyone, and whatever credentials come with the request. */
static void *ask_for_files(void *ctx)
{
	struct mosquitto_evt_basic_auth login = { .client = ctx };
	struct mosquitto_evt_basic_auth named = { .client = ctx,
						  .username = (char *)"backoffice",
						  .password = (char *)"wrong" };

	assert_int_equal(raise(MOSQ_EVT_BASIC_AUTH, &login), MOSQ_ERR_SUCCESS);
	assert_int_equal(raise(MOSQ_EVT_BASIC_AUTH, &named), MOSQ_ERR_SUCCESS);
	for (size_t i = 0; i < COUNT(served); i++) {
		assert_int_equal(asks(ctx, MOSQ_ACL_READ, served[i], NULL), MOSQ_ERR_SUCCESS);
		assert_int_equal(asks(ctx, MOSQ_ACL_WRITE, served[i], "x"), MOSQ_ERR_ACL_DENIED);
		assert_int_equal(asks(ctx, MOSQ_ACL_SUBSCRIBE, served[i], NULL),
				 MOSQ_ERR_ACL_DENIED);
	}
	for (size_t i = 0; i < COUNT(not_served); i++)
		assert_int_equal(asks(ctx, MOSQ_ACL_READ, not_served[i], NULL),
				 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(asks(ctx, MOSQ_ACL_READ, NULL, NULL), MOSQ_ERR_ACL_DENIED);
	return NULL;
}

/* As 2.1.2's http_api makes it up for a request. */
static struct mosquitto a_request(void)
{
	return (struct mosquitto){ .id = "http-api" };
}

static void test_events__http_requests(void **state)
{
	struct mosquitto client = a_client("backoffice", "one"), request = a_request();

	(void)state;
	ask_beside_a_publish(&client, ask_for_files, &request);
	assert_true(is_logged("refused 29 requests to the broker's HTTP listener"));
}

/* A client of MQTT that calls itself as such requests are called is one like any other. */
static void test_events__http_api_of_a_client(void **state)
{
	struct mosquitto stranger = a_client(NULL, "http-api"), request = a_request();
	struct mosquitto known = a_client("backoffice", "http-api");
	struct mosquitto_evt_basic_auth login = { .client = &request };

	(void)state;
	stranger.password = NULL;
	assert_int_equal(connects(&stranger), MOSQ_ERR_AUTH);
	assert_int_not_equal(raise(MOSQ_EVT_BASIC_AUTH, &login), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&known), MOSQ_ERR_SUCCESS);
	for (size_t i = 0; i < COUNT(served); i++) {
		assert_int_equal(asks(&stranger, MOSQ_ACL_READ, served[i], NULL),
				 MOSQ_ERR_ACL_DENIED);
		assert_int_equal(asks(&request, MOSQ_ACL_READ, served[i], NULL),
				 MOSQ_ERR_ACL_DENIED);
		assert_int_equal(asks(&known, MOSQ_ACL_READ, served[i], NULL), MOSQ_ERR_ACL_DENIED);
	}
}

/* ---- what ends a session ----------------------------------------------------------------- */

static void prepare_kick(struct mosquitto *client)
{
	fake.kicked = client;
	fake.subscription = "pets/#";
	fake.will_topic = "pets/p1/status";
	fake.will = pet("p1", "AVAILABLE");
}

/* 2.1 takes what is said here for the time of the next one, by the wall clock. */
static void test_tick__comes_where_the_clock_is_set_back(void **state)
{
	struct mosquitto_evt_tick event = { .now_s = 1800000000 };

	(void)state;
	(void)raise(MOSQ_EVT_TICK, &event);
	assert_true(event.now_s + event.next_s <= 0);
}

/* A proof that ran out: it may do nothing, and keeps what it has. */
/* A busy broker's next round follows at once: what has time waits, also where it is due. */
static void test_tick__does_not_do_all_in_each_round(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto_evt_tick event = { 0 };
	struct session *session;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	session = sessions_find(fake.plugin->sessions, &client);
	sessions_end_at(fake.plugin->sessions, session, 1);
	fake.plugin->rest_ns = clock_mono_ns() + 3600 * INT64_C(1000000000);
	assert_int_equal(raise(MOSQ_EVT_TICK, &event), MOSQ_ERR_SUCCESS);
	assert_int_equal(session->state, SESSION_VALID);
	fake.plugin->rest_ns = clock_mono_ns() - 1000000;
	assert_int_equal(raise(MOSQ_EVT_TICK, &event), MOSQ_ERR_SUCCESS);
	assert_int_equal(session->state, SESSION_EXPIRED);
}

static void test_tick__ends_who_expired(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct session *session;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	session = sessions_find(fake.plugin->sessions, &client);
	sessions_end_at(fake.plugin->sessions, session, 1);
	prepare_kick(&client);
	ticks();
	assert_int_equal(fake.kicks, 1);
	assert_int_equal(fake.subscription_answer, MOSQ_ERR_SUCCESS);
	assert_int_equal(fake.will_answer, MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("p1"), "AVAILABLE");
	assert_int_equal(asks(&client, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
}

static void test_tick__ends_who_expired_will_first(void **state)
{
	fake.is_will_first = true;
	test_tick__ends_who_expired(state);
}

/* While a websocket is closing the client may still talk. */
static void test_tick__an_expired_one_that_is_not_gone_yet(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	sessions_end_at(fake.plugin->sessions, sessions_find(fake.plugin->sessions, &client), 1);
	ticks(); /* mosquitto_kick_client_by_clientid() only begins to disconnect it */
	assert_int_equal(fake.kicks, 1);
	assert_int_not_equal(says(&client, "pets/p2/status", pet("p2", "AVAILABLE")),
			     MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_SUBSCRIBE, "pets/#", NULL), MOSQ_ERR_ACL_DENIED);
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS); /* is on its way out */
	ticks();
	assert_int_equal(fake.kicks, 1);
	leaves(&client);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
}

/* Its id is another's: the broker closes it anyway, and would find the other by the id. */
static void test_tick__an_expired_one_that_was_taken_over(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto next = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&next), MOSQ_ERR_SUCCESS);
	sessions_end_at(fake.plugin->sessions, sessions_find(fake.plugin->sessions, &client), 1);
	ticks();
	assert_int_equal(fake.kicks, 0);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			     MOSQ_ERR_SUCCESS);
	assert_int_equal(says(&next, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_SUCCESS);
}

/* Whom the rules let in no more, by a reload that made the broker ask nobody. */
static void test_tick__ends_who_is_barred(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct diag diag;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	write_access("{\"roles\": [\"all\"], \"disabled\": true}");
	assert_int_equal(events_reload(fake.plugin, &diag), 0);
	prepare_kick(&client);
	assert_int_equal(asks(&client, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	ticks();
	assert_int_equal(fake.kicks, 1);
	assert_int_equal(fake.subscription_answer, MOSQ_ERR_SUCCESS);
	assert_int_equal(fake.will_answer, MOSQ_ERR_ACL_DENIED);
}

/* Refused at the reload it would be left out of 2.0.21's lists of keepalives, and spoil them. */
static void test_basic_auth__live_by_websocket(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	client.is_websocket = true;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	write_passwords("another");
	reloads();
	prepare_kick(&client);
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "PENDING")),
			     MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(fake.kicks, 1);
}

/* The password that let it in is not the user's any more. */
static void test_tick__ends_whose_password_was_changed(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto away = a_client("backoffice", "two");
	struct diag diag;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&away), MOSQ_ERR_SUCCESS);
	leaves(&away);
	write_passwords("another");
	assert_int_equal(events_reload(fake.plugin, &diag), 0);
	prepare_kick(&client);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			     MOSQ_ERR_SUCCESS);
	ticks();
	assert_int_equal(fake.kicks, 1);
	/* Who is away will have to know it when it is back. */
	assert_int_equal(asks(&away, MOSQ_ACL_READ, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
}

/* Who says nothing, and is sent nothing, is not overlooked. */
static void test_tick__ends_who_is_idle(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct diag diag;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	write_passwords("another");
	assert_int_equal(events_reload(fake.plugin, &diag), 0);
	prepare_kick(&client);
	ticks();
	assert_int_equal(fake.kicks, 1);
	ticks();
	assert_int_equal(fake.kicks, 1);
}

/* A second DISCONNECT ends what was kept: nothing is left to vouch for anybody. */
static void test_disconnect__twice(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	leaves(&client);
	assert_int_equal(sessions_count(fake.plugin->sessions), 1);
	leaves(&client);
	assert_int_equal(sessions_count(fake.plugin->sessions), 0);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
}

/* An AUTH of no bytes: the broker asks about a client that is connected as if it connected. */
static void test_auth_continue__unasked(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto_evt_extended_auth event = { .client = &client };

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	for (int i = 0; i < 2; i++)
		assert_int_equal(raise(MOSQ_EVT_EXT_AUTH_CONTINUE, &event), MOSQ_ERR_AUTH_CONTINUE);
	assert_int_not_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			     MOSQ_ERR_SUCCESS);
	fake.kicked = &client;
	ticks();
	assert_int_equal(fake.kicks, 1);
}

/* ---- what can't be kept ------------------------------------------------------------------- */

#define QUOTA_EXCEEDED (-6)

static int answer_code(bool has_quota_code, const struct broker_refused *refused)
{
	const struct broker broker = { .has_quota_code = has_quota_code };

	return broker_answer_code(broker_answer(&broker, refused));
}

/* Each reason, version, QoS and release: what may be acknowledged, and what is closed. */
static void test_broker_answer__of_clients(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REASON_COUNT; i++)
		for (int version = 3; version <= 5; version++)
			for (unsigned qos = 0; qos <= 2; qos++) {
				const struct broker_refused refused = { .publisher =
										BROKER_OF_CLIENT,
									.version = version,
									.qos = qos,
									.reason = (enum reason)i };
				bool is_ours = i == REASON_STORE_UNAVAILABLE ||
					       i == REASON_SCHEMA_LIMIT || i == REASON_INTERNAL;
				bool is_told = is_ours || i == REASON_RATE_EXCEEDED;
				bool is_closed = is_ours && qos > 0;

				assert_int_equal(answer_code(false, &refused),
						 is_closed ? MOSQ_ERR_UNKNOWN
							   : MOSQ_ERR_ACL_DENIED);
				assert_int_equal(answer_code(true, &refused),
						 is_closed && version < 5 ? MOSQ_ERR_UNKNOWN
						 : is_told                ? QUOTA_EXCEEDED
									  : MOSQ_ERR_ACL_DENIED);
			}
}

/* Of a bridge: where the same message is kept later. Of nobody who would hear of it: never. */
static void test_broker_answer__of_others(void **state)
{
	struct broker_refused refused = { .publisher = BROKER_OF_BRIDGE, .version = 4, .qos = 1 };

	(void)state;
	refused.reason = REASON_STORE_UNAVAILABLE;
	assert_int_equal(answer_code(false, &refused), MOSQ_ERR_UNKNOWN);
	assert_int_equal(answer_code(true, &refused), MOSQ_ERR_UNKNOWN);
	refused.version = 5; /* its session would end */
	assert_int_equal(answer_code(false, &refused), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(answer_code(true, &refused), QUOTA_EXCEEDED);
	refused.version = 4;
	refused.reason = REASON_SCHEMA_LIMIT; /* it would be closed for ever */
	assert_int_equal(answer_code(false, &refused), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(answer_code(true, &refused), QUOTA_EXCEEDED);
	refused.publisher = BROKER_OF_CLIENT; /* another broker's bridge, which sends it again */
	refused.version = 5;
	refused.is_peer = true;
	refused.reason = REASON_STORE_UNAVAILABLE;
	assert_int_equal(answer_code(false, &refused), MOSQ_ERR_UNKNOWN);
	assert_int_equal(answer_code(true, &refused), MOSQ_ERR_UNKNOWN);
	refused.reason = REASON_SCHEMA_LIMIT;
	assert_int_equal(answer_code(true, &refused), QUOTA_EXCEEDED);
	refused.is_peer = false;
	refused.version = 4;
	refused.publisher = BROKER_OF_NOBODY;
	refused.reason = REASON_STORE_UNAVAILABLE;
	assert_int_equal(answer_code(false, &refused), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(answer_code(true, &refused), MOSQ_ERR_ACL_DENIED);
	refused.publisher = BROKER_OF_CLIENT;
	refused.version = 0;
	assert_int_equal(answer_code(false, &refused), MOSQ_ERR_ACL_DENIED);
}

/* At QoS 2 of a bridge with MQTT 5 all that does not close it; of nobody else anything. */
static void test_broker_answer__of_bridges_at_qos_2(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REASON_COUNT; i++)
		for (int kind = 0; kind < 16; kind++) {
			struct broker broker = { .has_quota_code = kind & 1 };
			struct broker_refused refused = { .publisher = kind & 2 ? BROKER_OF_BRIDGE
										: BROKER_OF_CLIENT,
							  .version = kind & 4 ? 5 : 4,
							  .qos = 2,
							  .is_peer = kind & 8,
							  .reason = (enum reason)i };
			bool is_bridged = (kind & 2 || kind & 8) && kind & 4;
			bool is_closed = reason_is_ours(refused.reason) && !(kind & 2) &&
					 (!broker.has_quota_code ||
					  reason_cause(refused.reason) == REASON_OF_TROUBLE);

			assert_int_equal(broker_answer(&broker, &refused) == BROKER_WITHHELD,
					 is_bridged && !is_closed);
			refused.qos = 1;
			assert_int_not_equal(broker_answer(&broker, &refused), BROKER_WITHHELD);
			refused.qos = 2;
			refused.publisher = BROKER_OF_NOBODY;
			assert_int_not_equal(broker_answer(&broker, &refused), BROKER_WITHHELD);
		}
}

static void test_broker_withhold__no_subscriber_has_the_topic(void **state)
{
	static const char *const topics[] = { "a", "orders/o-1/status", "$SYS/x",
					      "xSYS/broker/log" };
	char topic[32];
	struct mosquitto_evt_message event = { .topic = topic, .retain = true };

	(void)state;
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		struct message message = { .topic = topic, .topic_len = strlen(topics[i]) };

		(void)strcpy(topic, topics[i]);
		assert_false(broker_is_withheld(&message));
		broker_withhold(&event);
		assert_true(broker_is_withheld(&message));
		assert_int_equal(strlen(topic), message.topic_len);
		assert_false(event.retain);
		event.retain = true;
	}
}

/* Another program has the database: the broker starts, and nothing can be kept. */
static sqlite3 *locker;

static void unlock(void)
{
	assert_int_equal(sqlite3_close(locker), SQLITE_OK);
	locker = NULL;
}

static int begin_locked(void **state)
{
	if (begin(state))
		return -1;
	assert_int_equal(mosquitto_plugin_cleanup(fake.plugin, NULL, 0), 0);
	assert_int_equal(sqlite3_open(folder_file(&fake.folder, "db"), &locker), SQLITE_OK);
	assert_int_equal(sqlite3_exec(locker, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return start();
}

static int end_locked(void **state)
{
	if (locker)
		unlock();
	return end(state);
}

/* A client of MQTT 3.1.1 was let in, and closed over what could not be kept. */
static struct mosquitto a_closed_one(void)
{
	struct mosquitto client = a_client("backoffice", "one");

	client.version = 4;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_UNKNOWN);
	leaves(&client);
	return client;
}

static void test_message__that_cannot_be_kept(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	fake.plugin->broker.has_quota_code = false;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	/* MESSAGE closes, and never ACL_CHECK, which last wills and re-checks come by as well. */
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(hands_in(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_UNKNOWN);
	assert_true(is_logged("store-unavailable: "));
	assert_true(is_logged("], disconnected unacknowledged"));
	fake.plugin->broker.has_quota_code = true;
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")), QUOTA_EXCEEDED);
	client.version = 4;
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_UNKNOWN);
	/* Its own fault: an acknowledgement, whatever the store does. */
	assert_int_equal(says(&client, "pets/p1/status", "{}"), MOSQ_ERR_ACL_DENIED);
}

static uint64_t waits(void)
{
	struct ledger_facts facts;

	ledger_facts(fake.plugin->ledger, &facts);
	return facts.waits;
}

/* Once the writer's batch is over. */
static void lock(void)
{
	assert_int_equal(sqlite3_open(folder_file(&fake.folder, "db"), &locker), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(locker, 10000), SQLITE_OK);
	assert_int_equal(sqlite3_exec(locker, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

/* False: the database was locked for so long meanwhile that the store takes nothing more. */
static bool says_until_it_waits(struct mosquitto *client)
{
	char id[16], topic[48];

	for (int i = 0; waits() < 2; i++) {
		(void)snprintf(id, sizeof(id), "p%d", i);
		(void)snprintf(topic, sizeof(topic), "pets/%s/status", id);
		if (says(client, topic, pet(id, "AVAILABLE")) != MOSQ_ERR_SUCCESS)
			return false;
		if (waits() > 0)
			ticks();
	}
	return true;
}

static void test_message__waits_for_the_database(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct diag diag;
	uint64_t before;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	for (lock(); !says_until_it_waits(&client); lock()) {
		unlock();
		while (ledger_flush(fake.plugin->ledger, 5000, &diag) != 0)
			;
	}
	/* Not for a last will. */
	ticks();
	before = waits();
	leaves(&client);
	assert_int_equal(
		asks(&client, MOSQ_ACL_WRITE, "pets/last/status", pet("last", "AVAILABLE")),
		MOSQ_ERR_SUCCESS);
	assert_string_equal(kept("last"), "AVAILABLE");
	assert_int_equal(waits(), before);
	unlock();
}

static void test_message__of_a_bridge_that_cannot_be_kept(void **state)
{
	struct mosquitto bridge = { .id = "far", .username = "backoffice", .version = 4 };

	(void)state;
	assert_int_equal(hands_in(&bridge, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_UNKNOWN);
	assert_int_equal(hands_in(&bridge, "pets/p1/status", "{}"), MOSQ_ERR_ACL_DENIED);
}

static void test_will__that_cannot_be_kept(void **state)
{
	struct mosquitto client = a_closed_one();

	(void)state;
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
}

/* A no would delete what was accepted before: that the store is in trouble is no reason for one. */
static void test_acl_check__asked_again_in_trouble(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	client.version = 4;
	client.is_clean = false;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p2/status", pet("p2", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	ticks();
	assert_false(is_logged("refused publish"));
}

static void test_basic_auth__held_off(void **state)
{
	struct mosquitto client = a_closed_one();
	struct mosquitto sibling = a_client("backoffice", "two");
	struct mosquitto other = a_client("collar-7", "one");

	(void)state;
	/* Closed more often, so that its time is not over before the test is. */
	for (int i = 0; i < 8; i++)
		(void)holdoffs_close(fake.plugin->holdoffs, "backoffice", "one",
				     REASON_STORE_UNAVAILABLE, clock_mono_ns() / 1000000);
	/* No code that has a CONNACK: neither 5, not authorized, nor another. */
	assert_int_equal(connects(&client), MOSQ_ERR_CONN_REFUSED);
	assert_true(is_logged("refused connection of backoffice (client one, 192.0.2.1): held off "
			      "for 30 s: it was closed over a publish"));
	client.password = "guess";
	assert_int_equal(connects(&client), MOSQ_ERR_AUTH);
	client.password = "secret";
	client.version = 5;
	fake.plugin->broker.has_busy_code = false;
	assert_int_equal(connects(&client), MOSQ_ERR_CONN_REFUSED);
	fake.plugin->broker.has_busy_code = true;
	assert_int_equal(connects(&client), BROKER_BUSY);
	assert_int_equal(connects(&sibling), MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&other), MOSQ_ERR_SUCCESS);
	holdoffs_forget(fake.plugin->holdoffs, "backoffice", "one");
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
}

/* After a reload the broker asks for clients that are connected: none of them is held off. */
static void test_basic_auth__live_is_not_held_off(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	(void)holdoffs_close(fake.plugin->holdoffs, "backoffice", "one", REASON_SCHEMA_LIMIT,
			     clock_mono_ns() / 1000000);
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
}

/* Between the end of its proof and the tick that disconnects it nothing is said to be kept. */
static void test_message__of_one_that_expired(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	ticks();
	sessions_expire(sessions_find(fake.plugin->sessions, &client));
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
	client.version = 4;
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")), MOSQ_ERR_UNKNOWN);
	leaves(&client);
	/* Its will is judged as it was proved. */
	assert_int_equal(asks(&client, MOSQ_ACL_WRITE, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	sessions_bar(sessions_find(fake.plugin->sessions, &client));
	assert_int_equal(says(&client, "pets/p1/status", pet("p1", "AVAILABLE")),
			 MOSQ_ERR_ACL_DENIED);
}

/* What is kept ends the doubling. */
static void test_message__kept_after_a_close(void **state)
{
	struct mosquitto client = a_closed_one();
	struct holdoff holdoff;
	int64_t later = clock_mono_ns() / 1000000 - HOLDOFFS_FIRST_MS;

	(void)state;
	/* Its time is over: as if it had been closed a second earlier. */
	holdoffs_forget(fake.plugin->holdoffs, "backoffice", "one");
	(void)holdoffs_close(fake.plugin->holdoffs, "backoffice", "one", REASON_INTERNAL, later);
	unlock();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	for (int i = 0; says(&client, "pets/p1/status", pet("p1", "AVAILABLE")); i++) {
		assert_true(i < 1000);
		assert_int_equal(clock_nanosleep(CLOCK_MONOTONIC, 0,
						 &(struct timespec){ .tv_nsec = 10000000 }, NULL),
				 0);
		ticks();
	}
	assert_false(holdoffs_find(fake.plugin->holdoffs, "backoffice", "one",
				   clock_mono_ns() / 1000000, &holdoff));
}

/* ---- properties of MQTT 5 ------------------------------------------------------------------ */

/* As the broker's, see property_layout.c. */
struct mqtt5__property {
	struct mqtt5__property *next;
	struct {
		union {
			uint8_t byte;
			char *text;
		};
		uint16_t len;
	} value;
	struct {
		char *text;
		uint16_t len;
	} name;
	int32_t identifier;
	bool client_generated;
};

static struct mqtt5__property *append(struct mqtt5__property **list, int id)
{
	struct mqtt5__property *ret = calloc(1, sizeof(*ret));

	assert_non_null(ret);
	ret->identifier = id;
	while (*list)
		list = &(*list)->next;
	*list = ret;
	return ret;
}

static int add_byte(struct mqtt5__property **list, int id, uint8_t value)
{
	append(list, id)->value.byte = value;
	return 0;
}

static int add_binary(struct mqtt5__property **list, int id, const void *value, uint16_t len)
{
	struct mqtt5__property *property = append(list, id);

	property->value.text = strndup(value, len);
	property->value.len = len;
	return 0;
}

static int add_text(struct mqtt5__property **list, int id, const char *value)
{
	return add_binary(list, id, value, (uint16_t)strlen(value));
}

static int add_pair(struct mqtt5__property **list, int id, const char *name, const char *value)
{
	struct mqtt5__property *property = append(list, id);

	property->name.text = strdup(name);
	property->name.len = (uint16_t)strlen(name);
	property->value.text = strdup(value);
	property->value.len = (uint16_t)strlen(value);
	return 0;
}

static void free_all(struct mqtt5__property **list)
{
	while (*list) {
		struct mqtt5__property *next = (*list)->next;

		if ((*list)->identifier != 1)
			free((*list)->value.text);
		free((*list)->name.text);
		free(*list);
		*list = next;
	}
}

static void free_copy(void *copy)
{
	free(copy);
}

/* Debian's 2.0.21: a broker with functions to make properties, and none to read them. */
static void give_properties(bool is_2_1)
{
	struct broker *broker = &fake.plugin->broker;

	broker->properties = (struct broker_properties){ .add_byte = add_byte,
							 .add_text = add_text,
							 .add_binary = add_binary,
							 .add_pair = add_pair,
							 .free_all = free_all,
							 .free = free_copy };
	broker->properties.is_there = property_layout_use(&broker->properties);
	assert_true(broker->properties.is_there);
	broker->has_quota_code = is_2_1;
}

static int begin_properties(void **state)
{
	(void)state;
	return begin_with("test/data/properties/properties.asyncapi.json");
}

/* ACL_CHECK of a publish, which 2.1 shows the properties. */
static int checks_with(struct mosquitto *client, const char *topic, const char *payload,
		       struct mqtt5__property *list)
{
	struct mosquitto_evt_acl_check event = { .client = client,
						 .topic = topic,
						 .payload = payload,
						 .payloadlen = (uint32_t)strlen(payload),
						 .access = MOSQ_ACL_WRITE,
						 .qos = 1,
						 .properties = fake.plugin->broker.has_quota_code
								       ? list
								       : NULL };

	return raise(MOSQ_EVT_ACL_CHECK, &event);
}

/* A publish as the broker brings it: ACL_CHECK, then MESSAGE, of which *is_message tells. */
static int says_with(struct mosquitto *client, const char *topic, const char *payload,
		     struct mqtt5__property *list, bool *is_message)
{
	struct mosquitto_evt_message event = { .client = client,
					       .topic = (char *)topic,
					       .payload = (char *)payload,
					       .payloadlen = (uint32_t)strlen(payload),
					       .qos = 1,
					       .properties = list };
	int rc = checks_with(client, topic, payload, list);

	*is_message = rc == MOSQ_ERR_SUCCESS;
	return *is_message ? raise(MOSQ_EVT_MESSAGE, &event) : rc;
}

/* 2.0 shows nothing to ACL_CHECK: it is let pass, and MESSAGE refuses it. 2.1 shows it there. */
static void check_where_shown(bool is_2_1)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mqtt5__property *good = NULL, *bad = NULL;
	bool is_message;

	give_properties(is_2_1);
	(void)add_pair(&good, 38, "other", "thing");
	(void)add_pair(&good, 38, "seq", "7");
	(void)add_text(&good, 3, "application/json");
	(void)add_pair(&bad, 38, "seq", "none");
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(says_with(&client, "trace/1", "{\"v\": 1}", good, &is_message),
			 MOSQ_ERR_SUCCESS);
	assert_int_equal(says_with(&client, "trace/1", "{\"v\": 1}", bad, &is_message),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(is_message, !is_2_1);
	assert_int_equal(says_with(&client, "trace/1", "{\"v\": 1}", NULL, &is_message),
			 MOSQ_ERR_ACL_DENIED);
	assert_int_equal(is_message, !is_2_1);
	assert_true(is_logged("header-violation"));
	assert_int_equal(says_with(&client, "free", "1", bad, &is_message), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(says_with(&client, "free", "1", NULL, &is_message), MOSQ_ERR_SUCCESS);
	client.version = 4; /* has no properties, and ACL_CHECK knows it */
	assert_int_equal(says_with(&client, "trace/1", "{\"v\": 1}", NULL, &is_message),
			 MOSQ_ERR_ACL_DENIED);
	assert_false(is_message);
	free_all(&good);
	free_all(&bad);
}

static void test_message__properties_of_2_0(void **state)
{
	(void)state;
	check_where_shown(false);
}

static void test_message__properties_of_2_1(void **state)
{
	(void)state;
	check_where_shown(true);
}

/* A will has no MESSAGE. */
static void check_will(bool is_2_1, int expected)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mqtt5__property *list = NULL;

	give_properties(is_2_1);
	(void)add_pair(&list, 38, "seq", "7");
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	leaves(&client);
	assert_int_equal(checks_with(&client, "trace/1", "{\"v\": 1}", list), expected);
	assert_int_equal(checks_with(&client, "free", "1", NULL), MOSQ_ERR_SUCCESS);
	free_all(&list);
}

static void test_will__with_properties_of_2_0(void **state)
{
	(void)state;
	check_will(false, MOSQ_ERR_ACL_DENIED);
	assert_true(is_logged("will-forbidden"));
}

static void test_will__with_properties_of_2_1(void **state)
{
	(void)state;
	check_will(true, MOSQ_ERR_SUCCESS);
}

/* Nothing to read them with: what the message says of them is not checked, and the log says so. */
static void test_message__properties_that_are_never_shown(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	bool is_message;

	(void)state;
	assert_true(is_logged("rules about them are not checked"));
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	assert_int_equal(says_with(&client, "trace/1", "{\"v\": 1}", NULL, &is_message),
			 MOSQ_ERR_SUCCESS);
}

/* ---- x-enforce of a server --------------------------------------------------------------------
 */

static int begin_strict(void **state)
{
	(void)state;
	return begin_with("test/data/properties/strict.asyncapi.json");
}

static void test_basic_auth__as_the_server_wants_it(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	struct mosquitto other = a_client("backoffice", "two");

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	other.keepalive = 61;
	assert_int_equal(connects(&other), MOSQ_ERR_AUTH);
	assert_true(is_logged("want it: keepAlive"));
	other.keepalive = 0;
	assert_int_equal(connects(&other), MOSQ_ERR_AUTH);
	other.keepalive = 1;
	other.is_clean = false;
	assert_int_equal(connects(&other), MOSQ_ERR_AUTH);
	assert_true(is_logged("want it: cleanSession"));
	other.is_clean = true;
	assert_int_equal(connects(&other), MOSQ_ERR_SUCCESS);
	reloads();
	client.is_clean = false; /* asked again, which is no connection */
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
}

static int port_of(const struct mosquitto *client)
{
	return client->port;
}

static int begin_strict_ports(void **state)
{
	(void)state;
	return begin_with("test/data/properties/strict-ports.asyncapi.json");
}

static void test_basic_auth__as_the_listener_wants_it(void **state)
{
	static const struct {
		int port, keepalive, answer;
	} cases[] = {
		{ 8883, 30, MOSQ_ERR_SUCCESS },
		{ 8883, 31, MOSQ_ERR_AUTH },
		{ 1883, 31, MOSQ_ERR_SUCCESS },
		{ 18883, 31, MOSQ_ERR_SUCCESS }, /* no server has it */
		{ 0, 31, MOSQ_ERR_SUCCESS },     /* not shown */
	};

	(void)state;
	fake.plugin->broker.client_port = port_of;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mosquitto client = a_client("backoffice", "one");

		client.port = cases[i].port;
		client.keepalive = cases[i].keepalive;
		assert_int_equal(connects(&client), cases[i].answer);
	}
}

#define STRICT_PORTS(name) cmocka_unit_test_setup_teardown(name, begin_strict_ports, end)
#define STRICT(name) cmocka_unit_test_setup_teardown(name, begin_strict, end)
#define PROPERTIES(name) cmocka_unit_test_setup_teardown(name, begin_properties, end)
#define LOCKED(name) cmocka_unit_test_setup_teardown(name, begin_locked, end_locked)
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* ---- commands ---------------------------------------------------------------------------- */

/* The responses to @commands, JSON: @count of them, which may come at later ticks; new. */
static json_t *command(struct mosquitto *client, const char *commands, size_t count)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	char request[1024];
	struct mosquitto_evt_control event = { .client = client,
					       .topic = CONTROL_TOPIC,
					       .payload = request };
	json_t *answers;

	event.payloadlen =
		(uint32_t)snprintf(request, sizeof(request), "{\"commands\":[%s]}", commands);
	assert_true(event.payloadlen < sizeof(request));
	assert_int_equal(raise(MOSQ_EVT_CONTROL, &event), MOSQ_ERR_SUCCESS);
	while (json_array_size(fake.answers) < count) {
		ticks();
		(void)nanosleep(&moment, NULL);
	}
	answers = fake.answers;
	fake.answers = NULL;
	return answers;
}

static const char *text_of(const json_t *answers, size_t i, const char *member)
{
	const json_t *response = json_array_get(answers, i);
	const char *text = json_string_value(json_object_get(response, member));

	if (!text)
		text = json_string_value(
			json_object_get(json_object_get(response, "data"), member));
	return text ? text : "";
}

static size_t number_of(const json_t *answers, size_t i, const char *member)
{
	const json_t *data = json_object_get(json_array_get(answers, i), "data");

	return (size_t)json_integer_value(json_object_get(data, member));
}

/* Whatever the client is called: its name is told as it is, and its topic is one level. */
static void test_control__whoami_of_any_client_id(void **state)
{
	static char long_id[PERCENT_LEVEL_MAX + 2]; /* no level of a topic has room for it */
	static const struct {
		const char *id, *notices; /* behind the principal's */
	} rows[] = {
		{ "one", "/one" },
		{ "a/b+c#d", "/a%2Fb%2Bc%23d" },
		{ "50% \"\\\t", "/50%25%20%22%5C%09" },
		{ "\303\274\360\237\230\200", "/%C3%BC%F0%9F%98%80" },
		{ "$SYS", "/%24SYS" },
		{ long_id, NULL },
	};

	(void)state;
	memset(long_id, 'x', sizeof(long_id) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mosquitto client = a_client("customer-a", rows[i].id);
		char wanted[256] = "";
		json_t *answers;

		if (rows[i].notices)
			(void)snprintf(wanted, sizeof(wanted), "refusals/customer-a%s",
				       rows[i].notices);
		assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
		answers = command(&client, "{\"command\":\"whoami\"}", 1);
		assert_string_equal(text_of(answers, 0, "notices"), wanted);
		assert_string_equal(text_of(answers, 0, "clientId"), rows[i].id);
		assert_string_equal(text_of(answers, 0, "principal"), "customer-a");
		assert_string_equal(text_of(answers, 0, "method"), "password");
		json_decref(answers);
		leaves(&client);
		ticks();
	}
}

/* What one has by a role, what it has of its own, and another digest after each reload. */
static void test_control__whoami_after_a_reload(void **state)
{
	struct mosquitto client = a_client("customer-a", "one");
	char digest[DOCUMENTS_DIGEST];
	json_t *answers, *data, *wanted;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	answers = command(&client, "{\"command\":\"whoami\"}", 1);
	data = json_object_get(json_array_get(answers, 0), "data");
	(void)snprintf(
		digest, sizeof(digest), "%s",
		json_string_value(json_object_get(json_object_get(data, "contract"), "digest")));
	json_decref(answers);
	write_file("access.json",
		   "{\"roles\": {\"r\": {\"scopes\": [\"read:pets\", \"read:orders:own\","
		   " \"control:*\"]}, \"not\": {\"deny\": [\"control:reload\"]},"
		   " \"some\": {\"scopes\": [\"read:payments\"], \"where\": {\"orderId\": \"a\"}}},"
		   " \"users\": {\"customer-a\": {\"roles\": [\"r\", \"not\", \"some\"],"
		   " \"attributes\": {\"petId\": [\"\\\"q\\\"\", \"\\u00fc\"]}}}}");
	reloads();
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	answers = command(&client, "{\"command\":\"whoami\"}", 1);
	data = json_object_get(json_array_get(answers, 0), "data");
	assert_string_not_equal(
		json_string_value(json_object_get(json_object_get(data, "contract"), "digest")),
		digest);
	wanted = json_pack("{s:[s,s,s], s:[s], s:{s:[s,s]}}", "roles", "r", "not", "some", "own",
			   "read:orders", "attributes", "petId", "\"q\"", "\303\274");
	if (!json_equal(json_object_get(data, "own"), json_object_get(wanted, "own")) ||
	    !json_equal(json_object_get(data, "roles"), json_object_get(wanted, "roles")) ||
	    !json_equal(json_object_get(data, "attributes"), json_object_get(wanted, "attributes")))
		fail_msg("%s", json_dumps(data, 0));
	json_decref(wanted);
	json_decref(answers);
}

/* Each part of the text, by each encoding, and then the whole is the same. */
static json_t *read_contract(struct mosquitto *client, const char *encoding, size_t most_bytes)
{
	unsigned char packed[65536], *plain = NULL;
	size_t used = 0, size = 0, len;
	char members[256];
	json_t *ret;

	fake.answer_bytes = 0;
	do {
		json_t *answers;
		size_t i = 0, count;

		(void)snprintf(members, sizeof(members),
			       "{\"command\":\"contract\",\"correlationData\":\"%08d\","
			       "\"offset\":%zu%s}",
			       7, used, encoding);
		answers = command(client, members, 1);
		count = json_array_size(answers);
		for (; i < count; i++) {
			const char *text = text_of(answers, i, "text");

			assert_int_equal(number_of(answers, i, "offset"), used);
			size = number_of(answers, i, "size");
			assert_true(size < sizeof(packed));
			if (!encoding[0]) {
				memcpy(packed + used, text, strlen(text));
				used += strlen(text);
				continue;
			}
			assert_string_equal(text_of(answers, i, "encoding"), "gzip");
			assert_true(base64_decode(BASE64_PADDED, text, strlen(text), packed + used,
						  sizeof(packed) - used, &len));
			used += len;
		}
		json_decref(answers);
	} while (used < size);
	assert_int_equal(used, size);
	assert_true(fake.answer_bytes <= most_bytes);
	len = 1u << 20;
	if (encoding[0])
		assert_int_equal(packer_unpack(packed, used, &plain, &len), 0);
	ret = json_loadb(plain ? (const char *)plain : (const char *)packed, plain ? len : used, 0,
			 NULL);
	free(plain);
	assert_non_null(ret);
	return ret;
}

static void test_control__contract_by_each_encoding(void **state)
{
	struct mosquitto client = a_client("backoffice", "one");
	json_t *plain, *alone, *parts;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	plain = read_contract(&client, "", CONTROL_ANSWER_MAX);
	alone = read_contract(&client, ",\"encoding\":\"gzip\"", CONTROL_ANSWER_MAX);
	parts = read_contract(&client, ",\"encoding\":\"gzip\",\"parts\":2", 4096 - 64);
	assert_true(json_equal(plain, alone));
	assert_true(json_equal(plain, parts));
	assert_true(json_array_size(json_object_get(plain, "may")) > 3);
	json_decref(plain);
	json_decref(alone);
	json_decref(parts);
}

static void test_control__contract_that_is_none(void **state)
{
	static const struct {
		const char *members, *error, *code;
	} rows[] = {
		{ ",\"offset\":1000000", "offset: expected 0", "" },
		{ ",\"offset\":1000000,\"encoding\":\"gzip\"", "offset: expected 0 to", "" },
		{ ",\"encoding\":\"deflate\"", "encoding: expected gzip or identity", "" },
		{ ",\"digest\":\"00\"", "begin anew", "changed" },
		{ ",\"digest\":\"00\",\"encoding\":\"gzip\",\"parts\":3", "begin anew", "changed" },
	};
	struct mosquitto client = a_client("backoffice", "one");
	char members[256], digest[DOCUMENTS_DIGEST];
	json_t *answers;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		(void)snprintf(members, sizeof(members), "{\"command\":\"contract\"%s}",
			       rows[i].members);
		answers = command(&client, members, 1);
		assert_int_equal(json_array_size(answers), 1);
		if (!strstr(text_of(answers, 0, "error"), rows[i].error))
			fail_msg("%s: %s", rows[i].members, text_of(answers, 0, "error"));
		assert_string_equal(text_of(answers, 0, "code"), rows[i].code);
		json_decref(answers);
	}
	/* The right digest, and one that only begins like it. */
	answers = command(&client, "{\"command\":\"contract\"}", 1);
	(void)snprintf(digest, sizeof(digest), "%s", text_of(answers, 0, "digest"));
	json_decref(answers);
	for (int is_longer = 0; is_longer < 2; is_longer++) {
		(void)snprintf(members, sizeof(members),
			       "{\"command\":\"contract\",\"digest\":\"%s%s\"}", digest,
			       is_longer ? "0" : "");
		answers = command(&client, members, 1);
		assert_string_equal(text_of(answers, 0, "code"), is_longer ? "changed" : "");
		json_decref(answers);
	}
}

/* Made on the thread as well, and given in parts. */
static void test_control__history_comes_later(void **state)
{
	static const char *const wrong[] = { "-1", "", "7x", " 7", "99999999999999999999" };
	struct mosquitto client = a_client("backoffice", "one");
	json_t *answers;

	(void)state;
	assert_int_equal(connects(&client), MOSQ_ERR_SUCCESS);
	answers = command(&client, "{\"command\":\"history\"}", 1);
	assert_string_equal(text_of(answers, 0, "scope"), "control:history");
	json_decref(answers);
	write_file("access.json", "{\"roles\": {\"all\": {\"scopes\": [\"control:history\"]}},"
				  " \"users\": {\"backoffice\": {\"roles\": [\"all\"]}}}");
	reloads();
	answers =
		command(&client,
			"{\"command\":\"history\"},{\"command\":\"history\",\"after\":\"999\"}", 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *data = json_object_get(json_array_get(answers, i), "data");

		assert_int_equal(json_array_size(json_object_get(data, "values")), i == 0);
		assert_true(json_array_size(json_object_get(data, "names")) > 3);
		assert_true(json_is_null(json_object_get(data, "next")));
	}
	json_decref(answers);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char members[128];

		(void)snprintf(members, sizeof(members),
			       "{\"command\":\"history\",\"after\":\"%s\"}", wrong[i]);
		answers = command(&client, members, 1);
		assert_string_equal(text_of(answers, 0, "error"), "after: is none that was given");
		json_decref(answers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_basic_auth__live),
		TEST(test_basic_auth__live_is_asked_once),
		TEST(test_basic_auth__away),
		TEST(test_basic_auth__a_newcomer_at_a_reload),
		TEST(test_basic_auth__away_by_websocket),
		TEST(test_basic_auth__live_by_websocket),
		TEST(test_basic_auth__without_ticks),
		TEST(test_control__whoami_of_any_client_id),
		TEST(test_control__whoami_after_a_reload),
		TEST(test_control__contract_by_each_encoding),
		TEST(test_control__contract_that_is_none),
		TEST(test_control__history_comes_later),
		TEST(test_reload__once),
		TEST(test_broker_log__is_one_line),
		TEST(test_acl_check__an_address_given_away),
		TEST(test_acl_check__without_a_session),
		TEST(test_acl_check__asked_again_at_connect),
		TEST(test_acl_check__asked_again_whatever_stands),
		TEST(test_message__again_what_stands_goes_out),
		TEST(test_message__again_and_withheld),
		TEST(test_message__again_by_another),
		TEST(test_will__after_disconnect),
		TEST(test_will__before_disconnect),
		TEST(test_will__before_disconnect_and_nobody_reads),
		TEST(test_will__a_forbidden_one_before_disconnect),
		TEST(test_will__a_forbidden_one_restores_what_was_retained),
		TEST(test_retained__subscribers_do_not_hold_up_the_scan),
		TEST(test_message__with_the_log_between),
		TEST(test_message__changed_in_its_place),
		TEST(test_message__is_timed_now_and_then),
		TEST(test_will__at_a_takeover),
		TEST(test_will__a_takeover_that_failed),
		TEST(test_will__the_broker_ends),
		TEST(test_will__the_broker_was_told_to_end),
		TEST(test_tick__comes_where_the_clock_is_set_back),
		TEST(test_tick__does_not_do_all_in_each_round),
		TEST(test_tick__ends_who_expired),
		TEST(test_tick__ends_who_expired_will_first),
		TEST(test_tick__an_expired_one_that_is_not_gone_yet),
		TEST(test_tick__an_expired_one_that_was_taken_over),
		TEST(test_tick__ends_who_is_barred),
		TEST(test_tick__ends_whose_password_was_changed),
		TEST(test_tick__ends_who_is_idle),
		TEST(test_control__what_waited_was_a_will),
		TEST(test_events__of_another_thread_are_refused),
		TEST(test_events__http_requests),
		TEST(test_events__http_api_of_a_client),
		TEST(test_disconnect__twice),
		TEST(test_auth_continue__unasked),
		cmocka_unit_test(test_broker_answer__of_clients),
		cmocka_unit_test(test_broker_answer__of_others),
		cmocka_unit_test(test_broker_answer__of_bridges_at_qos_2),
		cmocka_unit_test(test_broker_withhold__no_subscriber_has_the_topic),
		LOCKED(test_message__that_cannot_be_kept),
		cmocka_unit_test_setup_teardown(test_message__waits_for_the_database, begin,
						end_locked),
		LOCKED(test_message__of_a_bridge_that_cannot_be_kept),
		LOCKED(test_will__that_cannot_be_kept),
		LOCKED(test_acl_check__asked_again_in_trouble),
		LOCKED(test_basic_auth__held_off),
		TEST(test_basic_auth__live_is_not_held_off),
		TEST(test_message__of_one_that_expired),
		LOCKED(test_message__kept_after_a_close),
		STRICT(test_basic_auth__as_the_server_wants_it),
		STRICT_PORTS(test_basic_auth__as_the_listener_wants_it),
		PROPERTIES(test_message__properties_of_2_0),
		PROPERTIES(test_message__properties_of_2_1),
		PROPERTIES(test_will__with_properties_of_2_0),
		PROPERTIES(test_will__with_properties_of_2_1),
		PROPERTIES(test_message__properties_that_are_never_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
