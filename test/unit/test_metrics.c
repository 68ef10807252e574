/* Numbers, in the words of Prometheus and of $SYS; and the file they are written to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "failalloc.h"
#include "folder.h"
#include "monitor/metrics.h"
#include "monitor/metricsfile.h"

static const uint64_t bounds[] = { 1, 10, 100 };

static struct metrics *metrics_of(void)
{
	static const char *const names[] = { "orderStatus", "petStatus" };
	struct metrics *metrics = NULL;
	struct diag diag;

	if (metrics_new(&metrics, &diag) || metrics_reserve(metrics, 2, &diag))
		fail_msg("%s", diag.text);
	metrics_use(metrics, names, 2);
	return metrics;
}

static struct metrics_facts facts_of(struct alerts_counts *counts, struct histogram *batches)
{
	counts->raised[ALERT_TAKEOVER] = 3;
	batches->bound = bounds;
	batches->bounds = 3;
	histogram_add(batches, 10);
	histogram_add(batches, 11);
	histogram_add(batches, 1000);
	return (struct metrics_facts){
		.version = "1.2.3",
		.broker = "2.0",
		.parser = "jansson",
		.contract = "A \"quoted\\\" title\n# EOF",
		.contract_version = "1",
		.start_s = 1700000000,
		.connected = { [LOGIN_PASSWORD] = 3, [LOGIN_CERTIFICATE] = 4 },
		.has_ledger = true,
		.ledger = { .journal_age_ms = 1500, .batch_records = batches, .batch_ns = batches },
		.alerts = counts,
	};
}

static char *print(const struct metrics *metrics)
{
	static struct alerts_counts counts;
	static struct histogram batches;
	struct metrics_facts facts;
	char *text = NULL;
	size_t len = 0;
	struct diag diag;

	memset(&counts, 0, sizeof(counts));
	memset(&batches, 0, sizeof(batches));
	facts = facts_of(&counts, &batches);
	if (metrics_print(metrics, &facts, &text, &len, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void assert_line(const char *text, const char *line)
{
	const char *found = strstr(text, line);

	if (!found || (found != text && found[-1] != '\n') || found[strlen(line)] != '\n')
		fail_msg("no line %s in\n%s", line, text);
}

static void remember(const char *topic, const char *value, void *ctx)
{
	char *all = ctx;

	strcat(strcat(strcat(strcat(all, topic), "="), value), "\n");
}

static void test_metrics_print__says_what_was_counted(void **state)
{
	struct metrics *metrics = metrics_of();
	struct alerts_counts counts = { 0 };
	struct histogram batches = { 0 };
	struct metrics_facts facts = facts_of(&counts, &batches);
	char all[8192] = "";
	char *text;

	(void)state;
	metrics_decided(metrics, METRICS_PUBLISH, 0, REASON_NONE, false);
	metrics_decided(metrics, METRICS_PUBLISH, 0, REASON_NONE, false);
	metrics_decided(metrics, METRICS_PUBLISH, 1, REASON_SCHEMA_VIOLATION, false);
	metrics_decided(metrics, METRICS_PUBLISH, 1, REASON_SCHEMA_VIOLATION, true);
	metrics_decided(metrics, METRICS_DELIVER, METRICS_NO_CHANNEL, REASON_TOPIC_UNKNOWN, false);
	metrics_took(metrics, 1500);
	metrics_took(metrics, 600);
	metrics_took(metrics, -5);
	metrics_connected(metrics, LOGIN_TOKEN, METRICS_HELD);
	text = print(metrics);
	assert_line(text,
		    "petstore_build_info{version=\"1.2.3\",broker=\"2.0\",parser=\"jansson\"} 1");
	assert_line(text, "petstore_contract_info{title=\"A \\\"quoted\\\\\\\" title# EOF\","
			  "version=\"1\"} 1");
	assert_line(text, "petstore_decisions_total{action=\"publish\",channel=\"orderStatus\","
			  "outcome=\"allowed\",reason=\"allowed\"} 2");
	assert_line(text, "petstore_decisions_total{action=\"publish\",channel=\"petStatus\","
			  "outcome=\"refused\",reason=\"schema-violation\"} 1");
	assert_line(text, "petstore_decisions_total{action=\"publish\",channel=\"petStatus\","
			  "outcome=\"observed\",reason=\"schema-violation\"} 1");
	assert_line(text, "petstore_decisions_total{action=\"deliver\",channel=\"none\","
			  "outcome=\"refused\",reason=\"topic-unknown\"} 1");
	assert_line(text, "petstore_decision_seconds_bucket{le=\"5e-07\"} 1");
	assert_line(text, "petstore_decision_seconds_bucket{le=\"1e-06\"} 2");
	assert_line(text, "petstore_decision_seconds_bucket{le=\"2e-06\"} 3");
	assert_line(text, "petstore_decision_seconds_bucket{le=\"+Inf\"} 3");
	assert_line(text, "petstore_decision_seconds_sum 2.1e-06");
	assert_line(text, "petstore_connections_total{method=\"token\",result=\"held\"} 1");
	assert_line(text, "petstore_connections_total{method=\"password\",result=\"accepted\"} 0");
	assert_line(text, "petstore_sessions_connected{method=\"certificate\"} 4");
	assert_line(text, "petstore_sessions_connected{method=\"scram\"} 0");
	assert_line(text, "petstore_alerts_total{kind=\"takeover\"} 3");
	assert_line(text, "petstore_journal_age_seconds 1.5");
	assert_line(text, "petstore_batch_records_bucket{le=\"10\"} 1");
	assert_line(text, "petstore_batch_records_bucket{le=\"+Inf\"} 3");
	assert_line(text, "petstore_batch_records_sum 1021");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	assert_null(strstr(text, "reason=\"not-owner\""));
	metrics_visit(metrics, &facts, remember, all);
	assert_line(all, "publish/allowed=3");
	assert_line(all, "publish/refused=1");
	free(text);
	metrics_free(metrics);
	metrics_free(NULL);
}

static void test_metrics_print__says_what_brokers_share(void **state)
{
	static const struct metrics_broker brokers[] = {
		{ .name = "broker-a",
		  .is_own = true,
		  .is_alive = true,
		  .silent_ms = 320,
		  .waiting = 12,
		  .lag_ms = 250,
		  .overruled = 2 },
		{ .name = "b\"", .silent_ms = 61000, .lag_ms = -1, .overruled = 1 },
		{ .name = "out", .is_out = true },
	};
	struct metrics *metrics = metrics_of();
	struct alerts_counts counts = { 0 };
	struct histogram batches = { 0 };
	struct metrics_facts facts = facts_of(&counts, &batches);
	char all[8192] = "";
	char *text = NULL;
	size_t len;
	struct diag diag;

	(void)state;
	assert_int_equal(metrics_print(metrics, &facts, &text, &len, &diag), 0);
	assert_null(strstr(text, "petstore_broker_"));
	free(text);
	facts.brokers = brokers;
	facts.broker_count = 3;
	assert_int_equal(metrics_print(metrics, &facts, &text, &len, &diag), 0);
	assert_line(text, "petstore_broker_alive{broker=\"broker-a\"} 1");
	assert_line(text, "petstore_broker_alive{broker=\"b\\\"\"} 0");
	assert_line(text, "petstore_broker_silent_seconds{broker=\"b\\\"\"} 61");
	assert_line(text, "petstore_broker_alive{broker=\"out\"} 0");
	assert_null(strstr(text, "petstore_broker_silent_seconds{broker=\"out\"}"));
	assert_line(text, "petstore_broker_waiting{broker=\"broker-a\"} 12");
	assert_line(text, "petstore_broker_lag_seconds{broker=\"broker-a\"} 0.25");
	assert_line(text, "petstore_broker_lag_seconds{broker=\"b\\\"\"} 0");
	assert_line(text, "petstore_broker_overruled_total{broker=\"broker-a\"} 2");
	metrics_visit(metrics, &facts, remember, all);
	assert_line(all, "brokers/known=3");
	assert_line(all, "brokers/alive=1");
	assert_line(all, "brokers/overruled=3");
	assert_line(all, "brokers/lag=0.250");
	free(text);
	metrics_free(metrics);
}

static void test_metrics_use__counters_go_on_under_their_names(void **state)
{
	static const char *const turned[] = { "petStatus", "new", "orderStatus" };
	struct metrics *metrics = metrics_of();
	char *text;
	struct diag diag;

	(void)state;
	metrics_decided(metrics, METRICS_PUBLISH, 0, REASON_NONE, false);
	assert_int_equal(metrics_reserve(metrics, 3, &diag), 0);
	metrics_use(metrics, turned, 3);
	metrics_decided(metrics, METRICS_PUBLISH, 2, REASON_NONE, false);
	metrics_decided(metrics, METRICS_PUBLISH, 1, REASON_NONE, false);
	text = print(metrics);
	assert_line(text, "petstore_decisions_total{action=\"publish\",channel=\"orderStatus\","
			  "outcome=\"allowed\",reason=\"allowed\"} 2");
	assert_line(text, "petstore_decisions_total{action=\"publish\",channel=\"new\","
			  "outcome=\"allowed\",reason=\"allowed\"} 1");
	free(text);
	metrics_free(metrics);
}

static void test_metrics_use__many_channels_share_a_name(void **state)
{
	struct metrics *metrics = metrics_of();
	static char name[10000][16];
	const char **names = calloc(10000, sizeof(*names));
	char *text;
	struct diag diag;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "c%u", i);
		names[i] = name[i];
	}
	assert_int_equal(metrics_reserve(metrics, 10000, &diag), 0);
	metrics_use(metrics, names, 10000);
	for (uint32_t i = 0; i < 10000; i++)
		metrics_decided(metrics, METRICS_PUBLISH, i, REASON_NONE, false);
	text = print(metrics);
	assert_line(text, "petstore_decisions_total{action=\"publish\",channel=\"other\","
			  "outcome=\"allowed\",reason=\"allowed\"} 9746");
	assert_true(strlen(text) < 64 * 1024);
	free(text);
	free(names);
	metrics_free(metrics);
}

static void test_metrics_new__every_allocation_may_fail(void **state)
{
	static const char *const names[] = { "orderStatus", "petStatus" };
	const struct metrics_facts facts = {
		.version = "", .broker = "", .parser = "", .contract = "", .contract_version = ""
	};
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		struct metrics *metrics = NULL;
		char *text = NULL;
		size_t len;
		int rc;

		failalloc_start(n);
		rc = metrics_new(&metrics, &diag);
		if (rc == 0)
			rc = metrics_reserve(metrics, 2, &diag);
		if (rc == 0)
			metrics_use(metrics, names, 2);
		if (rc == 0)
			rc = metrics_print(metrics, &facts, &text, &len, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			free(text);
			metrics_free(metrics);
			break;
		}
		assert_true(rc == 0 || rc == ERR_NOMEM); /* a name may share a row instead */
		free(text);
		metrics_free(metrics);
	}
}

/* ---- $SYS -------------------------------------------------------------------------------- */

static void test_metrics_visit__one_value_a_topic(void **state)
{
	struct metrics *metrics = metrics_of();
	struct alerts_counts counts = { 0 };
	struct histogram batches = { 0 };
	struct metrics_facts facts = facts_of(&counts, &batches);
	char all[8192] = "";

	(void)state;
	metrics_decided(metrics, METRICS_PUBLISH, 0, REASON_NONE, false);
	metrics_connected(metrics, LOGIN_PASSWORD, METRICS_REFUSED);
	metrics_connected(metrics, LOGIN_TOKEN, METRICS_REFUSED);
	metrics_visit(metrics, &facts, remember, all);
	assert_line(all, "version=1.2.3");
	assert_line(all, "publish/allowed=1");
	assert_line(all, "publish/refused=0");
	assert_line(all, "connections/refused=2");
	assert_line(all, "sessions/connected=7");
	assert_line(all, "alerts/raised=3");
	assert_line(all, "journal/age=1.500");
	facts.has_ledger = false;
	all[0] = '\0';
	metrics_visit(metrics, &facts, remember, all);
	assert_null(strstr(all, "journal"));
	metrics_free(metrics);
}

/* ---- the file ---------------------------------------------------------------------------- */

static void read_file(const char *path, char *ret, size_t cap)
{
	FILE *file = fopen(path, "r");
	size_t len = 0;

	if (file) {
		len = fread(ret, 1, cap - 1, file);
		(void)fclose(file);
	}
	ret[len] = '\0';
}

static void test_metricsfile__holds_the_newest_text_at_the_end(void **state)
{
	struct folder folder;
	struct metricsfile *file = NULL;
	char path[300], text[64];
	struct stat status;
	struct diag diag;

	(void)state;
	folder_make(&folder);
	(void)snprintf(path, sizeof(path), "%s", folder_file(&folder, "metrics.prom"));
	assert_int_equal(metricsfile_new(path, &file, &diag), 0);
	assert_int_not_equal(access(path, F_OK), 0); /* nothing was handed over yet */
	for (int i = 0; i < 100; i++) {
		char *copy = malloc(32);

		(void)snprintf(copy, 32, "text %d\n", i);
		metricsfile_write_take(file, copy, strlen(copy));
	}
	assert_false(metricsfile_news(file, &diag));
	metricsfile_free(file);
	read_file(path, text, sizeof(text));
	assert_string_equal(text, "text 99\n");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	assert_int_not_equal(access(folder_file(&folder, "metrics.prom.new"), F_OK), 0);
	folder_remove(&folder);
	metricsfile_free(NULL);
}

static void test_metricsfile_new__names_a_path_that_cannot_be(void **state)
{
	struct metricsfile *file = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(metricsfile_new("test/data/no-such-folder/x.prom", &file, &diag), ERR_IO);
	assert_string_equal(diag.text, "test/data/no-such-folder/x.prom: cannot write metrics: No "
				       "such file or directory");
	assert_null(file);
}

static void test_metricsfile_news__tells_of_trouble_once(void **state)
{
	struct folder folder;
	struct metricsfile *file = NULL;
	char path[300];
	struct diag diag;
	bool has_news = false;

	(void)state;
	folder_make(&folder);
	(void)snprintf(path, sizeof(path), "%s", folder_file(&folder, "metrics.prom"));
	assert_int_equal(metricsfile_new(path, &file, &diag), 0);
	assert_int_equal(mkdir(path, 0700), 0); /* a folder is in the way */
	metricsfile_write_take(file, strdup("x"), 1);
	for (int i = 0; i < 2000 && !has_news; i++) {
		(void)usleep(5000);
		has_news = metricsfile_news(file, &diag);
	}
	assert_true(has_news);
	assert_non_null(strstr(diag.text, "cannot write metrics: Is a directory"));
	metricsfile_write_take(file, strdup("x"), 1);
	assert_int_equal(rmdir(path), 0);
	metricsfile_free(file);
	folder_remove(&folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_print__says_what_was_counted),
		cmocka_unit_test(test_metrics_print__says_what_brokers_share),
		cmocka_unit_test(test_metrics_use__counters_go_on_under_their_names),
		cmocka_unit_test(test_metrics_use__many_channels_share_a_name),
		cmocka_unit_test(test_metrics_new__every_allocation_may_fail),
		cmocka_unit_test(test_metrics_visit__one_value_a_topic),
		cmocka_unit_test(test_metricsfile__holds_the_newest_text_at_the_end),
		cmocka_unit_test(test_metricsfile_new__names_a_path_that_cannot_be),
		cmocka_unit_test(test_metricsfile_news__tells_of_trouble_once),
	};

	/* A sample for promtool: test_metrics --print | promtool check metrics */
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		struct metrics *metrics = metrics_of();
		char *text;

		metrics_decided(metrics, METRICS_PUBLISH, 0, REASON_NONE, false);
		metrics_decided(metrics, METRICS_PUBLISH, 1, REASON_SCHEMA_VIOLATION, false);
		metrics_took(metrics, 1500);
		text = print(metrics);
		(void)fputs(text, stdout);
		free(text);
		metrics_free(metrics);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
