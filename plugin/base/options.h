/*
 * options.h -- the plugin_opt_ lines of mosquitto.conf as one checked struct.
 *
 * One table (options.c) has every option's name, kind, bounds, default and help; parsing, the
 * documentation and the tests walk it. An option that is unknown, given twice, missing, out of
 * bounds or followed by other text is an error, so that a wrong option never disables a check.
 */
#ifndef PETSTORE_OPTIONS_H
#define PETSTORE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define OPTIONS_LIST_MAX 64u

/* The values of an option that may be given several times. */
struct options_list {
	size_t count;
	char *item[OPTIONS_LIST_MAX];
};

struct options {
	struct options_list contract; /* AsyncAPI documents, or folders of them; at least one */
	char *contract_root; /* folder that its references may lead to; NULL: the contract's own */
	char *contract_schemas; /* folder of documents that are known by their $id; NULL: none */
	char *access;           /* access.json */
	char *password_file;    /* NULL: no client logs in with a password */
	char *scram_file;       /* NULL: no client logs in by SCRAM */
	char *crl_file;         /* NULL: only the broker's TLS checks for revoked certificates */
	/* A path, or libpq's connection string; NULL: no state is kept, which entities need. */
	char *database;
	char *broker;  /* plain text of 1 to OPTIONS_NAME_MAX bytes; NULL: the host's name */
	char *origin;  /* an older word for broker, which has it; always NULL */
	char *journal; /* path; NULL: beside the database */
	int64_t journal_size;
	int64_t journal_max; /* at least journal_size */
	int64_t batch_rows;
	int64_t batch_ms;
	int64_t backpressure_ms;
	int64_t strict_ms;
	int64_t events_keep_rows;
	int64_t events_keep_days;
	int64_t say_publisher;
	int64_t release_wait; /* seconds */
	int64_t retain_again; /* 1: retained messages are published again after a start */
	int64_t state_cache;
	int64_t credential_cache;
	int64_t lockout;  /* 1: an address with failed logins has to wait */
	char *never_lock; /* networks, well-formed; NULL: none */
	int64_t connects_per_minute;
	int64_t derivation_share; /* percent of the time, see access/derivations.h */
	int64_t delayed_logins;   /* 1: passwords are checked on other threads */
	int64_t notices_per_second;
	int64_t refusal_payload;
	int64_t refusals_keep_rows;
	int64_t refusals_keep_days;
	char *monitor;      /* NULL: the defaults */
	char *metrics_file; /* NULL: none is written */
	int64_t metrics_interval;
	int64_t sys_interval;
	int64_t monitor_clients;
};

#define OPTIONS_NAME_MAX 64u

enum options_kind { OPTIONS_PATH, OPTIONS_PATHS, OPTIONS_INTEGER, OPTIONS_NETWORKS, OPTIONS_NAME };

struct options_row {
	const char *name;
	enum options_kind kind;
	const char *preset; /* the default's text; NULL: none, and required where is_required */
	int is_required;
	int64_t min, max; /* of an integer */
	size_t offset;    /* into struct options */
	const char *help; /* one sentence */
};

/* The table; the row after the last has a NULL name. */
const struct options_row *options_table(void);

/* One line of the configuration; both strings are borrowed for the call. */
struct options_pair {
	const char *key;
	const char *value;
};

/*
 * Fills @ret with the defaults and the @count pairs. On failure @ret is cleared, and @diag
 * names the option and what was expected.
 */
int options_init(struct options *ret, const struct options_pair *pairs, size_t count,
		 struct diag *diag) MUST_CHECK;
void options_clear(struct options *options);

#endif
