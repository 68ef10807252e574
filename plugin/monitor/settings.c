#include "monitor/settings.h"

#include <string.h>

#include "base/jsonfile.h"

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

/* One kind's object, and where it stands. */
struct place {
	const char *file;
	struct jsonpath path;
	const struct setting_row *row;
};

static int fail(const struct place *place, const char *key, const char *expected, struct diag *diag)
{
	struct jsonpath member = { .up = &place->path, .key = key };

	return jsonpath_fail(diag, ERR_INVALID, place->file, &member, "expected %s", expected);
}

static int read_integer(const struct place *place, const char *key, const json_t *json,
			uint32_t max, uint32_t *ret, struct diag *diag)
{
	struct jsonpath member = { .up = &place->path, .key = key };
	json_int_t number = json_integer_value(json);

	if (!json_is_integer(json) || number < 1 || number > (json_int_t)max)
		return jsonpath_fail(diag, ERR_INVALID, place->file, &member,
				     "expected an integer from 1 to %u", max);
	*ret = (uint32_t)number;
	return 0;
}

static int read_response(const struct place *place, const json_t *json, struct setting *ret,
			 struct diag *diag)
{
	const char *word = json_string_value(json);

	for (unsigned i = 0; word && i <= ALERT_BAN; i++) {
		if (strcmp(word, alert_response_name((enum alert_response)i)) != 0)
			continue;
		if (i > ALERT_REPORT && !place->row->is_about_client)
			return fail(place, "response", "\"report\": this is not about one client",
				    diag);
		ret->response = (enum alert_response)i;
		return 0;
	}
	return fail(place, "response", "report, limit, disconnect or ban", diag);
}

static int read_factor(const struct place *place, const json_t *json, struct setting *ret,
		       struct diag *diag)
{
	double number = json_number_value(json);

	if (place->row->preset.factor == 0)
		return fail(place, "factor", "no such member: this kind has no factor", diag);
	if (!json_is_number(json) || !(number >= 1 && number <= FACTOR_MAX))
		return fail(place, "factor", "a number from 1 to 1000000", diag);
	ret->factor = number;
	return 0;
}

static int read_member(const struct place *place, const char *key, const json_t *json,
		       struct setting *ret, struct diag *diag)
{
	if (strcmp(key, "enabled") == 0) {
		if (!json_is_boolean(json))
			return fail(place, key, "true or false", diag);
		ret->is_on = json_is_true(json);
		return 0;
	}
	if (strcmp(key, "threshold") == 0)
		return read_integer(place, key, json, place->row->threshold_max, &ret->threshold,
				    diag);
	if (strcmp(key, "windowSeconds") == 0)
		return read_integer(place, key, json, SECONDS_MAX, &ret->window_s, diag);
	if (strcmp(key, "seconds") == 0)
		return read_integer(place, key, json, SECONDS_MAX, &ret->response_s, diag);
	if (strcmp(key, "factor") == 0)
		return read_factor(place, json, ret, diag);
	if (strcmp(key, "response") == 0)
		return read_response(place, json, ret, diag);
	return fail(place, key,
		    "enabled, threshold, windowSeconds, factor, response or seconds, not this",
		    diag);
}

static int read_kind(const char *file, const struct jsonpath *root, const char *code, json_t *json,
		     struct settings *settings, struct diag *diag)
{
	enum alert_kind kind = alert_kind(code);
	struct place place = { .file = file, .path = { .up = root, .key = code } };
	const char *key;
	json_t *value;

	if (kind == ALERT_KINDS)
		return jsonpath_fail(diag, ERR_INVALID, file, &place.path,
				     "there is no such kind of alert; expected one such as %s or "
				     "%s, see schemas/monitor.schema.json",
				     alert_code(0), alert_code(1));
	if (!json_is_object(json))
		return jsonpath_fail(diag, ERR_INVALID, file, &place.path, "expected an object");
	place.row = &table[kind];
	json_object_foreach(json, key, value) {
		int rc = read_member(&place, key, value, &settings->kind[kind], diag);

		if (rc)
			return rc;
	}
	return 0;
}

static int read_all(const char *file, json_t *root, struct settings *ret, struct diag *diag)
{
	struct settings settings = settings_defaults();
	struct jsonpath here = { .up = NULL };
	const char *key;
	json_t *value;

	if (!json_is_object(root))
		return jsonpath_fail(diag, ERR_INVALID, file, &here, "expected an object");
	json_object_foreach(root, key, value) {
		int rc = read_kind(file, &here, key, value, &settings, diag);

		if (rc)
			return rc;
	}
	*ret = settings;
	return 0;
}

int settings_parse(const char *name, const char *text, size_t len, struct settings *ret,
		   struct diag *diag)
{
	json_t *root = NULL;
	int rc = jsonfile_parse(name, text, len, &root, diag);

	if (rc == 0)
		rc = read_all(name, root, ret, diag);
	json_decref(root);
	return rc;
}

int settings_load(const char *path, struct settings *ret, struct diag *diag)
{
	json_t *root = NULL;
	int rc = jsonfile_load(path, &root, diag);

	if (rc == 0)
		rc = read_all(path, root, ret, diag);
	json_decref(root);
	return rc;
}
