#include "monitor/settings.h"

#include <string.h>

#include "base/config.h"

#define SECONDS_MAX 86400
#define FACTOR_MAX 1e6

#define ROW(kind, threshold, max, window, factor, is_client, help)                                 \
	[kind] = {                                                                                 \
		kind, { true, threshold, window, factor, ALERT_REPORT, 60 }, max, is_client, help  \
	}

/*
 * Distinct names are estimated with 64 bits (monitor/anomalies.c), which is good for up to a
 * hundred or so.
 */
/* clang-format off */
static const struct setting_row table[ALERT_KINDS] = {
	ROW(ALERT_REFUSAL_STREAK, 20, 1000000, 60, 0, true,
	    "threshold: refusals of one client for one reason"),
	[ALERT_RATE_LIMIT] = {
		ALERT_RATE_LIMIT, { true, 50, 10, 0, ALERT_DISCONNECT, 10 }, 1000000, true,
		"threshold: messages of one client above its limits; seconds: held off, twice as "
		"long each time up to an hour" },
	ROW(ALERT_ID_PROBING, 20, 100, 60, 0, true,
	    "threshold: ids of others that one client tried"),
	ROW(ALERT_CREDENTIALS, 10, 100, 300, 0, false,
	    "threshold: user names that failed from one address"),
	ROW(ALERT_USER_ATTACK, 10, 100, 300, 0, false,
	    "threshold: addresses from which one user name failed"),
	ROW(ALERT_PUBLISH_RATE, 50, 1000000, 10, 8, true,
	    "threshold: messages in a window that are never too many; factor: deviations from the "
	    "client's own mean"),
	ROW(ALERT_PAYLOAD_SIZE, 5, 1000000, 60, 10, true,
	    "threshold: payloads of one client; factor: deviations from the channel's mean"),
	ROW(ALERT_DUPLICATES, 30, 60000, 60, 0, true,
	    "threshold: times that one client says the very same"),
	ROW(ALERT_SILENT, 5, 1000000, 60, 3, true,
	    "threshold: messages after which a client is expected to go on; factor: times the "
	    "contract's interval"),
	ROW(ALERT_CLOCK_SKEW, 3, 1000000, 300, 300, true,
	    "threshold: messages of one client; factor: seconds away from now"),
	ROW(ALERT_TAKEOVER, 5, 10000, 60, 0, true,
	    "threshold: times that a connection took another's client id"),
	ROW(ALERT_STUCK, 1, 1, 60, 0, false,
	    "windowSeconds: how often the database is asked"),
	ROW(ALERT_CONFLICT, 1, 1000000, 60, 0, false,
	    "threshold: steps of one channel that this broker accepted, and another overruled"),
};
/* clang-format on */

const struct setting_row *settings_table(void)
{
	return table;
}

struct settings settings_defaults(void)
{
	struct settings settings;

	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		settings.kind[kind] = table[kind].preset;
	return settings;
}

static const struct config_known setting_members[] = {
	{ .name = "enabled threshold windowSeconds factor response seconds" },
};

static void read_response(struct config_report *report, const struct config *at,
			  const struct setting_row *row, struct setting *ret)
{
	const char *words[ALERT_BAN + 2] = { NULL };
	unsigned word = 0;

	for (unsigned i = 0; i <= ALERT_BAN; i++)
		words[i] = alert_response_name((enum alert_response)i);
	if (!config_word(report, at, "response", words, &word))
		return;
	if (word > ALERT_REPORT && !row->is_about_client)
		(void)config_fail(report, at, "response", ERR_INVALID,
				  "expected \"report\": this is not about one client");
	ret->response = (enum alert_response)word;
}

static void read_kind(struct config_report *report, const struct config *at,
		      const struct setting_row *row, struct setting *ret)
{
	const struct config_integer numbers[] = {
		{ .name = "threshold",
		  .max = row->threshold_max,
		  .offset = offsetof(struct setting, threshold) },
		{ .name = "windowSeconds",
		  .max = SECONDS_MAX,
		  .offset = offsetof(struct setting, window_s) },
		{ .name = "seconds",
		  .max = SECONDS_MAX,
		  .offset = offsetof(struct setting, response_s) },
		{ .name = NULL },
	};

	if (!config_check(report, at, "a kind of alert", setting_members))
		return;
	(void)config_boolean(report, at, "enabled", &ret->is_on);
	config_integers(report, at, numbers, ret);
	if (row->preset.factor == 0 && config_member(at, "factor"))
		(void)config_fail(report, at, "factor", ERR_INVALID,
				  "expected no such member: this kind has no factor");
	else
		(void)config_number(report, at, "factor", 1, FACTOR_MAX, &ret->factor);
	read_response(report, at, row, ret);
}

/* @root is freed. */
static int read_all(struct config *root, struct settings *ret, struct diag_list *all,
		    struct diag *diag)
{
	struct config_known kinds[ALERT_KINDS + 1] = { { .name = NULL } };
	struct config_report report = { .diag = diag, .all = all };
	struct settings settings = settings_defaults();

	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		kinds[kind].name = alert_code((enum alert_kind)kind);
	(void)config_check(&report, root, "the file", kinds);
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
		read_kind(&report, config_member(root, kinds[kind].name), &table[kind],
			  &settings.kind[kind]);
	config_free(root);
	if (report.rc == 0)
		*ret = settings;
	return report.rc;
}

int settings_parse(const char *name, const char *text, size_t len, struct settings *ret,
		   struct diag *diag)
{
	struct config *root = NULL;
	int rc = config_parse(name, text, len, &root, diag);

	return rc ? rc : read_all(root, ret, NULL, diag);
}

int settings_load(const char *path, struct settings *ret, struct diag_list *all, struct diag *diag)
{
	struct config *root = NULL;
	int rc = config_load(path, path, &root, diag);

	if (rc == 0)
		return read_all(root, ret, all, diag);
	if (all)
		diag_list_add(all, diag->text);
	return rc;
}
