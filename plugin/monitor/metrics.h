/*
 * metrics.h -- counts decisions and logins, and prints these and the other rooms' numbers.
 *
 * Counters never go back while the process lives, also at a reload: a channel's counters are kept
 * under its name. What other rooms count is passed in as facts when the numbers are printed. There
 * are two forms: a text that is valid both in OpenMetrics 1.0 and in Prometheus's exposition format
 * 0.0.4, the only one that node_exporter's textfile collector reads (metricstext.h); and short
 * values for topics below $SYS/broker/petstore/.
 *
 * For the broker's thread.
 */
#ifndef PETSTORE_MONITOR_METRICS_H
#define PETSTORE_MONITOR_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/ledger_facts.h"
#include "base/login_method.h"
#include "base/reason.h"
#include "monitor/alerts.h"
#include "monitor/metrics_brokers.h"

/* Channels with counters of their own; the others of a larger contract share one name. */
#define METRICS_CHANNELS_MAX 256u
#define METRICS_NO_CHANNEL UINT32_MAX

enum metrics_action { METRICS_PUBLISH = 0, METRICS_DELIVER, METRICS_SUBSCRIBE, METRICS_ACTIONS };

enum metrics_result {
	METRICS_ACCEPTED = 0,
	METRICS_REFUSED,
	METRICS_HELD, /* locked out, held off or banned */
	METRICS_RESULTS,
};

struct metrics;

int metrics_new(struct metrics **ret, struct diag *diag) MUST_CHECK;
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* Makes room for @count channels; the next metrics_use() of as many can't fail then. */
int metrics_reserve(struct metrics *metrics, size_t count, struct diag *diag) MUST_CHECK;

/*
 * Sets the names of the channels by their index, @count of them. A name that was there before keeps
 * its counters.
 */
void metrics_use(struct metrics *metrics, const char *const *name, size_t count);

/* One decision. @channel: its index, or METRICS_NO_CHANNEL. Allocates nothing. */
void metrics_decided(struct metrics *metrics, enum metrics_action action, uint32_t channel,
		     enum reason reason, bool is_observed);

/* How long a decision about a publish took. */
void metrics_took(struct metrics *metrics, int64_t ns);

void metrics_connected(struct metrics *metrics, enum login_method method,
		       enum metrics_result result);

/* What the other rooms know, as of now. Strings are borrowed for the call. */
struct metrics_facts {
	const char *version;  /* of the plugin */
	const char *broker;   /* "2.0" or "2.1" */
	const char *parser;   /* what reads payloads */
	const char *contract; /* title */
	const char *contract_version;
	uint64_t start_s; /* when the plugin was loaded, unix time */
	uint64_t reloads;
	uint64_t reload_failures;
	uint64_t sessions;
	uint64_t connected[LOGIN_METHODS]; /* now, by how their clients logged in */
	uint64_t closed;                   /* clients that were closed because of a publish */
	uint64_t credential_hits;
	uint64_t credential_misses;
	uint64_t clients; /* records in use */
	uint64_t clients_evicted;
	uint64_t bans;
	const struct alerts_counts *alerts;
	uint64_t retained_repairing;
	uint64_t retained_repairs;
	bool has_ledger;
	struct ledger_facts ledger;           /* where it is there */
	const struct metrics_broker *brokers; /* of one database; none: it is not shared */
	size_t broker_count;
};

/*
 * The text of a metrics file. On success *ret is a new NUL-terminated text of *len bytes, to
 * be freed with free(); ERR_NOMEM otherwise. Its size is bounded by METRICS_CHANNELS_MAX.
 */
int metrics_print(const struct metrics *metrics, const struct metrics_facts *facts, char **ret,
		  size_t *len, struct diag *diag) MUST_CHECK;

/* Calls @visit with a topic's rest below $SYS/broker/petstore/ and its value, one by one. */
typedef void metrics_visitor(const char *topic, const char *value, void *ctx);
void metrics_visit(const struct metrics *metrics, const struct metrics_facts *facts,
		   metrics_visitor *visit, void *ctx);

#endif
