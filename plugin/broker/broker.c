#include "broker/broker.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/property_id.h"
#include "broker/broker_api.h"

/* Mosquitto 2.0 has no name for it and would close the connection: broker_probe() decides. */
#define QUOTA_EXCEEDED (-6)

#define WITHHELD "-" /* of which the topic of a withheld message is, behind a $ */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct broker_symbol {
	const char *name;
	void *place; /* of a pointer; NULL there: the broker has no such symbol */
};

/* The flag that the broker's signal handler clears, where the program itself exports it. */
static const volatile int *find_running(void)
{
	static const char *const names[] = { "run", "g_run" }; /* 2.0, 2.1 */
	Dl_info broker, found;

	if (!dladdr((void *)mosquitto_log_printf, &broker))
		return NULL;
	for (size_t i = 0; i < COUNT(names); i++) {
		void *symbol = dlsym(RTLD_DEFAULT, names[i]);

		if (symbol && dladdr(symbol, &found) && found.dli_fbase == broker.dli_fbase)
			return symbol;
	}
	return NULL;
}

/*
 * Looks up what the broker, and libmosquitto in it, export. True: all of them are there. POSIX lets
 * a symbol's address be a function's; ISO C has no cast for it.
 */
static bool probe(const struct broker_symbol *symbols, size_t count)
{
	bool is_whole = true;

	for (size_t i = 0; i < count; i++) {
		void *symbol = dlsym(RTLD_DEFAULT, symbols[i].name);

		memcpy(symbols[i].place, &symbol, sizeof(symbol));
		is_whole = is_whole && symbol;
	}
	return is_whole;
}

void broker_probe(struct broker *ret)
{
	struct broker_properties *properties = &ret->properties;
	const struct broker_symbol of_properties[] = {
		{ "mosquitto_property_free_all", &properties->free_all },
		{ "mosquitto_property_identifier", &properties->identifier },
		{ "mosquitto_property_next", &properties->next },
		{ "mosquitto_property_read_byte", &properties->read_byte },
		{ "mosquitto_property_read_string", &properties->read_text },
		{ "mosquitto_property_read_binary", &properties->read_binary },
		{ "mosquitto_property_read_string_pair", &properties->read_pair },
		{ "mosquitto_property_add_byte", &properties->add_byte },
		{ "mosquitto_property_add_string", &properties->add_text },
		{ "mosquitto_property_add_binary", &properties->add_binary },
		{ "mosquitto_property_add_string_pair", &properties->add_pair },
	};
	const struct broker_symbol of_2_1[] = {
		{ "mosquitto_complete_basic_auth", &ret->complete_login },
		{ "mosquitto_subscription_delete", &ret->unsubscribe },
		{ "mosquitto_apply_on_all_clients", &ret->for_all },
		{ "mosquitto_client_port", &ret->client_port },
	};

	properties->is_there = probe(of_properties, COUNT(of_properties));
	(void)probe(of_2_1, COUNT(of_2_1));
	ret->has_busy_code = ret->complete_login != NULL;
	ret->has_connect_event = ret->complete_login != NULL;
	ret->has_quota_code = dlsym(RTLD_DEFAULT, "mosquitto_plugin_set_info") != NULL;
	if (!properties->is_there && !ret->has_quota_code)
		properties->is_there = property_layout_use(properties);
	ret->running = find_running();
	/* 2.0's copies are from calloc(), 2.1's are counted by the broker. */
	properties->free = ret->has_quota_code ? mosquitto_free : free;
}

/* What the broker says of itself on its first line: "mosquitto version 2.1.2". */
static bool read_version(int *major, int *minor, int *patch)
{
	char program[] = "/proc/self/exe";
	char help[] = "-h";
	char *const argv[] = { program, help, NULL };
	char text[256];
	posix_spawn_file_actions_t actions;
	size_t len = 0;
	ssize_t n = 0;
	int fd[2];
	pid_t pid;
	bool is_begun;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return false;
	(void)posix_spawn_file_actions_init(&actions); /* neither can fail in glibc, but for */
	(void)posix_spawn_file_actions_adddup2(&actions, fd[1], STDOUT_FILENO); /* memory */
	is_begun = posix_spawn(&pid, program, &actions, NULL, argv, environ) == 0;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fd[1]);
	while (is_begun && len + 1 < sizeof(text) &&
	       (n = read(fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(fd[0]);
	if (is_begun)
		(void)waitpid(pid, NULL, 0);
	return sscanf(text, "mosquitto version %d.%d.%d", major, minor, patch) == 3;
}

int broker_check_delayed(const struct broker *broker, struct diag *diag)
{
	int major = 0, minor = 0, patch = 0;

	if (!broker->complete_login)
		return diag_set(diag, ERR_INVALID,
				"plugin_opt_delayed_logins: Mosquitto 2.0 can't answer a login "
				"later, expected 0");
	if (!read_version(&major, &minor, &patch))
		return diag_set(diag, ERR_INVALID,
				"plugin_opt_delayed_logins: the broker's version is unknown, "
				"expected 0, or a Mosquitto newer than 2.1.2 that says it to -h");
	if (major > 2 || (major == 2 && (minor > 1 || (minor == 1 && patch > 2))))
		return 0;
	return diag_set(diag, ERR_INVALID,
			"plugin_opt_delayed_logins: Mosquitto %d.%d.%d frees a client twice that "
			"goes on sending while its login waits, expected 0, or a Mosquitto newer "
			"than 2.1.2",
			major, minor, patch);
}

/* Nothing to do: that a signal came ends epoll_wait(). Other calls go on, see SA_RESTART. */
static void on_wake(int number)
{
	(void)number;
}

/* Whose is the signal now? */
static bool has_handler(void (*handler)(int))
{
	struct sigaction now;

	return sigaction(SIGURG, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
	       now.sa_handler == handler;
}

void broker_wakeable(void)
{
	struct sigaction ours = { .sa_handler = on_wake, .sa_flags = SA_RESTART };

	if (has_handler(SIG_DFL))
		(void)sigaction(SIGURG, &ours, NULL);
}

void broker_wake(pthread_t thread)
{
	if (has_handler(on_wake))
		(void)pthread_kill(thread, SIGURG);
}

void broker_unwakeable(void)
{
	struct sigaction none = { .sa_handler = SIG_DFL };

	if (has_handler(on_wake))
		(void)sigaction(SIGURG, &none, NULL);
}

void broker_log(enum broker_level level, const char *format, ...)
{
	static const int levels[] = {
		[BROKER_ERROR] = MOSQ_LOG_ERR,
		[BROKER_WARNING] = MOSQ_LOG_WARNING,
		[BROKER_NOTICE] = MOSQ_LOG_NOTICE,
		[BROKER_INFO] = MOSQ_LOG_INFO,
	};
	char said[1000], line[1000]; /* the broker cuts longer ones */
	va_list args;

	va_start(args, format);
	(void)vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	/* Titles and the like may hold anything, but no line of the log is theirs. */
	(void)diag_escape(line, sizeof(line), said, strlen(said));
	mosquitto_log_printf(levels[level], "petstore: %s", line);
}

int broker_certificate(const struct mosquitto *client, struct certid *ret, struct diag *diag)
{
	X509 *certificate = mosquitto_client_certificate(client);
	int rc;

	if (!certificate)
		return 0;
	rc = certid_read(certificate, ret, diag);
	X509_free(certificate);
	return rc ? rc : 1;
}

bool broker_rename(struct mosquitto *client, const char *name)
{
	const char *old = mosquitto_client_username(client);

	return (old && strcmp(old, name) == 0) ||
	       mosquitto_set_username(client, name) == MOSQ_ERR_SUCCESS;
}

bool broker_is_websocket(const struct mosquitto *client)
{
	return mosquitto_client_protocol(client) == mp_websockets;
}

void broker_toggle_id(const struct broker *broker, const struct mosquitto *client)
{
	/* The broker's own bytes: it has no call for this, and nothing else would do. */
	unsigned char *id = (unsigned char *)(uintptr_t)mosquitto_client_id(client);

	/*
	 * A client id is UTF-8, which the broker has checked. With the other half of the codes in
	 * its first place it is not: what comes next would have to go on as it began.
	 */
	if (id && id[0] && !broker->has_quota_code)
		id[0] ^= 0x80;
}

bool broker_is_source(const struct mosquitto *client)
{
	return !mosquitto_client_address(client) &&
	       mosquitto_client_protocol_version(client) == 0 &&
	       mosquitto_client_keepalive(client) == 0;
}

/* Called by the broker. Non-zero ends its walk. */
static int add_to_list(const struct mosquitto *client, void *ctx)
{
	return fwrite(&client, sizeof(client), 1, ctx) == 1 ? MOSQ_ERR_SUCCESS : MOSQ_ERR_NOMEM;
}

static int compare_addresses(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t) * (const void *const *)a;
	uintptr_t right = (uintptr_t) * (const void *const *)b;

	return (left > right) - (left < right);
}

const void **broker_list(const struct broker *broker, size_t *count)
{
	char *list = NULL;
	size_t size = 0;
	FILE *stream = broker->for_all ? open_memstream(&list, &size) : NULL;
	bool is_whole;

	*count = 0;
	if (!stream)
		return NULL;
	is_whole = broker->for_all(add_to_list, stream) == MOSQ_ERR_SUCCESS;
	is_whole = fclose(stream) == 0 && is_whole;
	if (!is_whole) {
		free(list);
		return NULL;
	}
	*count = size / sizeof(void *);
	qsort(list, *count, sizeof(void *), compare_addresses);
	return (const void **)(void *)list;
}

bool broker_is_listed(const void *const *list, size_t count, const struct mosquitto *client)
{
	return list && bsearch(&client, list, count, sizeof(*list), compare_addresses) != NULL;
}

void broker_kick(const char *client_id)
{
	(void)mosquitto_kick_client_by_clientid(client_id, true); /* not found: it is gone */
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

struct who broker_who(const struct mosquitto *client)
{
	return (struct who){
		.client_id = or_empty(mosquitto_client_id(client)),
		.principal = or_empty(mosquitto_client_username(client)),
		.address = or_empty(mosquitto_client_address(client)),
	};
}

/* The broker's copying twin of this call counts memory wrongly in 2.0, so the copy is made here. */
bool broker_publish_take(const struct broker *broker, const char *client_id,
			 const struct message *message, struct mqtt5__property *properties)
{
	char *copy = mosquitto_malloc(message->payload_len + 1);
	bool is_taken = false;

	if (copy) {
		if (message->payload_len > 0)
			memcpy(copy, message->payload, message->payload_len);
		copy[message->payload_len] = '\0';
		is_taken = mosquitto_broker_publish(client_id, message->topic,
						    (int)message->payload_len, copy,
						    (int)message->qos, message->is_retained,
						    properties) == MOSQ_ERR_SUCCESS;
	}
	if (copy && !is_taken)
		mosquitto_free(copy);
	if (properties && !is_taken)
		broker->properties.free_all(&properties);
	return is_taken;
}

bool broker_publish(const struct broker *broker, const char *topic, const char *text, size_t len,
		    const char *content_type)
{
	const struct message message = {
		.topic = topic, .payload = text, .payload_len = len, .qos = 1
	};
	mosquitto_property *properties = NULL;

	/* Without it the message is what it is. */
	if (broker->properties.add_text && broker->properties.free_all)
		(void)broker->properties.add_text(&properties, PROPERTY_ID_CONTENT_TYPE,
						  content_type);
	return broker_publish_take(broker, NULL, &message, properties);
}

bool broker_send(const char *client_id, const char *topic, const char *text, size_t len)
{
	const struct message message = { .topic = topic, .payload = text, .payload_len = len };

	return broker_publish_take(NULL, client_id, &message, NULL);
}

bool broker_retain(const char *topic, const char *text)
{
	const struct message message = {
		.topic = topic, .payload = text, .payload_len = strlen(text), .is_retained = true
	};

	return broker_publish_take(NULL, NULL, &message, NULL);
}

void broker_acl_request(const struct mosquitto_evt_acl_check *event, struct gate_request *ret)
{
	enum gate_action action = event->access == MOSQ_ACL_WRITE         ? GATE_PUBLISH
				  : event->access == MOSQ_ACL_READ        ? GATE_DELIVER
				  : event->access == MOSQ_ACL_UNSUBSCRIBE ? GATE_UNSUBSCRIBE
									  : GATE_SUBSCRIBE;

	*ret = (struct gate_request){
		.action = action,
		.message = { .topic = or_empty(event->topic),
			     .topic_len = event->topic ? strlen(event->topic) : 0,
			     .payload = event->payload,
			     .payload_len = event->payload ? event->payloadlen : 0,
			     .qos = event->qos,
			     .is_retained = event->retain },
		.client_id = mosquitto_client_id(event->client),
	};
}

void broker_message_request(const struct mosquitto_evt_message *event, struct gate_request *ret)
{
	const struct mosquitto_evt_acl_check asked = { .client = event->client,
						       .topic = event->topic,
						       .payload = event->payload,
						       .payloadlen = event->payloadlen,
						       .qos = event->qos,
						       .retain = event->retain,
						       .access = MOSQ_ACL_WRITE };

	broker_acl_request(&asked, ret);
}

static bool can_be_closed(const struct broker_refused *refused)
{
	return refused->publisher != BROKER_OF_NOBODY && refused->version >= 3 &&
	       refused->version <= 5;
}

/* Does the broker that sent it by a bridge wait for a PUBREC that may have a code? */
static bool is_bridged(const struct broker_refused *refused)
{
	return refused->qos == 2 && refused->version == 5 &&
	       (refused->publisher == BROKER_OF_BRIDGE || refused->is_peer);
}

static enum broker_answer choose(const struct broker *broker, const struct broker_refused *refused)
{
	enum reason_cause cause = reason_cause(refused->reason);
	enum broker_answer answer = broker->has_quota_code ? BROKER_QUOTA : BROKER_DENIED;

	/*
	 * The message was not decided, because the proof expired. A client that is closed logs in
	 * and sends it again; an MQTT 5 client gets the reason instead.
	 */
	if (refused->is_expired && refused->qos > 0 && refused->version < 5 &&
	    can_be_closed(refused))
		return BROKER_CLOSED;
	if (cause == REASON_OF_MESSAGE || refused->publisher == BROKER_OF_NOBODY)
		return BROKER_DENIED;
	if (cause == REASON_OF_PACE || refused->qos == 0 || !can_be_closed(refused))
		return answer;
	/*
	 * A bridge that is closed comes back after its own restart_timeout: where that helps, and
	 * not for ever. The other broker ends an MQTT 5 bridge's session with its connection, so
	 * that all that is on its way would be lost, not this message alone.
	 */
	if (refused->publisher == BROKER_OF_BRIDGE)
		return cause == REASON_OF_TROUBLE && refused->version < 5 ? BROKER_CLOSED : answer;
	/* A peer's bridge keeps what is not acknowledged, but drops what is refused. */
	if (refused->is_peer && cause == REASON_OF_TROUBLE)
		return BROKER_CLOSED;
	return refused->version == 5 && broker->has_quota_code ? BROKER_QUOTA : BROKER_CLOSED;
}

enum broker_answer broker_answer(const struct broker *broker, const struct broker_refused *refused)
{
	enum broker_answer answer = choose(broker, refused);

	return answer != BROKER_CLOSED && refused->publisher != BROKER_OF_NOBODY &&
			       is_bridged(refused)
		       ? BROKER_WITHHELD
		       : answer;
}

int broker_answer_code(enum broker_answer answer)
{
	static const int codes[] = {
		[BROKER_DENIED] = MOSQ_ERR_ACL_DENIED,
		[BROKER_QUOTA] = QUOTA_EXCEEDED,
		/* Of those that close the one with which MQTT 5 is sent a DISCONNECT, of 0x80. */
		[BROKER_CLOSED] = MOSQ_ERR_UNKNOWN,
		[BROKER_WITHHELD] = MOSQ_ERR_SUCCESS,
	};

	return codes[answer];
}

/* In place: 2.0.11 loses the memory of a topic that another one is put for. */
void broker_withhold(struct mosquitto_evt_message *event)
{
	memset(event->topic, WITHHELD[0], strlen(event->topic));
	event->topic[0] = '$'; /* no wildcard of anybody's reaches it */
	event->retain = false;
}

bool broker_is_withheld(const struct message *message)
{
	return message->topic_len > 0 && message->topic[0] == '$' &&
	       strspn(message->topic + 1, WITHHELD) == message->topic_len - 1;
}

bool broker_is_bridge(const struct mosquitto *client)
{
	return !mosquitto_client_address(client) && mosquitto_client_protocol_version(client) != 0;
}

int broker_hold_off(const struct broker *broker, const struct mosquitto *client, bool is_exchange)
{
	bool is_said = broker->has_busy_code && !is_exchange &&
		       mosquitto_client_protocol_version(client) == 5;

	/* For the other code no release sends a packet, and no other plugin gives it as a no. */
	return is_said ? BROKER_BUSY : MOSQ_ERR_CONN_REFUSED;
}
