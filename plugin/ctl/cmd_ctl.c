/*
 * petstorectl ctl and petstorectl bans: commands to a running broker's plugin.
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/control_client.h"

#define PASSWORD_MAX 1024u
#define CLIENT_ID_MAX 160u /* of what is made of a user's name, of 128 bytes at most */

struct wanted {
	struct talk talk;
	const char *password_file;
	bool json;
};

/* clang-format off */
#define TEXT(name, member, value, help) \
	{ name, ARGS_TEXT, value, help, offsetof(struct wanted, member), 0, 0 }
static const struct args_row rows[] = {
	TEXT("host", talk.host, "NAME", "the broker (localhost)"),
	{ "port", ARGS_NUMBER, "N", "its port (8883)", offsetof(struct wanted, talk.port), 1, 65535 },
	TEXT("cafile", talk.ca_file, "FILE", "who signed its certificate; without it no TLS"),
	TEXT("cert", talk.certificate, "FILE", "a client certificate"),
	TEXT("key", talk.key, "FILE", "and its key"),
	TEXT("user", talk.user, "NAME", "the user name"),
	TEXT("password-file", password_file, "FILE",
	     "its first line is the password, - is standard input; else it is asked for"),
	TEXT("id", talk.client_id, "ID", "the client id (NAME/petstorectl-PID)"),
	{ "timeout", ARGS_NUMBER, "SECONDS", "how long to wait for an answer (10)",
	  offsetof(struct wanted, talk.timeout_s), 1, 3600 },
	{ "json", ARGS_SWITCH, NULL, "JSON", offsetof(struct wanted, json), 0, 0 },
	{ .name = NULL },
};
/* clang-format on */

/* ---- asking ------------------------------------------------------------------------------ */

static bool read_password(const char *name, const struct wanted *wanted, char *ret)
{
	bool is_input = wanted->password_file && strcmp(wanted->password_file, "-") == 0;
	FILE *file;

	if (!wanted->password_file) {
		if (EVP_read_pw_string(ret, (int)PASSWORD_MAX - 1, "Password: ", 0) == 0)
			return true;
		(void)ctl_fail(name, "no password was given");
		return false;
	}
	file = is_input ? stdin : fopen(wanted->password_file, "r");
	if (!file || !fgets(ret, (int)PASSWORD_MAX, file)) {
		(void)ctl_fail(name, "%s: cannot read the password", wanted->password_file);
		if (file && !is_input)
			(void)fclose(file);
		return false;
	}
	ret[strcspn(ret, "\r\n")] = '\0';
	if (!is_input)
		(void)fclose(file);
	return true;
}

/* The command's response, new, or NULL with a line on standard error. */
static json_t *ask(const char *name, struct wanted *wanted, json_t *command)
{
	char password[PASSWORD_MAX] = "", id[CLIENT_ID_MAX];
	json_t *request = json_pack("{s[O]}", "commands", command);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	char *answer = NULL;
	json_t *root = NULL, *response = NULL;
	struct diag diag;

	json_decref(request);
	/* One of the user's own ids. Whom a certificate stands for is not known: no id. */
	if (!wanted->talk.client_id && wanted->talk.user) {
		(void)snprintf(id, sizeof(id), "%.128s/petstorectl-%ld", wanted->talk.user,
			       (long)getpid());
		wanted->talk.client_id = id;
	}
	diag_init(&diag);
	if (!text) {
		(void)ctl_fail(name, "out of memory");
		return NULL;
	}
	if (wanted->talk.user && !wanted->talk.certificate &&
	    !read_password(name, wanted, password))
		goto out;
	wanted->talk.password = password[0] ? password : NULL;
	if (control_client_ask(&wanted->talk, text, &answer, &diag)) {
		(void)ctl_fail(name, "%s", diag.text);
		goto out;
	}
	root = json_loads(answer, 0, NULL);
	response = json_incref(json_array_get(json_object_get(root, "responses"), 0));
	if (!response)
		(void)ctl_fail(name, "the answer is none: %.200s", answer);
out:
	OPENSSL_cleanse(password, sizeof(password));
	json_decref(root);
	free(answer);
	free(text);
	return response;
}

/* Asks, and complains where the plugin said no. *data is new. */
static int perform(const char *name, struct wanted *wanted, json_t *command, json_t **data)
{
	json_t *response = command ? ask(name, wanted, command) : NULL;
	const char *error = json_string_value(json_object_get(response, "error"));
	int status = CTL_FAILED;

	if (error) {
		(void)ctl_fail(name, "%s", error);
		status = CTL_NO;
	} else if (response) {
		*data = json_incref(json_object_get(response, "data"));
		status = CTL_OK;
	}
	json_decref(response);
	json_decref(command);
	return status;
}

static int begin(const struct ctl_command *command, int argc, char **argv, struct wanted *wanted)
{
	*wanted = (struct wanted){ .talk = { .host = "localhost", .port = 8883, .timeout_s = 10 } };
	return args_read(command, argc, argv, wanted);
}

/* ---- ctl --------------------------------------------------------------------------------- */

/* "qos=1" as a number, "retain=true" as a truth, all else as text. */
static json_t *value_of(const char *name, const char *text)
{
	if (strcmp(name, "qos") == 0)
		return json_integer(strtol(text, NULL, 10));
	if (strcmp(name, "retain") == 0)
		return json_boolean(strcmp(text, "true") == 0);
	return json_string(text);
}

static json_t *read_command(int count, char **word)
{
	json_t *command = json_pack("{ss}", "command", word[0]);

	for (int i = 1; command && i < count; i++) {
		char *equals = strchr(word[i], '=');
		char name[32];

		if (!equals || (size_t)(equals - word[i]) >= sizeof(name)) {
			(void)ctl_fail("ctl", "%s: expected NAME=VALUE", word[i]);
			json_decref(command);
			return NULL;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - word[i]), word[i]);
		if (json_object_set_new(command, name, value_of(name, equals + 1))) {
			(void)ctl_fail("ctl", "%s: not UTF-8", word[i]);
			json_decref(command);
			return NULL;
		}
	}
	return command;
}

static int run_ctl(int argc, char **argv)
{
	struct wanted wanted;
	json_t *data = NULL;
	int first = begin(&ctl_ctl, argc, argv, &wanted);
	int status;

	if (first < 0)
		return CTL_FAILED;
	status = perform("ctl", &wanted, read_command(argc - first, argv + first), &data);
	if (status == CTL_OK)
		(void)output_print_json(data);
	json_decref(data);
	return status;
}

const struct ctl_command ctl_ctl = {
	.name = "ctl",
	.arguments = "[OPTION...] COMMAND [NAME=VALUE...]",
	.summary = "gives a running broker's plugin a command",
	.help = "Commands: status, counters, reload, mode [group=GROUP mode=MODE], listBans,\n"
		"liftBan clientId=ID principal=USER, listAlerts, explain action=publish|subscribe "
		"topic=TOPIC\n"
		"[payload=TEXT username=NAME clientId=ID qos=N retain=true]. The user needs the\n"
		"scope that the contract asks for on $CONTROL/petstore/v1.\n",
	.options = rows,
	.operands_min = 1,
	.operands_max = 16,
	.run = run_ctl,
};

/* ---- bans -------------------------------------------------------------------------------- */

static bool is_of_all(const json_t *ban)
{
	const char *of = json_string_value(json_object_get(ban, "of"));

	return of && strcmp(of, "principal") == 0;
}

static void print_bans(const json_t *data)
{
	const json_t *bans = json_object_get(data, "bans");
	json_int_t total = json_integer_value(json_object_get(data, "total"));

	(void)printf("%-8s %-22s %8s  %-6s  %-20s %s\n", "STATE", "FOR", "SECONDS", "OF", "USER",
		     "CLIENT");
	for (size_t i = 0; i < json_array_size(bans); i++) {
		const json_t *ban = json_array_get(bans, i);
		const char *client = json_string_value(json_object_get(ban, "clientId"));
		const char *user = json_string_value(json_object_get(ban, "principal"));
		char id[200], name[200];

		(void)printf(
			"%-8s %-22s %8lld  %-6s  %-20s %s\n",
			json_string_value(json_object_get(ban, "state")),
			json_string_value(json_object_get(ban, "kind")),
			(long long)json_integer_value(json_object_get(ban, "secondsLeft")),
			is_of_all(ban) ? "user" : "client",
			diag_escape(name, sizeof(name), user ? user : "", user ? strlen(user) : 0),
			diag_escape(id, sizeof(id), client ? client : "",
				    client ? strlen(client) : 0));
	}
	if ((json_int_t)json_array_size(bans) < total)
		(void)printf("and %lld more\n",
			     (long long)(total - (json_int_t)json_array_size(bans)));
}

static int run_bans(int argc, char **argv)
{
	struct wanted wanted;
	json_t *data = NULL, *command = NULL;
	int first = begin(&ctl_bans, argc, argv, &wanted);
	int left = argc - first;
	bool is_lift;
	int status;

	if (first < 0)
		return CTL_FAILED;
	is_lift = left == 2 &&
		  (strcmp(argv[first], "lift") == 0 || strcmp(argv[first], "lift-user") == 0);
	if (is_lift)
		command = json_pack("{ssss}", "command", "liftBan",
				    argv[first][4] ? "principal" : "clientId", argv[first + 1]);
	else if (left == 0 || (left == 1 && strcmp(argv[first], "list") == 0))
		command = json_pack("{ss}", "command", "listBans");
	else
		return ctl_fail("bans",
				"expected list, lift and a client id, or lift-user and a user");
	status = perform("bans", &wanted, command, &data);
	if (status == CTL_OK && wanted.json)
		(void)output_print_json(data);
	else if (status == CTL_OK && is_lift)
		(void)printf("lifted %lld\n",
			     (long long)json_integer_value(json_object_get(data, "lifted")));
	else if (status == CTL_OK)
		print_bans(data);
	if (status == CTL_OK && is_lift && !json_integer_value(json_object_get(data, "lifted")))
		status = CTL_NO;
	json_decref(data);
	return status;
}

const struct ctl_command ctl_bans = {
	.name = "bans",
	.arguments = "[OPTION...] [list | lift CLIENT | lift-user USER]",
	.summary = "who is held off or banned, and letting them back in",
	.help = "A user that is held off or banned is so with all its clients; CLIENT is the one\n"
		"that caused it. lift-user lets a user and all its clients back in, lift '*'\n"
		"everybody.\n",
	.options = rows,
	.operands_min = 0,
	.operands_max = 2,
	.run = run_bans,
};
