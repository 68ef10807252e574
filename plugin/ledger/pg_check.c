#include "ledger/pg_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/pg_lib.h"

#define KEY_MAX 32u        /* bytes of a key that is shown */
#define PORT_MAX 65535ul   /* the largest port */
#define LINE_BYTES 1024u   /* of a line in that file, as libpq's */
#define LINES_MAX 100000ul /* of that file */

/* What is looked at, and whom it is said to. */
struct pg_checked {
	struct pg_lib lib;
	const PQconninfoOption *known; /* all keys */
	void (*say)(void *ctx, bool is_of_file, const char *text);
	void *ctx;
	const char *file; /* of the service; NULL: it is the string itself */
	unsigned long line;
};

__attribute__((format(printf, 3, 4))) static void say(const struct pg_checked *check,
						      bool is_of_file, const char *format, ...)
{
	char text[DIAG_MAX];
	struct diag line;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (check->file)
		(void)diag_set(&line, ERR_INVALID, "%s:%lu: %s", check->file, check->line, text);
	check->say(check->ctx, is_of_file || check->file, check->file ? line.text : text);
}

/* ---- a string that can't be read --------------------------------------------------------- */

/* The key that libpq's message names, in @ret. False: it names none, or what may be no key. */
static bool find_key(const char *message, char ret[KEY_MAX])
{
	static const char *const before[] = { "invalid connection option \"",
					      "invalid URI query parameter: \"" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		const char *at = strstr(message, before[i]);
		size_t len;

		if (!at)
			continue;
		at += strlen(before[i]);
		len = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
		if (len == 0 || len >= KEY_MAX || at[len] != '"')
			return false;
		(void)snprintf(ret, KEY_MAX, "%.*s", (int)len, at);
		return true;
	}
	return false;
}

/*
 * May @key be a part of the password? In a URI where an '@' follows: the password has a '?' then.
 * Else right behind a password that is not quoted: it has a space then.
 */
static bool may_be_secret(const char *conninfo, const char *key)
{
	const char *at = strstr(conninfo, "://") ? strchr(conninfo, '?') : NULL;
	const char *value = NULL;

	if (strstr(conninfo, "://"))
		return !at || strchr(at, '@');
	at = strstr(conninfo, key);
	if (!at)
		return true;
	for (const char *c = conninfo; c < at; c++)
		if (*c == '=')
			value = c;
	if (!value)
		return false;
	while (value > conninfo && value[-1] == ' ')
		value--;
	return value - conninfo >= 8 && strncmp(value - 8, "password", 8) == 0;
}

int pg_check_malformed(const char *conninfo, const char *message, struct diag *diag)
{
	char key[KEY_MAX];

	if (message && find_key(message, key) && !may_be_secret(conninfo, key))
		return diag_set(diag, ERR_INVALID,
				"the database's connection string is malformed: libpq knows no key "
				"\"%s\"",
				key);
	return diag_set(diag, ERR_INVALID,
			"the database's connection string is malformed: expected "
			"postgresql://user@host:port/name with %%40 for '@' and %%2F for "
			"'/', or key=value with libpq's keys");
}

/* ---- values ------------------------------------------------------------------------------ */

/* Is @value one of @list's, which has ", " between them? */
static bool is_listed(const char *list, const char *value)
{
	size_t len = strlen(value);

	for (; *list; list += strspn(list, ", ")) {
		size_t each = strcspn(list, ",");

		if (each == len && memcmp(list, value, len) == 0)
			return true;
		list += each;
	}
	return false;
}

static bool are_ports(const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");
		unsigned long port = strtoul(list, NULL, 10);

		/* One that is left out is the usual one. */
		if (len != strspn(list, "0123456789") || (len > 0 && (port < 1 || port > PORT_MAX)))
			return false;
		if (!list[len])
			return true;
		list += len + 1;
	}
}

static unsigned entries(const char *list)
{
	unsigned count = 1;

	for (; (list = strchr(list, ',')) != NULL; list++)
		count++;
	return count;
}

static void check_value(const struct pg_checked *check, const char *key, const char *value)
{
	static const struct {
		const char *key;
		const char *values;
	} listed[] = {
		{ "sslmode", "disable, allow, prefer, require, verify-ca, verify-full" },
		{ "target_session_attrs",
		  "any, read-write, read-only, primary, standby, prefer-standby" },
		{ "channel_binding", "disable, prefer, require" },
		{ "gssencmode", "disable, prefer, require" },
	};

	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		if (strcmp(key, listed[i].key) == 0 && !is_listed(listed[i].values, value))
			say(check, false, "%s: expected one of %s", key, listed[i].values);
	if (strcmp(key, "port") == 0 && !are_ports(value))
		say(check, false, "port: expected 1 to %lu, of several hosts one each", PORT_MAX);
}

/* ---- files ------------------------------------------------------------------------------- */

static void check_passfile(const struct pg_checked *check, const char *file)
{
	struct stat status;

	if (stat(file, &status) != 0 || access(file, R_OK) != 0)
		say(check, true, "passfile %s: %s", file, strerror(errno));
	else if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)))
		say(check, true,
		    "passfile %s: libpq reads no password from it; expected a file of mode 0600",
		    file);
}

static void check_file(const struct pg_checked *check, const char *key, const char *value)
{
	if (strcmp(key, "passfile") == 0)
		check_passfile(check, value);
	if (strcmp(key, "sslrootcert") == 0 && strcmp(value, "system") != 0 &&
	    access(value, R_OK) != 0)
		say(check, true, "sslrootcert %s: %s", value, strerror(errno));
}

/* ---- a service --------------------------------------------------------------------------- */

static bool is_known(const struct pg_checked *check, const char *key)
{
	for (const PQconninfoOption *known = check->known; known->keyword; known++)
		if (strcmp(known->keyword, key) == 0)
			return true;
	return false;
}

/* "key=value" of a service; @line is changed. */
static void check_line(const struct pg_checked *check, char *line)
{
	char *equals = strchr(line, '=');

	if (!equals) {
		say(check, true, "expected key=value");
		return;
	}
	*equals = '\0';
	if (!is_known(check, line)) {
		say(check, true, "\"%.*s\": libpq knows no such key", (int)KEY_MAX, line);
		return;
	}
	check_value(check, line, equals + 1);
	check_file(check, line, equals + 1);
}

/* Looks at [@service] of @file. False: it has none. */
static bool check_group(struct pg_checked *check, const char *file, const char *service)
{
	char line[LINE_BYTES];
	size_t len = strlen(service);
	bool is_in = false, is_found = false;
	FILE *in = fopen(file, "re");

	if (!in)
		return false;
	check->file = file;
	for (check->line = 1; check->line < LINES_MAX && fgets(line, sizeof(line), in);
	     check->line++) {
		char *text = line + strspn(line, " \t");

		text[strcspn(text, "\r\n")] = '\0';
		for (size_t end = strlen(text); end > 0 && strchr(" \t", text[end - 1]); end--)
			text[end - 1] = '\0';
		if (*text == '[') {
			is_in = !is_found && strncmp(text + 1, service, len) == 0 &&
				text[len + 1] == ']';
			is_found = is_found || is_in;
		} else if (is_in && *text && *text != '#') {
			check_line(check, text);
		}
	}
	(void)fclose(in);
	check->file = NULL;
	return is_found;
}

/* Where libpq looks: the first that has the service counts. */
static void check_service(struct pg_checked *check, const char *service)
{
	static const char *const system[] = { "/etc/postgresql-common", "/etc/sysconfig/pgsql",
					      "/etc" };
	const char *own = getenv("PGSERVICEFILE"), *home = getenv("HOME");
	const char *folder = getenv("PGSYSCONFDIR");
	char file[LINE_BYTES];

	if (own)
		(void)snprintf(file, sizeof(file), "%s", own);
	else
		(void)snprintf(file, sizeof(file), "%s/.pg_service.conf", home ? home : "");
	if (check_group(check, file, service))
		return;
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
		char other[LINE_BYTES];

		(void)snprintf(other, sizeof(other), "%s/pg_service.conf",
			       folder ? folder : system[i]);
		if (check_group(check, other, service))
			return;
	}
	say(check, true,
	    "service: neither %s nor %s/pg_service.conf has a line [%s]; PGSERVICEFILE names "
	    "another file",
	    file, folder ? folder : system[0], service);
}

/* ---- all of it --------------------------------------------------------------------------- */

static const char *value_of(const PQconninfoOption *options, const char *key)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, key) == 0)
			return options->val && *options->val ? options->val : NULL;
	return NULL;
}

static void check_options(struct pg_checked *check, const PQconninfoOption *options)
{
	const char *host = value_of(options, "host"), *port = value_of(options, "port");
	const char *service = value_of(options, "service");

	if (!host)
		host = value_of(options, "hostaddr");
	for (const PQconninfoOption *option = options; option->keyword; option++)
		if (option->val && *option->val) {
			check_value(check, option->keyword, option->val);
			check_file(check, option->keyword, option->val);
		}
	if (port && host && entries(port) > 1 && entries(port) != entries(host))
		say(check, false, "port: expected as many as hosts, or one for all");
	if (service)
		check_service(check, service);
}

void pg_check(const char *conninfo, void (*say_to)(void *ctx, bool is_of_file, const char *text),
	      void *ctx)
{
	struct pg_checked check = { .say = say_to, .ctx = ctx };
	PQconninfoOption *options, *known;
	char *message = NULL;
	struct diag diag;

	if (pg_lib_open(&check.lib, NULL) != 0)
		return;
	options = check.lib.PQconninfoParse(conninfo, &message);
	known = check.lib.PQconninfoParse("", NULL);
	check.known = known;
	if (options && known) {
		check_options(&check, options);
	} else if (!options) {
		if (pg_check_malformed(conninfo, message, &diag) != 0)
			say(&check, false, "%s", diag.text);
	}
	check.lib.PQfreemem(message);
	check.lib.PQconninfoFree(options);
	check.lib.PQconninfoFree(known);
	pg_lib_close(&check.lib);
}
