#include "monitor/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/metricstext.h"

#define NO_CHANNEL_ROW 0u
#define OTHER_ROW 1u
#define OWN_ROWS 2u /* the rows before the channels' */

/* A channel's counters. */
struct row {
	char *name;                                       /* NULL: of the first two, or free */
	uint64_t count[METRICS_ACTIONS][2][REASON_COUNT]; /* [1]: only observed */
};

struct metrics {
	size_t rows;
	uint32_t *row_of; /* by channel index */
	uint32_t *spare;  /* the next of these */
	size_t channels;
	uint64_t allowed[METRICS_ACTIONS];
	uint64_t refused[METRICS_ACTIONS];
	uint64_t connections[LOGIN_METHODS][METRICS_RESULTS];
	struct histogram took;
	struct row
		row[OWN_ROWS + METRICS_CHANNELS_MAX]; /* last: what is counted often stands close */
};

/* clang-format off */
static const uint64_t took_bounds[] = {
	500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 10000000,
};
/* clang-format on */

int metrics_new(struct metrics **ret, struct diag *diag)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return diag_nomem(diag);
	metrics->rows = OWN_ROWS;
	metrics->took.bound = took_bounds;
	metrics->took.bounds = sizeof(took_bounds) / sizeof(*took_bounds);
	*ret = metrics;
	return 0;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < metrics->rows; i++)
		free(metrics->row[i].name);
	free(metrics->row_of);
	free(metrics->spare);
	free(metrics);
}

/* ---- channels ---------------------------------------------------------------------------- */

/* The row of @name, a new one, or that of the others. */
static uint32_t row_for(struct metrics *metrics, const char *name)
{
	struct row *row;

	for (size_t i = OWN_ROWS; i < metrics->rows; i++)
		if (strcmp(metrics->row[i].name, name) == 0)
			return (uint32_t)i;
	if (metrics->rows == OWN_ROWS + METRICS_CHANNELS_MAX)
		return OTHER_ROW;
	row = &metrics->row[metrics->rows];
	row->name = strdup(name);
	return row->name ? (uint32_t)metrics->rows++ : OTHER_ROW; /* for want of memory */
}

int metrics_reserve(struct metrics *metrics, size_t count, struct diag *diag)
{
	uint32_t *spare = calloc(count + 1, sizeof(*spare));

	if (!spare)
		return diag_nomem(diag);
	free(metrics->spare);
	metrics->spare = spare;
	return 0;
}

void metrics_use(struct metrics *metrics, const char *const *name, size_t count)
{
	for (size_t i = 0; i < count; i++)
		metrics->spare[i] = row_for(metrics, name[i]);
	free(metrics->row_of);
	metrics->row_of = metrics->spare;
	metrics->spare = NULL;
	metrics->channels = count;
}

/* ---- counting ---------------------------------------------------------------------------- */

void metrics_decided(struct metrics *metrics, enum metrics_action action, uint32_t channel,
		     enum reason reason, bool is_observed)
{
	uint32_t row = channel < metrics->channels ? metrics->row_of[channel] : NO_CHANNEL_ROW;

	metrics->row[row].count[action][is_observed][reason]++;
	if (reason == REASON_NONE || is_observed)
		metrics->allowed[action]++;
	else
		metrics->refused[action]++;
}

void metrics_took(struct metrics *metrics, int64_t ns)
{
	histogram_add(&metrics->took, ns > 0 ? (uint64_t)ns : 0);
}

void metrics_connected(struct metrics *metrics, enum login_method method,
		       enum metrics_result result)
{
	metrics->connections[method][result]++;
}

/* ---- numbers without labels -------------------------------------------------------------- */

enum fact_kind { COUNTER, GAUGE };
enum fact_of { OF_ALL, OF_LEDGER, OF_SHARED }; /* the last: of a database that brokers share */

/* clang-format off */
#define FACT(name, kind, member, divisor, topic, help) \
	{ name, kind, offsetof(struct metrics_facts, member), divisor, topic, help, OF_ALL }
#define STORE(name, kind, member, divisor, topic, help) \
	{ name, kind, offsetof(struct metrics_facts, member), divisor, topic, help, OF_LEDGER }
#define SHARED(name, kind, member, help) \
	{ name, kind, offsetof(struct metrics_facts, ledger.member), 1, NULL, help, OF_SHARED }

static const struct {
	const char *name;
	enum fact_kind kind;
	size_t offset; /* of a uint64_t */
	unsigned divisor;
	const char *topic;
	const char *help;
	enum fact_of of;
} facts_table[] = {
	FACT("start_time_seconds", GAUGE, start_s, 1, NULL,
	     "When the plugin was loaded, in unix time."),
	FACT("reloads_total", COUNTER, reloads, 1, "reloads", "Reloads that succeeded."),
	FACT("reload_failures_total", COUNTER, reload_failures, 1, "reload_failures",
	     "Reloads that failed and changed nothing."),
	FACT("sessions", GAUGE, sessions, 1, "sessions", "Sessions known, gone ones included."),
	FACT("closed_total", COUNTER, closed, 1, "closed",
	     "Clients disconnected over a publish that could not be kept, unacknowledged."),
	FACT("credential_cache_hits_total", COUNTER, credential_hits, 1, NULL,
	     "Passwords that were known already."),
	FACT("credential_cache_misses_total", COUNTER, credential_misses, 1, NULL,
	     "Passwords that had to be derived."),
	FACT("monitor_clients", GAUGE, clients, 1, "monitor/clients",
	     "Clients that the monitor has a record of."),
	FACT("monitor_clients_evicted_total", COUNTER, clients_evicted, 1, NULL,
	     "Records given up for newcomers."),
	FACT("bans", GAUGE, bans, 1, "bans", "Clients held off or banned now."),
	STORE("state_cache_hits_total", COUNTER, ledger.state_hits, 1, NULL,
	      "Entities whose state was in memory."),
	STORE("state_cache_misses_total", COUNTER, ledger.state_misses, 1, NULL,
	      "Entities whose state was read from the database."),
	STORE("journal_size_bytes", GAUGE, ledger.journal_bytes, 1, NULL, "Room in the journal."),
	STORE("journal_used_bytes", GAUGE, ledger.journal_used, 1, "journal/bytes",
	      "Bytes in the journal that the database has not."),
	STORE("journal_records", GAUGE, ledger.journal_records, 1, "journal/records",
	      "Accepted writes that the database has not."),
	STORE("journal_age_seconds", GAUGE, ledger.journal_age_ms, 1000, "journal/age",
	      "How long the oldest of them has waited."),
	STORE("store_waits_total", COUNTER, ledger.waits, 1, "store/waits",
	      "Times that publishers waited for the database to catch up."),
	STORE("store_waited_seconds_total", COUNTER, ledger.waited_ms, 1000, "store/waited",
	      "How long they waited in all."),
	STORE("journal_syncs_slow_total", COUNTER, ledger.syncs_slow, 1, NULL,
	      "Syncs of the journal that took 50 ms or longer."),
	STORE("journal_syncs_failed_total", COUNTER, ledger.syncs_failed, 1, NULL,
	      "Syncs of the journal that failed."),
	STORE("power_refused", GAUGE, ledger.power_refused, 1, "store/power_refused",
	      "1 while channels of durability power are refused, since syncs fail or are slow."),
	STORE("retained_repairing", GAUGE, retained_repairing, 1, "retained/repairing",
	      "1 while what the broker retains is compared with the database."),
	STORE("retained_repairs_total", COUNTER, retained_repairs, 1, "retained/repairs",
	      "Messages retained again, or cleared, as the database says."),
	STORE("store_errors_total", COUNTER, ledger.store_errors, 1, "store/errors",
	      "Batches that the database did not take at the first try."),
	STORE("refusals_lost_total", COUNTER, ledger.refusals_lost, 1, NULL,
	      "Refusals that did not make it to the database."),
	SHARED("strict_messages_total", COUNTER, steps_kept,
	       "Messages of strict channels that the database had before they were acknowledged."),
	SHARED("strict_stale_total", COUNTER, steps_stale,
	       "Messages of strict channels that were decided again: another broker was first."),
	SHARED("strict_doubts_total", COUNTER, steps_doubts,
	       "Messages of strict channels whose outcome was unknown when their client was closed."),
	SHARED("strict_refused_total", COUNTER, steps_refused,
	       "Messages of strict channels that the database did not take."),
	SHARED("database_away", GAUGE, is_away,
	       "1 while strict messages are refused at once: the database does not answer, or is not the right one."),
};
/* clang-format on */

#define FACTS (sizeof(facts_table) / sizeof(*facts_table))

static uint64_t fact(const struct metrics_facts *facts, size_t row)
{
	uint64_t value;

	memcpy(&value, (const char *)facts + facts_table[row].offset, sizeof(value));
	return value;
}

static bool is_shown(const struct metrics_facts *facts, enum fact_of of)
{
	return of == OF_ALL || (of == OF_LEDGER ? facts->has_ledger : facts->ledger.is_shared);
}

static void print_facts(FILE *out, const struct metrics_facts *facts)
{
	for (size_t i = 0; i < FACTS; i++) {
		if (!is_shown(facts, facts_table[i].of))
			continue;
		metricstext_value(out, facts_table[i].name,
				  facts_table[i].kind == COUNTER ? NULL : "gauge",
				  facts_table[i].help, fact(facts, i), facts_table[i].divisor);
	}
}

/* ---- families ---------------------------------------------------------------------------- */

static const char *const action_names[METRICS_ACTIONS] = { "publish", "deliver", "subscribe" };
static const char *const result_names[METRICS_RESULTS] = { "accepted", "refused", "held" };

static const char *row_name(const struct metrics *metrics, size_t row)
{
	return row == NO_CHANNEL_ROW ? "none" : row == OTHER_ROW ? "other" : metrics->row[row].name;
}

/* Only what ever happened: most of the cube stays empty. */
static void print_row(FILE *out, const struct metrics *metrics, size_t at)
{
	const struct row *row = &metrics->row[at];

	for (unsigned action = 0; action < METRICS_ACTIONS; action++)
		for (unsigned observed = 0; observed < 2; observed++)
			for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
				uint64_t count = row->count[action][observed][reason];

				if (count == 0)
					continue;
				(void)fprintf(out, "petstore_decisions_total{action=\"%s\",",
					      action_names[action]);
				metricstext_label(out, "channel", row_name(metrics, at));
				(void)fprintf(out, ",outcome=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
					      reason == REASON_NONE ? "allowed"
					      : observed            ? "observed"
								    : "refused",
					      reason_code((enum reason)reason), count);
			}
}

static void print_decisions(FILE *out, const struct metrics *metrics)
{
	metricstext_head(out, "decisions_total", NULL, "Decisions by action, channel and reason.");
	for (size_t i = 0; i < metrics->rows; i++)
		print_row(out, metrics, i);
}

static void print_connections(FILE *out, const struct metrics *metrics)
{
	metricstext_head(out, "connections_total", NULL, "Logins by method and result.");
	for (unsigned method = 0; method < LOGIN_METHODS; method++)
		for (unsigned result = 0; result < METRICS_RESULTS; result++)
			(void)fprintf(out,
				      "petstore_connections_total{method=\"%s\",result=\"%s\"} "
				      "%" PRIu64 "\n",
				      login_method_name((enum login_method)method),
				      result_names[result], metrics->connections[method][result]);
}

static void print_connected(FILE *out, const struct metrics_facts *facts)
{
	metricstext_head(out, "sessions_connected", "gauge",
			 "Clients that are connected now, by how they logged in.");
	for (unsigned method = 0; method < LOGIN_METHODS; method++)
		(void)fprintf(out, "petstore_sessions_connected{method=\"%s\"} %" PRIu64 "\n",
			      login_method_name((enum login_method)method),
			      facts->connected[method]);
}

static void print_alerts(FILE *out, const struct alerts_counts *counts)
{
	metricstext_head(out, "alerts_total", NULL, "Alerts raised, by kind.");
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		(void)fprintf(out, "petstore_alerts_total{kind=\"%s\"} %" PRIu64 "\n",
			      alert_code((enum alert_kind)kind), counts->raised[kind]);
	metricstext_head(out, "alerts_active", "gauge",
			 "Alerts that were not cleared yet, by kind.");
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		(void)fprintf(out, "petstore_alerts_active{kind=\"%s\"} %" PRIu32 "\n",
			      alert_code((enum alert_kind)kind), counts->active[kind]);
	metricstext_head(out, "alerts_dropped_total", NULL,
			 "Sightings and alerts for which there was no room.");
	(void)fprintf(out, "petstore_alerts_dropped_total %" PRIu64 "\n",
		      counts->crowded + counts->lost);
}

static void print_info(FILE *out, const struct metrics_facts *facts)
{
	metricstext_head(out, "build_info", "gauge", "What runs; the value is always 1.");
	(void)fputs("petstore_build_info{", out);
	metricstext_label(out, "version", facts->version);
	(void)fputc(',', out);
	metricstext_label(out, "broker", facts->broker);
	(void)fputc(',', out);
	metricstext_label(out, "parser", facts->parser);
	(void)fputs("} 1\n", out);
	metricstext_head(out, "contract_info", "gauge",
			 "The contract in force; the value is always 1.");
	(void)fputs("petstore_contract_info{", out);
	metricstext_label(out, "title", facts->contract);
	(void)fputc(',', out);
	metricstext_label(out, "version", facts->contract_version);
	(void)fputs("} 1\n", out);
}

int metrics_print(const struct metrics *metrics, const struct metrics_facts *facts, char **ret,
		  size_t *len, struct diag *diag)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return diag_nomem(diag);
	print_info(out, facts);
	print_facts(out, facts);
	print_decisions(out, metrics);
	metricstext_histogram(
		out, "decision_seconds",
		"How long a decision about a publish takes; of many some are measured.",
		&metrics->took, 1000000000);
	print_connections(out, metrics);
	print_connected(out, facts);
	if (facts->alerts)
		print_alerts(out, facts->alerts);
	if (facts->ledger.batch_records) {
		metricstext_histogram(out, "batch_records", "Accepted writes in one transaction.",
				      facts->ledger.batch_records, 1);
		metricstext_histogram(out, "batch_seconds", "How long a transaction takes.",
				      facts->ledger.batch_ns, 1000000000);
	}
	if (facts->ledger.step_us)
		metricstext_histogram(
			out, "strict_seconds",
			"How long the database takes for a message of a strict channel.",
			facts->ledger.step_us, 1000000);
	metrics_brokers_print(out, facts->brokers, facts->broker_count);
	(void)fputs("# EOF\n", out);
	if (ferror(out)) {
		(void)fclose(out);
		free(text);
		return diag_nomem(diag);
	}
	if (fclose(out) != 0) {
		free(text);
		return diag_nomem(diag);
	}
	*ret = text;
	return 0;
}

/* ---- $SYS -------------------------------------------------------------------------------- */

static void visit_number(metrics_visitor *visit, void *ctx, const char *topic, uint64_t value,
			 unsigned divisor)
{
	char text[40];

	if (divisor == 1)
		(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	else
		(void)snprintf(text, sizeof(text), "%.3f", (double)value / divisor);
	visit(topic, text, ctx);
}

static void visit_alerts(const struct alerts_counts *counts, metrics_visitor *visit, void *ctx)
{
	uint64_t raised = 0, active = 0;

	for (unsigned kind = 0; kind < ALERT_KINDS; kind++) {
		raised += counts->raised[kind];
		active += counts->active[kind];
	}
	visit_number(visit, ctx, "alerts/raised", raised, 1);
	visit_number(visit, ctx, "alerts/active", active, 1);
}

static void visit_connections(const struct metrics *metrics, metrics_visitor *visit, void *ctx)
{
	char topic[40];

	for (unsigned result = 0; result < METRICS_RESULTS; result++) {
		uint64_t count = 0;

		for (unsigned method = 0; method < LOGIN_METHODS; method++)
			count += metrics->connections[method][result];
		(void)snprintf(topic, sizeof(topic), "connections/%s", result_names[result]);
		visit_number(visit, ctx, topic, count, 1);
	}
}

static void visit_connected(const struct metrics_facts *facts, metrics_visitor *visit, void *ctx)
{
	uint64_t count = 0;

	for (unsigned method = 0; method < LOGIN_METHODS; method++)
		count += facts->connected[method];
	visit_number(visit, ctx, "sessions/connected", count, 1);
}

void metrics_visit(const struct metrics *metrics, const struct metrics_facts *facts,
		   metrics_visitor *visit, void *ctx)
{
	char topic[40];

	visit("version", facts->version, ctx);
	visit("contract", facts->contract, ctx);
	visit("contract/version", facts->contract_version, ctx);
	for (unsigned action = 0; action < METRICS_ACTIONS; action++) {
		(void)snprintf(topic, sizeof(topic), "%s/allowed", action_names[action]);
		visit_number(visit, ctx, topic, metrics->allowed[action], 1);
		(void)snprintf(topic, sizeof(topic), "%s/refused", action_names[action]);
		visit_number(visit, ctx, topic, metrics->refused[action], 1);
	}
	visit_connections(metrics, visit, ctx);
	visit_connected(facts, visit, ctx);
	if (facts->alerts)
		visit_alerts(facts->alerts, visit, ctx);
	for (size_t i = 0; i < FACTS; i++)
		if (facts_table[i].topic && is_shown(facts, facts_table[i].of))
			visit_number(visit, ctx, facts_table[i].topic, fact(facts, i),
				     facts_table[i].divisor);
	metrics_brokers_visit(facts->brokers, facts->broker_count, visit, ctx);
}
