#include "base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/peer.h"
#include "base/suggest.h"
#include "base/utf8.h"

#define ROW(name, kind, preset, required, min, max, help)                                          \
	{                                                                                          \
#name, kind, preset, required, min, max, offsetof(struct options, name), help      \
	}
#define PATH(name, required, help) ROW(name, OPTIONS_PATH, NULL, required, 0, 0, help)
#define PATHS(name, required, help) ROW(name, OPTIONS_PATHS, NULL, required, 0, 0, help)
#define NAME(name, help) ROW(name, OPTIONS_NAME, NULL, 0, 0, 0, help)
#define NETWORKS(name, help) ROW(name, OPTIONS_NETWORKS, NULL, 0, 0, 0, help)
#define INTEGER(name, preset, min, max, help) ROW(name, OPTIONS_INTEGER, preset, 0, min, max, help)

/* clang-format off */
static const struct options_row table[] = {
	PATHS(contract, 1, "an AsyncAPI document that is enforced, or a folder of them; may be given several times"),
	PATH(contract_root, 0, "the folder that the documents' references may not leave; without it the one that has all of them"),
	PATH(contract_schemas, 0, "a folder of JSON or YAML documents that references find by their $id"),
	PATH(access, 1, "the JSON file of roles, users and their scopes"),
	PATH(password_file, 0, "the password file, in mosquitto_passwd's format"),
	PATH(scram_file, 0, "the file of SCRAM-SHA-256 keys, for MQTT 5 enhanced authentication"),
	PATH(crl_file, 0, "lists of revoked certificates (PEM), for sessions that are there already"),
	PATH(database, 0, "the SQLite file, or PostgreSQL's connection string; required when the contract keeps anything"),
	NAME(broker, "the name of this broker in the database; the host's where it is not given, required with PostgreSQL"),
	NAME(origin, "an older word for broker"),
	PATH(journal, 0, "the journal's file; required with PostgreSQL, beside the database else"),
	INTEGER(journal_size, "16777216", 65536, INT64_C(1) << 32,
		"bytes of the journal, while the database keeps up"),
	INTEGER(journal_max, "268435456", 65536, INT64_C(1) << 36,
		"bytes that the journal may grow to while writes come faster"),
	INTEGER(batch_rows, "16384", 1, 100000, "accepted writes in one transaction at most"),
	INTEGER(batch_ms, "50", 1, 10000, "milliseconds between two transactions, sooner where much waits (above 400: 400)"),
	INTEGER(backpressure_ms, "20", 0, 1000,
		"milliseconds at most that a turn of the broker waits for the database (0: it never waits)"),
	INTEGER(strict_ms, "50", 1, 5000,
		"milliseconds at most that a message or a read waits for a database that brokers share"),
	INTEGER(events_keep_rows, "0", 0, INT64_MAX, "rows kept in the events table (0: all)"),
	INTEGER(events_keep_days, "0", 0, 36500, "days that events are kept (0: for ever)"),
	INTEGER(say_publisher, "0", 0, 1,
		"1: MQTT 5 readers, bridges among them, are told who published a message"),
	INTEGER(release_wait, "30", 1, 86400,
		"seconds after which a status of QoS 2 is published for a publisher that left unreleased"),
	INTEGER(retain_again, "1", 0, 1,
		"1: after a start the broker retains again what the database says"),
	INTEGER(state_cache, "65536", 1024, 16777216, "entities whose state stays in memory"),
	INTEGER(credential_cache, "10000", 1, 1000000, "verified passwords that are remembered"),
	INTEGER(lockout, "1", 0, 1, "1: failed logins make their source wait, ever longer"),
	NETWORKS(never_lock, "addresses and networks that failed logins never lock, and unix"),
	INTEGER(connects_per_minute, "120", 0, 1000000,
		"connects of a principal's client id in a minute, beyond it waits for one (0: any)"),
	INTEGER(derivation_share, "50", 1, 100,
		"percent of the time that checks of passwords not seen before may take"),
	INTEGER(delayed_logins, "0", 0, 1,
		"1: such passwords are checked on other threads (a Mosquitto newer than 2.1.2)"),
	INTEGER(notices_per_second, "5", 0, 10000,
		"notices of refusals to one client in a second (0: none)"),
	INTEGER(refusal_payload, "256", 0, 65536,
		"bytes of a refused payload that the refusals table keeps"),
	INTEGER(refusals_keep_rows, "100000", 0, INT64_MAX,
		"rows kept in the refusals table (0: all)"),
	INTEGER(refusals_keep_days, "30", 0, 36500, "days that refusals are kept (0: for ever)"),
	PATH(monitor, 0, "the JSON file of the monitor's settings, beside the defaults"),
	PATH(metrics_file, 0, "the file that Prometheus's node_exporter collects, ending in .prom"),
	INTEGER(metrics_interval, "15", 1, 3600, "seconds between two versions of that file"),
	INTEGER(sys_interval, "10", 0, 3600,
		"seconds between values below $SYS/broker/petstore (0: none)"),
	INTEGER(monitor_clients, "65536", 64, 1048576,
		"clients whose habits are remembered, at most 1200 bytes each"),
	{ NULL, OPTIONS_PATH, NULL, 0, 0, 0, 0, NULL },
};
/* clang-format on */

#define ROWS (sizeof(table) / sizeof(table[0]) - 1)

const struct options_row *options_table(void)
{
	return table;
}

static char **path_at(struct options *options, const struct options_row *row)
{
	return (char **)(void *)((char *)options + row->offset);
}

static struct options_list *list_at(struct options *options, const struct options_row *row)
{
	return (struct options_list *)(void *)((char *)options + row->offset);
}

static int64_t *integer_at(struct options *options, const struct options_row *row)
{
	return (int64_t *)(void *)((char *)options + row->offset);
}

static int set_integer(struct options *options, const struct options_row *row, const char *value,
		       struct diag *diag)
{
	char *end = NULL;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || number < row->min ||
	    number > row->max)
		return diag_set(diag, ERR_INVALID,
				"plugin_opt_%s: \"%s\" is not an integer from %" PRId64
				" to %" PRId64,
				row->name, value, row->min, row->max);
	*integer_at(options, row) = number;
	return 0;
}

/* Only checks the value: the code that uses the networks parses it again. */
static int check_networks(const struct options_row *row, const char *value, struct diag *diag)
{
	struct peer_networks *networks = NULL;
	int rc = peer_networks_parse(value, &networks, diag);

	peer_networks_free(networks);
	if (rc && rc != ERR_NOMEM)
		diag_prefix(diag, "plugin_opt_%s", row->name);
	return rc;
}

/* It stands in rows and, one day, in logs: nothing that can't be seen or written there. */
static int check_name(const struct options_row *row, const char *value, struct diag *diag)
{
	size_t len = strlen(value);
	size_t at = 0;

	while (len <= OPTIONS_NAME_MAX && at < len) {
		uint32_t code;
		size_t n = utf8_read(value + at, len - at, &code);

		if (n == 0 || !utf8_is_plain(code))
			break;
		at += n;
	}
	if (len > 0 && at == len)
		return 0;
	return diag_set(diag, ERR_INVALID,
			"plugin_opt_%s: expected a name of 1 to %u bytes, all of them visible text",
			row->name, OPTIONS_NAME_MAX);
}

/* Where one more value of the list goes; NULL: it is full. */
static char **next_of(struct options_list *list)
{
	return list->count < OPTIONS_LIST_MAX ? &list->item[list->count++] : NULL;
}

static int set(struct options *options, const struct options_row *row, const char *value,
	       struct diag *diag)
{
	char **path;
	int rc = 0;

	if (row->kind == OPTIONS_INTEGER)
		return set_integer(options, row, value, diag);
	if (row->kind == OPTIONS_NETWORKS)
		rc = check_networks(row, value, diag);
	else if (row->kind == OPTIONS_NAME)
		rc = check_name(row, value, diag);
	else if (value[0] == '\0')
		rc = diag_set(diag, ERR_INVALID, "plugin_opt_%s: expected a path", row->name);
	if (rc)
		return rc;
	path = row->kind == OPTIONS_PATHS ? next_of(list_at(options, row)) : path_at(options, row);
	if (!path)
		return diag_set(diag, ERR_LIMIT, "plugin_opt_%s: given more than %u times",
				row->name, OPTIONS_LIST_MAX);
	*path = strdup(value);
	return *path ? 0 : diag_nomem(diag);
}

static const struct options_row *find(const char *key)
{
	for (const struct options_row *row = table; row->name; row++)
		if (strcmp(row->name, key) == 0)
			return row;
	return NULL;
}

static int no_such_option(const char *key, struct diag *diag)
{
	struct suggest suggest = suggest_begin(key);

	for (const struct options_row *row = table; row->name; row++)
		suggest_add(&suggest, row->name);
	return diag_set(diag, ERR_INVALID, "plugin_opt_%s: there is no such option%s", key,
			suggest_text(&suggest));
}

static int set_pairs(struct options *options, const struct options_pair *pairs, size_t count,
		     bool *is_given, struct diag *diag)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = pairs[i].value ? pairs[i].value : "";
		const struct options_row *row = find(pairs[i].key);
		int rc;

		if (!row)
			return no_such_option(pairs[i].key, diag);
		if (is_given[row - table] && row->kind != OPTIONS_PATHS)
			return diag_set(diag, ERR_INVALID, "plugin_opt_%s: given twice", row->name);
		is_given[row - table] = true;
		rc = set(options, row, value, diag);
		if (rc)
			return rc;
	}
	return 0;
}

/* Who gave a large size and no maximum means that the journal does not grow. */
static int check_journal(struct options *options, bool is_max_given, struct diag *diag)
{
	if (!is_max_given && options->journal_max < options->journal_size)
		options->journal_max = options->journal_size;
	if (options->journal_max >= options->journal_size)
		return 0;
	return diag_set(diag, ERR_INVALID,
			"plugin_opt_journal_max: %" PRId64 " is less than journal_size, expected "
			"at least %" PRId64,
			options->journal_max, options->journal_size);
}

static int take_origin(struct options *options, struct diag *diag)
{
	if (!options->origin)
		return 0;
	if (options->broker)
		return diag_set(
			diag, ERR_INVALID,
			"plugin_opt_origin: is an older word for plugin_opt_broker, which is "
			"given, too");
	options->broker = options->origin;
	options->origin = NULL;
	return 0;
}

int options_init(struct options *ret, const struct options_pair *pairs, size_t count,
		 struct diag *diag)
{
	bool is_given[ROWS] = { false };
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = set_pairs(ret, pairs, count, is_given, diag);
	for (size_t i = 0; rc == 0 && i < ROWS; i++) {
		if (is_given[i])
			continue;
		if (table[i].is_required)
			rc = diag_set(diag, ERR_INVALID, "plugin_opt_%s: is missing (%s)",
				      table[i].name, table[i].help);
		else if (table[i].preset)
			rc = set(ret, &table[i], table[i].preset, diag);
	}
	if (rc == 0)
		rc = take_origin(ret, diag);
	if (rc == 0)
		rc = check_journal(ret, is_given[find("journal_max") - table], diag);
	if (rc)
		options_clear(ret);
	return rc;
}

void options_clear(struct options *options)
{
	for (const struct options_row *row = table; row->name; row++)
		if (row->kind == OPTIONS_PATHS)
			for (size_t i = 0; i < list_at(options, row)->count; i++)
				free(list_at(options, row)->item[i]);
		else if (row->kind != OPTIONS_INTEGER)
			free(*path_at(options, row));
	memset(options, 0, sizeof(*options));
}
