/*
 * lint_shared.c -- checks what a database needs that several brokers share: this broker's name, its
 * journal, how the server is reached, and the bridges to the other brokers.
 */
#include <stdio.h>
#include <string.h>

#include "base/brokerbridge.h"
#include "ctl/lint.h"
#include "ledger/ledger.h"

#define HOST_MAX 512u

static void add(struct lint *lint, enum lint_level level, const struct files *files,
		const char *word, const char *text)
{
	const struct brokerfile *file = &files->broker;

	for (size_t i = 0; i < file->line_count; i++)
		if (strcmp(file->line[i].word, word) == 0) {
			lint_add(lint, level, "%s:%u: %s: %s", file->line[i].file,
				 file->line[i].number, word, text);
			return;
		}
	lint_add(lint, level, "%s: %s: %s", files->config, word, text);
}

/* ---- the connection string --------------------------------------------------------------- */

static bool is_uri(const char *conninfo)
{
	return strncmp(conninfo, "postgres", 8) == 0 && strstr(conninfo, "://");
}

/* The value of @keyword, behind its "=", or NULL. Of a URI: in its parameters. */
static const char *value_of(const char *conninfo, const char *keyword)
{
	size_t len = strlen(keyword);
	const char *at = conninfo;

	while ((at = strstr(at, keyword)) != NULL) {
		const char *end = at + len + strspn(at + len, " ");

		if ((at == conninfo || strchr(" ?&", at[-1])) && *end == '=')
			return end + 1 + strspn(end + 1, " ");
		at += len;
	}
	return NULL;
}

/* Its hosts, with their ports in a URI; "" where none is named. */
static void copy_hosts(const char *conninfo, char ret[HOST_MAX])
{
	const char *host = value_of(conninfo, "host"), *user;
	size_t len;

	if (!host && is_uri(conninfo)) {
		host = strstr(conninfo, "://") + 3;
		user = memchr(host, '@', strcspn(host, "/?"));
		host = user ? user + 1 : host;
	}
	if (!host)
		host = value_of(conninfo, "hostaddr");
	len = host ? strcspn(host, is_uri(conninfo) ? "/?&" : " ") : 0;
	(void)snprintf(ret, HOST_MAX, "%.*s", (int)len, host ? host : "");
}

/* "postgresql://user:secret@host", "password=secret". */
static bool has_password(const char *conninfo)
{
	const char *user, *at;

	if (value_of(conninfo, "password"))
		return true;
	if (!is_uri(conninfo))
		return false;
	user = strstr(conninfo, "://") + 3;
	at = memchr(user, '@', strcspn(user, "/?"));
	return at && memchr(user, ':', (size_t)(at - user));
}

/* Are all of these on this machine? */
static bool are_local(const char *hosts)
{
	static const char *const local[] = { "127.", "localhost", "::1", "[::1]", "/", "%2F" };

	for (;;) {
		bool is_local = *hosts == '\0';

		for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
			is_local = is_local || strncmp(hosts, local[i], strlen(local[i])) == 0;
		if (!is_local)
			return false;
		hosts = strchr(hosts, ',');
		if (!hosts)
			return true;
		hosts++;
	}
}

struct place {
	struct lint *lint;
	const struct files *files;
};

static void on_fault(void *ctx, bool is_of_file, const char *text)
{
	const struct place *place = ctx;

	(void)is_of_file;
	add(place->lint, LINT_ERROR, place->files, "plugin_opt_database", text);
}

static void check_conninfo(struct lint *lint, const struct files *files)
{
	static const char word[] = "plugin_opt_database";
	const char *conninfo = files->database;
	char hosts[HOST_MAX];

	copy_hosts(conninfo, hosts);
	if (has_password(conninfo))
		add(lint, LINT_WARNING, files, word,
		    "a password stands in the configuration; expected passfile=, a file that the "
		    "broker's user alone can read, or service=");
	if (value_of(conninfo, "service"))
		return; /* the rest stands in its file */
	if (strchr(hosts, ',') && !value_of(conninfo, "target_session_attrs"))
		add(lint, LINT_WARNING, files, word,
		    "of several hosts a standby may be the first that answers; expected "
		    "target_session_attrs=read-write");
	if (!are_local(hosts) && !value_of(conninfo, "sslmode"))
		add(lint, LINT_WARNING, files, word,
		    "messages may cross the network in the clear; expected sslmode=verify-full, "
		    "with sslrootcert");
}

/* ---- bridges ----------------------------------------------------------------------------- */

/* Without MQTT 5 no bridge carries which broker decided a message, and as which write. */
static void check_bridges(struct lint *lint, const struct brokerfile *file)
{
	struct brokerbridge bridge;
	size_t at = 0;

	while (brokerbridge_next(file, &at, &bridge))
		if (!bridge.is_mqtt5)
			lint_add(lint, LINT_ERROR,
				 "%s:%u: %s %s: brokers that share a database say over it who "
				 "decided "
				 "a message; expected bridge_protocol_version mqttv50",
				 bridge.line->file, bridge.line->number, bridge.line->word,
				 bridge.line->value);
}

void lint_shared(struct lint *lint, const struct files *files)
{
	const struct ledger_place place = files_ledger(files);
	struct diag diag;

	if (!files->config || !files->database || !ledger_is_shared(files->database))
		return;
	if (ledger_check_place(&place, &diag) != 0)
		lint_add(lint, LINT_ERROR, "%s: %s", files->config, diag.text);
	ledger_check_database(files->database, on_fault, &(struct place){ lint, files });
	check_conninfo(lint, files);
	check_bridges(lint, &files->broker);
}
