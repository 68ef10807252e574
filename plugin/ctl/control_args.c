#include "ctl/control_args.h"

#include <mosquitto.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/control.h"

#define KEEPALIVE_S 60
#define LOOP_MS 100

/* clang-format off */
#define AT(member) .offset = offsetof(struct control_args, member)
const struct args_row control_args_rows[] = {
	{ "host", ARGS_TEXT, "NAME", "the broker (localhost, or as --config has it)", AT(broker.host) },
	{ "port", ARGS_NUMBER, "N", "its port (8883, or as --config has it)", AT(broker.port), 1, 65535 },
	{ "cafile", ARGS_FILE, "FILE", "who signed its certificate; without it no TLS", AT(broker.ca_file) },
	{ "cert", ARGS_FILE, "FILE", "a client certificate", AT(broker.certificate) },
	{ "key", ARGS_FILE, "FILE", "and its key", AT(broker.key) },
	{ "user", ARGS_TEXT, "NAME", "the user name", AT(broker.user) },
	{ "password-file", ARGS_FILE, "FILE",
	  "its first line is the password, - is standard input; else it is asked for",
	  AT(password_file) },
	{ "id", ARGS_TEXT, "ID", "the client id (NAME/petstorectl-PID)", AT(broker.client_id) },
	{ "timeout", ARGS_NUMBER, "SECONDS", "how long to wait for an answer (10)",
	  AT(broker.timeout_s), 1, 3600 },
	{ .name = NULL },
};
/* clang-format on */

const struct control_args control_args_defaults = { .broker = { .timeout_s = 10 } };

/* ---- what the configuration says --------------------------------------------------------- */

static long port_of(const struct brokerfile *file, size_t listener)
{
	const struct brokerfile_line *line = file->listener[listener].line;
	const char *port = line ? line->value : files_value(file, listener, "port");

	return port[0] ? strtol(port, NULL, 10) : 1883;
}

/* Can it be asked: by MQTT over TCP, and by a client without a certificate? */
static bool is_usable(const struct brokerfile *file, size_t listener)
{
	const char *protocol = files_value(file, listener, "protocol");

	return file->listener[listener].is_there && port_of(file, listener) > 0 &&
	       files_address(file, listener)[0] != '/' &&
	       (!protocol[0] || strcmp(protocol, "mqtt") == 0) &&
	       !brokerfile_is_true(files_value(file, listener, "require_certificate"));
}

static const char *authority_of(const struct brokerfile *file)
{
	for (size_t i = 0; i < file->line_count; i++)
		if (!file->line[i].bridge && strcmp(file->line[i].word, "cafile") == 0)
			return file->line[i].value;
	return NULL;
}

/* The listener that is asked, or a negative number. */
static int pick_listener(const struct brokerfile *file)
{
	for (size_t i = 0; i < file->listener_count; i++)
		if (is_usable(file, i) && !files_line(file, i, "certfile") &&
		    files_is_local(file, i))
			return (int)i;
	for (size_t i = 0; i < file->listener_count && authority_of(file); i++)
		if (is_usable(file, i) && files_line(file, i, "certfile"))
			return (int)i;
	return -1;
}

static int find_broker(struct ctl_call *call, struct control_args *args)
{
	const struct brokerfile *file = &call->files.broker;
	int listener = pick_listener(file);
	const char *address;

	if (listener < 0)
		return diag_set(
			&call->diag, ERR_INVALID,
			"%s: no listener to ask on 127.0.0.1 without TLS, or with TLS and a "
			"cafile; expected --host, --port and --cafile",
			call->files.config);
	address = files_address(file, (size_t)listener);
	(void)snprintf(args->host, sizeof(args->host), "%s", address[0] ? address : "localhost");
	args->broker.host = args->host;
	args->broker.port = port_of(file, (size_t)listener);
	if (files_line(file, (size_t)listener, "certfile"))
		args->broker.ca_file = authority_of(file);
	return 0;
}

static const char *topic_of(const struct control_args *args)
{
	return args->topic ? args->topic : CONTROL_TOPIC;
}

/* May the user give the command, by contract and access file? */
static bool may_command(const struct scene *scene, const struct control_args *args,
			const char *user)
{
	const struct access_principal *principal = access_find(scene->rules->access, user);
	struct contract_match match;

	if (!args->topic)
		return access_may_ask(principal) && !access_lacks(principal, args->command);
	match = topics_match(scene->rules->contract->topics, args->topic, strlen(args->topic));
	return principal && !principal->is_disabled && match.channel &&
	       gate_grant(scene->rules, principal, LOGIN_PASSWORD, match.channel->send,
			  match.channel->send_count, &match) == GATE_FULL;
}

/* Takes the first line of the user that was named, else of one that may give commands. */
static void pick_user(FILE *file, const struct scene *scene, struct control_args *args)
{
	char line[CONTROL_ARGS_NAME_MAX + CONTROL_ARGS_PASSWORD_MAX];

	while (!args->password[0] && fgets(line, sizeof(line), file)) {
		char *space = strchr(line, ' ');

		if (!space || space - line >= (long)sizeof(args->user))
			continue;
		*space = '\0';
		if (args->broker.user ? strcmp(args->broker.user, line) != 0
				      : !may_command(scene, args, line))
			continue;
		(void)strcpy(args->user, line);
		(void)snprintf(args->password, sizeof(args->password), "%.*s",
			       (int)strcspn(space + 1, "\r\n"), space + 1);
		args->broker.user = args->user;
	}
	OPENSSL_cleanse(line, sizeof(line));
}

/* The file "credentials" beside the passwords, as the demo and the package write it. */
static int find_user(struct ctl_call *call, struct control_args *args)
{
	const char *passwords = call->files.passwords ? call->files.passwords : "";
	const char *slash = strrchr(passwords, '/');
	int folder = slash ? (int)(slash - passwords) + 1 : 0;
	struct scene scene = { .rules = NULL };
	char path[4096];
	FILE *file;
	int rc = 0;

	if ((size_t)snprintf(path, sizeof(path), "%.*scredentials", folder, passwords) >=
	    sizeof(path))
		return 0;
	file = passwords[0] ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	call->files.database = NULL; /* permissions do not depend on it */
	if (!args->broker.user)
		rc = scene_open(&call->files, &scene, &call->diag);
	if (!rc)
		pick_user(file, &scene, args);
	scene_clear(&scene);
	(void)fclose(file); /* only read from */
	return rc;
}

/* By the configuration. A password is sent to no other broker than that of its configuration. */
static int find(struct ctl_call *call, struct control_args *args)
{
	const struct control_broker *broker = &args->broker;
	int rc = files_find(&call->files, call->name, &call->diag);

	if (rc)
		return rc;
	if (!call->files.config) {
		(void)ctl_fail(call->name, "no configuration was found (see --config): asks "
					   "localhost port 8883 without TLS (see --cafile)");
		return 0;
	}
	rc = find_broker(call, args);
	if (!rc && !args->password_file)
		rc = find_user(call, args);
	if (!rc)
		(void)ctl_fail(call->name, "asks %s port %ld%s%s", broker->host, broker->port,
			       broker->user ? " as " : "", broker->user ? broker->user : "");
	return rc;
}

/* ---- asking ------------------------------------------------------------------------------ */

static int read_password(const char *path, char *ret, struct diag *diag)
{
	bool is_input = path && strcmp(path, "-") == 0;
	bool is_read;
	FILE *file;

	if (!path)
		return EVP_read_pw_string(ret, (int)CONTROL_ARGS_PASSWORD_MAX - 1,
					  "Password: ", 0) == 0
			       ? 0
			       : diag_set(diag, ERR_INVALID, "no password was given");
	file = is_input ? stdin : fopen(path, "r");
	is_read = file && fgets(ret, (int)CONTROL_ARGS_PASSWORD_MAX, file);
	if (file && !is_input)
		(void)fclose(file); /* only read from */
	if (!is_read)
		return diag_set(diag, ERR_IO, "%s: cannot read the password", path);
	ret[strcspn(ret, "\r\n")] = '\0';
	return 0;
}

static int prepare(struct ctl_call *call, struct control_args *args)
{
	struct control_broker *broker = &args->broker;
	bool is_named = broker->host || broker->port || broker->ca_file || broker->certificate;
	int rc = args->is_ready || is_named ? 0 : find(call, args);

	if (rc || args->is_ready)
		return rc;
	broker->host = broker->host ? broker->host : "localhost";
	broker->port = broker->port ? broker->port : 8883;
	if (args->password_file && !broker->user)
		return diag_set(&call->diag, ERR_INVALID, "--password-file %s: needs --%s NAME",
				args->password_file, args->topic ? "operator" : "user");
	if (!broker->user && !broker->certificate)
		return diag_set(&call->diag, ERR_INVALID,
				"no user was named, and none was found who may; expected --%s NAME",
				args->topic ? "operator" : "user");
	/* One of the user's own ids. Whom a certificate stands for is not known: no id. */
	if (!broker->client_id && broker->user) {
		(void)snprintf(args->id, sizeof(args->id), "%.128s/petstorectl-%ld", broker->user,
			       (long)getpid());
		broker->client_id = args->id;
	}
	if (broker->user && !broker->certificate && !args->password[0])
		rc = read_password(args->password_file, args->password, &call->diag);
	broker->password = args->password[0] ? args->password : NULL;
	args->is_ready = rc == 0;
	return rc;
}

/* ---- one request, by MQTT 5; blocks, with a deadline ---------------------------------------- */

struct control_request {
	const struct control_broker *broker;
	const char *topic;
	const char *text;
	char *answer;
	int rc; /* 0 while all is well */
	struct diag *diag;
};

static void give_up(struct control_request *request, int rc, const char *text)
{
	if (request->rc == 0)
		request->rc = diag_set(request->diag, rc, "%s port %ld: %s", request->broker->host,
				       request->broker->port, text);
}

static void on_connect(struct mosquitto *client, void *ctx, int code, int flags,
		       const mosquitto_property *properties)
{
	struct control_request *request = ctx;
	int rc;

	(void)flags;
	(void)properties;
	if (code != 0) {
		give_up(request, ERR_IO, mosquitto_reason_string(code));
		return;
	}
	rc = mosquitto_publish_v5(client, NULL, request->topic, (int)strlen(request->text),
				  request->text, 1, false, NULL);
	if (rc)
		give_up(request, ERR_IO, mosquitto_strerror(rc));
}

static void on_publish(struct mosquitto *client, void *ctx, int id, int code,
		       const mosquitto_property *properties)
{
	(void)client;
	(void)id;
	(void)properties;
	if (code >= 128)
		give_up(ctx, ERR_IO, "the user may not give commands (is the scope missing?)");
}

static void on_disconnect(struct mosquitto *client, void *ctx, int code,
			  const mosquitto_property *properties)
{
	struct control_request *request = ctx;

	(void)client;
	(void)code;
	(void)properties;
	if (!request->answer)
		give_up(request, ERR_IO,
			request->broker->ca_file
				? "the broker closed the connection"
				: "the broker closed the connection (a port with TLS needs "
				  "--cafile FILE)");
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message,
		       const mosquitto_property *properties)
{
	struct control_request *request = ctx;
	size_t len = strlen(request->topic);

	(void)client;
	(void)properties;
	if (request->answer || strncmp(message->topic, request->topic, len) != 0 ||
	    strcmp(message->topic + len, "/response") != 0)
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

static void run_loop(struct mosquitto *client, struct control_request *request)
{
	int64_t until_ns = clock_mono_ns() + request->broker->timeout_s * INT64_C(1000000000);
	int rc = set_up(client, request->broker);

	while (!rc && request->rc == 0 && !request->answer) {
		if (clock_mono_ns() > until_ns) {
			give_up(request, ERR_BUSY,
				"no answer in time (does the plugin have the command topic?)");
			return;
		}
		rc = mosquitto_loop(client, LOOP_MS, 1);
	}
	if (rc && !request->answer)
		give_up(request, ERR_IO, mosquitto_strerror(rc));
}

/*
 * Publishes @text to @topic, the plugin's for commands. On success *ret is the answer, to be freed
 * with free(). ERR_IO where the broker can't be reached or refuses; ERR_BUSY where it does not
 * answer in time; @diag says which.
 */
static int request_answer(const struct control_broker *broker, const char *topic, const char *text,
			  char **ret, struct diag *diag)
{
	struct control_request request = {
		.broker = broker, .topic = topic, .text = text, .diag = diag
	};
	struct mosquitto *client;

	/* libmosquitto of 2.1 says goodbye to connections that are closed already. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)mosquitto_lib_init(); /* always succeeds */
	client = mosquitto_new(broker->client_id, true, &request);
	if (!client) {
		request.rc = diag_nomem(diag);
	} else {
		run_loop(client, &request);
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

/* The response to the one command, new, or NULL. */
static json_t *read_response(const char *answer, struct diag *diag)
{
	json_t *root = json_loads(answer, 0, NULL);
	json_t *response = json_incref(json_array_get(json_object_get(root, "responses"), 0));

	if (!response)
		(void)diag_set(diag, ERR_SYNTAX, "the answer is none: %.200s", answer);
	json_decref(root);
	return response;
}

void control_args_forget(struct control_args *args)
{
	OPENSSL_cleanse(args->password, sizeof(args->password));
	args->is_ready = false;
}

/* The plugin does not repeat a word that it does not know. */
static void print_refusal(const struct ctl_call *call, const json_t *response, const char *error)
{
	const struct control_args *args = call->args;
	const char *code = json_string_value(json_object_get(response, "code"));

	if (code && strcmp(code, CONTROL_UNKNOWN) == 0)
		(void)ctl_fail(call->name, "%s: %s%s", args->command, error,
			       args->guess ? args->guess : "");
	else
		(void)ctl_fail(call->name, "%s", error);
}

int control_args_ask(struct ctl_call *call, json_t *command, json_t **data)
{
	struct control_args *args = call->args;
	json_t *request = json_pack("{s[o]}", "commands", command);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	char *answer = NULL;
	json_t *response = NULL;
	const char *error;
	int status = CTL_FAILED;

	if (text)
		args->command = json_string_value(json_object_get(command, "command"));
	if (!text)
		(void)diag_nomem(&call->diag);
	else if (prepare(call, args) == 0 &&
		 request_answer(&args->broker, topic_of(args), text, &answer, &call->diag) == 0)
		response = read_response(answer, &call->diag);
	error = json_string_value(json_object_get(response, "error"));
	if (error) {
		print_refusal(call, response, error);
		status = CTL_NO;
	} else if (response) {
		*data = json_incref(json_object_get(response, "data"));
		if (!*data)
			*data = json_object();
		status = CTL_OK;
	}
	if (!args->is_kept)
		control_args_forget(args);
	json_decref(response);
	json_decref(request);
	free(answer);
	free(text);
	return status;
}
