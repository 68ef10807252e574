/*
 * lint_config.c -- checks mosquitto.conf outside the plugin's options: settings by which listeners
 * or messages bypass the plugin, or by which messages are lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/config.h"
#include "base/options.h"
#include "ctl/lint.h"
#include "monitor/settings.h"
#include "ledger/ledger.h"

#define QUEUED_FEW 100    /* messages for one client */
#define PACKET_REST 1024u /* bytes of an MQTT packet beside its payload, with room to spare */
#define DEFAULT_PREFIX "auto-"

enum when { WHEN_GIVEN, WHEN_TRUE, WHEN_FALSE, WHEN_IS, WHEN_BELOW, WHEN_ZERO };

struct rule {
	const char *word;
	enum when when;
	const char *value; /* of WHEN_IS */
	long number;       /* of WHEN_BELOW; 0 itself is WHEN_ZERO's */
	enum lint_level level;
	const char *text; /* what comes of it, and what is expected */
};

/* clang-format off */
static const struct rule rules[] = {
	{ "use_identity_as_username", WHEN_TRUE, NULL, 0, LINT_ERROR,
	  "the broker asks no plugin who a client with a certificate is; expected false, and "
	  "\"certificates\" in the access file" },
	{ "use_subject_as_username", WHEN_TRUE, NULL, 0, LINT_ERROR,
	  "the broker asks no plugin who a client with a certificate is; expected false, and "
	  "\"certificates\" in the access file" },
	{ "acl_file", WHEN_GIVEN, NULL, 0, LINT_ERROR,
	  "whichever answers first decides, this file or the plugin; expected no such line" },
	{ "password_file", WHEN_GIVEN, NULL, 0, LINT_ERROR,
	  "whichever answers first decides, this file or the plugin; expected "
	  "plugin_opt_password_file" },
	{ "psk_file", WHEN_GIVEN, NULL, 0, LINT_WARNING,
	  "a pre-shared key is no login: clients have to log in as well" },
	{ "check_retain_source", WHEN_TRUE, NULL, 0, LINT_ERROR,
	  "no retained message would be delivered; expected false" },
	{ "max_queued_messages", WHEN_ZERO, NULL, 0, LINT_ERROR,
	  "unlimited, and Debian 12's broker then closes the connection of whoever is refused; "
	  "expected a number such as 10000" },
	{ "max_queued_messages", WHEN_BELOW, NULL, QUEUED_FEW, LINT_WARNING,
	  "more messages than that are lost to a client that is away or slow; expected 100 or "
	  "more" },
	{ "max_inflight_messages", WHEN_ZERO, NULL, 0, LINT_ERROR,
	  "a client may leave any number of QoS 2 messages accepted and not released; expected 1 "
	  "to 65535, such as 20" },
	{ "log_type", WHEN_IS, "none", 0, LINT_ERROR,
	  "refusals and alerts are not on the log; expected error, warning, notice and "
	  "information" },
	{ "log_dest", WHEN_IS, "none", 0, LINT_ERROR,
	  "refusals and alerts are not on the log; expected file, syslog, stderr or stdout" },
	{ "mount_point", WHEN_GIVEN, NULL, 0, LINT_ERROR,
	  "topics that begin with it are none of the contract's; expected no such line" },
	{ "allow_anonymous", WHEN_TRUE, NULL, 0, LINT_WARNING,
	  "wherever the plugin does not decide everybody gets in; expected false" },
	{ "listener_allow_anonymous", WHEN_TRUE, NULL, 0, LINT_WARNING,
	  "wherever the plugin does not decide everybody gets in; expected false" },
	{ "allow_zero_length_clientid", WHEN_FALSE, NULL, 0, LINT_WARNING,
	  "clients that bring no id, such as mosquitto_pub, are refused; expected true" },
	{ "queue_qos0_messages", WHEN_TRUE, NULL, 0, LINT_WARNING,
	  "messages of QoS 0 take the room of others in the queue of a client that is away; "
	  "expected false" },
	{ "retain_available", WHEN_FALSE, NULL, 0, LINT_WARNING,
	  "retained messages are refused; expected true" },
	{ "autosave_interval", WHEN_ZERO, NULL, 0, LINT_WARNING,
	  "sessions and retained messages are written at a clean stop only; expected seconds, "
	  "such as 60" },
	{ "max_qos", WHEN_BELOW, NULL, 2, LINT_WARNING,
	  "channels that ask for more QoS can't be published on; expected 2" },
	{ "max_qos", WHEN_ZERO, NULL, 0, LINT_WARNING,
	  "channels that ask for more QoS can't be published on; expected 2" },
	{ "bridge_insecure", WHEN_TRUE, NULL, 0, LINT_WARNING,
	  "the other broker's name is not looked at; expected false" },
	{ "disable_client_cert_date_checks", WHEN_TRUE, NULL, 0, LINT_ERROR,
	  "certificates that expired are taken; expected false" },
	{ "plugin_opt_delayed_logins", WHEN_TRUE, NULL, 0, LINT_WARNING,
	  "with Mosquitto up to 2.1.2 it stops the start; expected 0 there" },
	{ "tls_version", WHEN_IS, "tlsv1", 0, LINT_WARNING,
	  "outdated; expected tlsv1.2 or later" },
	{ "tls_version", WHEN_IS, "tlsv1.1", 0, LINT_WARNING,
	  "outdated; expected tlsv1.2 or later" },
};
/* clang-format on */

/* One finding about a line; number 0: about what no line says. */
static void add(struct lint *lint, enum lint_level level, const struct brokerfile_line *line,
		const char *text)
{
	char number[16] = "";

	if (line->number > 0)
		(void)snprintf(number, sizeof(number), ":%u", line->number);
	lint_add(lint, level, "%s%s: %s%s%s: %s", line->file, number, line->word,
		 line->value[0] ? " " : "", line->value, text);
}

/* ---- single lines ----------------------------------------------------------------------- */

static bool is_false(const char *value)
{
	return strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

static bool applies(const struct rule *rule, const char *value)
{
	char *end;
	long number = strtol(value, &end, 10);
	bool is_number = end != value && *end == '\0';

	switch (rule->when) {
	case WHEN_GIVEN:
		return true;
	case WHEN_TRUE:
		return brokerfile_is_true(value);
	case WHEN_FALSE:
		return is_false(value);
	case WHEN_IS:
		return strcmp(value, rule->value) == 0;
	case WHEN_BELOW:
		return is_number && number > 0 && number < rule->number;
	case WHEN_ZERO:
		return is_number && number == 0;
	}
	return false;
}

static void check_line(struct lint *lint, const struct brokerfile_line *line)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(line->word, rules[i].word) == 0 && applies(&rules[i], line->value))
			add(lint, rules[i].level, line, rules[i].text);
	if ((strcmp(line->word, "auto_id_prefix") == 0 ||
	     strcmp(line->word, "listener_auto_id_prefix") == 0) &&
	    strcmp(line->value, DEFAULT_PREFIX) != 0)
		add(lint, LINT_WARNING, line,
		    "where clientIds of the access file bind them, clients without an id get in "
		    "only if a pattern begins with it; expected auto-");
}

/* ---- the plugin's own lines ------------------------------------------------------------- */

static void check_plugins(struct lint *lint, const struct brokerfile *file, const char *path)
{
	size_t own = 0;
	const struct brokerfile_line *per_listener = NULL;

	for (size_t i = 0; i < file->line_count; i++) {
		const struct brokerfile_line *line = &file->line[i];
		const char *plugin = brokerfile_plugin(line);

		if (plugin && brokerfile_is_own(plugin, NULL)) {
			if (own++ > 0)
				add(lint, LINT_ERROR, line,
				    "loads the plugin once more: neither copy knows what the other "
				    "wrote; expected one such line");
		} else if (plugin) {
			add(lint, LINT_WARNING, line,
			    "another plugin: whichever answers first decides");
		}
		if (strcmp(line->word, "per_listener_settings") != 0)
			continue;
		if (per_listener)
			add(lint, LINT_ERROR, line,
			    "the release decides then which listeners the plugin lines are for; "
			    "expected once");
		per_listener = line;
	}
	if (own == 0)
		lint_add(lint, LINT_ERROR,
			 "%s: no line loads the plugin; expected plugin "
			 ".../mosquitto_petstore.so",
			 path);
}

/* ---- listeners -------------------------------------------------------------------------- */

static bool is_secret(const struct brokerfile_line *line)
{
	static const char *const words[] = {
		"keyfile",           "plugin_opt_password_file", "plugin_opt_scram_file",
		"plugin_opt_access", "plugin_opt_database",      "password_file"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(line->word, words[i]) == 0)
			return true;
	return false;
}

/* As they are written: links are not followed. */
static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len > 0 && folder[len - 1] == '/')
		len--;
	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* A listener that serves files. What 2.1 has there beside them the plugin lets nobody use. */
static void check_files(struct lint *lint, const struct brokerfile *file, size_t index)
{
	const struct brokerfile_line *protocol = files_line(file, index, "protocol");
	const struct brokerfile_line *dir = files_line(file, index, "http_dir");

	if (protocol && strcmp(protocol->value, "http_api") == 0 && !dir)
		add(lint, LINT_WARNING, protocol,
		    "the plugin refuses every request there but for the console's files; expected "
		    "http_dir, their folder, or no such listener");
	for (size_t i = 0; dir && i < file->line_count; i++)
		if (is_secret(&file->line[i]) && is_below(file->line[i].value, dir->value))
			add(lint, LINT_ERROR, dir,
			    "passwords or keys lie in it, and Mosquitto 2.0 serves whatever does; "
			    "expected a folder of the console alone");
}

static bool is_http(const struct brokerfile *file, size_t index)
{
	return strcmp(files_value(file, index, "protocol"), "http_api") == 0;
}

static void check_listener(struct lint *lint, const struct brokerfile *file, size_t index,
			   const char *path)
{
	const struct brokerfile_listener *listener = &file->listener[index];
	const struct brokerfile_line none = { path, 0, "listener", "1883 (the default)", 0, NULL };
	const struct brokerfile_line *line = listener->line ? listener->line : &none;
	const struct brokerfile_line *crl = files_line(file, index, "crlfile");

	if (!listener->is_guarded && file->plugins > 0)
		add(lint, LINT_ERROR, line,
		    listener->has_others ? "not enforced: another plugin or a password file "
					   "decides; expected a plugin line that counts for it"
		    : listener->is_anonymous
			    ? "not enforced, and open to everybody; expected a "
			      "plugin line that counts for it"
			    : "not enforced, and refuses every client; expected a plugin "
			      "line that counts for it");
	check_files(lint, file, index);
	if (!files_line(file, index, "certfile") && !files_line(file, index, "psk_hint") &&
	    !files_is_local(file, index) && !is_http(file, index))
		add(lint, LINT_WARNING, line,
		    "passwords cross the network in the clear; expected a certfile, or an address "
		    "such as 127.0.0.1");
	if (crl && !brokerfile_is_true(files_value(file, index, "require_certificate")))
		add(lint, LINT_ERROR, crl,
		    "no client is asked for a certificate; expected require_certificate true");
}

static bool is_seen(const struct brokerfile *file, const struct brokerfile_line *line)
{
	for (const struct brokerfile_line *each = file->line; each < line; each++)
		if (strcmp(each->word, line->word) == 0 && strcmp(each->value, line->value) == 0 &&
		    strcmp(files_value(file, each->listener, "keyfile"),
			   files_value(file, line->listener, "keyfile")) == 0)
			return true;
	return false;
}

static void check_certs(struct lint *lint, const struct brokerfile *file)
{
	for (size_t i = 0; i < file->line_count; i++) {
		const struct brokerfile_line *line = &file->line[i];

		if (line->bridge || is_seen(file, line))
			continue;
		if (strcmp(line->word, "certfile") == 0)
			lint_certfile(lint, line, files_line(file, line->listener, "keyfile"));
		else if (strcmp(line->word, "cafile") == 0)
			lint_cafile(lint, line);
		else if (strcmp(line->word, "crlfile") == 0 ||
			 strcmp(line->word, "plugin_opt_crl_file") == 0)
			lint_crlfile(lint, line);
	}
}

/* ---- lines that belong together --------------------------------------------------------- */

static void check_log(struct lint *lint, const struct brokerfile *file)
{
	const struct brokerfile_line *last = NULL, *topic = NULL;
	bool has_notice = false, has_all = false;

	for (size_t i = 0; i < file->line_count; i++) {
		const struct brokerfile_line *line = &file->line[i];
		bool is_type = strcmp(line->word, "log_type") == 0;

		last = is_type && strcmp(line->value, "none") != 0 ? line : last;
		has_all |= is_type && strcmp(line->value, "all") == 0;
		has_notice |= is_type && strcmp(line->value, "notice") == 0;
		if (strcmp(line->word, "log_dest") == 0 && strcmp(line->value, "topic") == 0)
			topic = line;
	}
	if (last && !has_all && !has_notice)
		add(lint, LINT_ERROR, last,
		    "refused messages are not on the log; expected log_type notice beside it");
	if (topic && has_all)
		add(lint, LINT_WARNING, topic,
		    "with log_type all each message makes more messages; expected log_type notice");
}

static void check_persistence(struct lint *lint, const struct brokerfile *file, const char *path)
{
	static const char text[] =
		"sessions, queued and retained messages end with the broker; expected true";
	const struct brokerfile_line none = { path, 0, "persistence", "", 0, NULL }, *found = &none;

	for (size_t i = 0; i < file->line_count; i++)
		if (strcmp(file->line[i].word, "persistence") == 0)
			found = &file->line[i];
	if (!brokerfile_is_true(found->value))
		add(lint, LINT_WARNING, found, text);
}

/* ---- the plugin's options ---------------------------------------------------------------- */

/* The line that a fault of the options is about: "plugin_opt_NAME: ...". */
static const struct brokerfile_line *faulty_line(const struct brokerfile *file, const char *text)
{
	const struct brokerfile_line *found = NULL;

	for (size_t i = 0; i < file->line_count; i++) {
		size_t len = strlen(file->line[i].word);

		if (strncmp(text, file->line[i].word, len) == 0 && text[len] == ':')
			found = &file->line[i];
	}
	return found;
}

/* What the start says of the options' values and of the monitor's file. */
static int try_options(const struct files *files, struct diag_list *all, struct diag *diag)
{
	struct options options;
	struct settings settings;
	int rc = options_init(&options, files->option, files->option_count, diag);

	if (rc)
		return rc;
	if (options.monitor)
		rc = settings_load(options.monitor, &settings, all, diag);
	options_clear(&options);
	return rc;
}

static void check_options(struct lint *lint, const struct files *files)
{
	const struct brokerfile_line *line;
	struct diag_list all = { .count = 0 };
	struct diag diag;

	if (try_options(files, &all, &diag) == 0)
		return;
	line = faulty_line(&files->broker, diag.text);
	if (line)
		lint_add(lint, LINT_ERROR, "%s:%u: %s", line->file, line->number, diag.text);
	else
		lint_add(lint, LINT_ERROR, "%s: %s", files->config, diag.text);
	for (unsigned i = 1; i < all.count; i++)
		lint_add(lint, LINT_ERROR, "%s", all.line[i].text);
}

/* The access file says what who comes without a name may do: then it is meant to come. */
static bool lets_anonymous_in(const struct files *files)
{
	struct config *access = NULL;
	struct diag ignored;
	bool is_there = files->access &&
			config_load(files->access, files->access, &access, &ignored) == 0 &&
			config_member(access, "anonymous");

	config_free(access);
	return is_there;
}

void lint_config(struct lint *lint, const struct files *files)
{
	const struct brokerfile *file = &files->broker;
	const char *path = files->config;
	bool lets_anonymous = path && lets_anonymous_in(files);

	if (!path)
		return;
	check_options(lint, files);
	check_plugins(lint, file, path);
	for (size_t i = 0; i < file->listener_count; i++)
		if (file->listener[i].is_there)
			check_listener(lint, file, i, path);
	for (size_t i = 0; i < file->line_count; i++)
		if (!lets_anonymous || !strstr(file->line[i].word, "allow_anonymous"))
			check_line(lint, &file->line[i]);
	check_log(lint, file);
	lint_shared(lint, files);
	lint_bridges(lint, file, files->database && ledger_is_shared(files->database));
	check_persistence(lint, file, path);
	check_certs(lint, file);
	lint_rights(lint, file);
}

/* The largest payload that some channel takes. */
static size_t largest_payload(const struct contract *contract)
{
	size_t largest = 0;

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (channel->send_count > 0 && channel->payload_max > largest)
			largest = channel->payload_max;
	}
	return largest;
}

/* A message that the contract allows must fit the journal; the start is refused otherwise. */
void lint_sizes(struct lint *lint, const struct brokerfile *file, const struct contract *contract)
{
	size_t payload_max = largest_payload(contract);
	const struct {
		const char *word;
		size_t least;
		const char *text;
	} sizes[] = {
		{ "plugin_opt_journal_size", ledger_journal_least(payload_max),
		  "too small for what the contract allows" },
		{ "max_packet_size", payload_max + PACKET_REST,
		  "messages are lost that the contract allows" },
		{ "message_size_limit", payload_max, "messages are lost that the contract allows" },
	};

	for (size_t i = 0; i < file->line_count; i++) {
		const struct brokerfile_line *line = &file->line[i];
		long size = strtol(line->value, NULL, 10);

		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			if (!line->bridge && strcmp(line->word, sizes[k].word) == 0 && size > 0 &&
			    (size_t)size < sizes[k].least)
				lint_add(lint, LINT_ERROR,
					 "%s:%u: %s %s: %s (payloads of %zu bytes); expected %zu "
					 "or more",
					 line->file, line->number, line->word, line->value,
					 sizes[k].text, payload_max, sizes[k].least);
	}
}
