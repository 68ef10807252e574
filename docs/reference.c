/*
 * reference.c -- what the operator's options and the reasons of a refusal are, written from
 * the tables that the plugin itself works with.
 *
 *     reference man-options | man-reasons | man-alerts     rows for mosquitto_petstore(5)
 *     reference json                          all of it, for programs
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/reason.h"
#include "base/version.h"
#include "monitor/settings.h"

/* ---- text as the format wants it -------------------------------------------------------- */

/* Hyphens as they are typed, not as they are printed. Our texts begin with no dot. */
static void put_man(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static const char *value_of(const struct options_row *row, char *buffer, size_t size)
{
	if (row->kind == OPTIONS_PATH)
		return "path";
	if (row->kind == OPTIONS_PATHS)
		return "path";
	if (row->kind == OPTIONS_NETWORKS)
		return "networks";
	if (row->kind == OPTIONS_NAME)
		return "name";
	if (row->max == INT64_MAX)
		(void)snprintf(buffer, size, "integer, at least %" PRId64, row->min);
	else
		(void)snprintf(buffer, size, "integer, %" PRId64 " to %" PRId64, row->min,
			       row->max);
	return buffer;
}

static const char *preset_of(const struct options_row *row)
{
	if (row->is_required)
		return "required";
	return row->preset ? row->preset : "none";
}

/* ---- the forms -------------------------------------------------------------------- */

static void man_options(void)
{
	char buffer[64];

	for (const struct options_row *row = options_table(); row->name; row++) {
		printf(".TP\n\\fBplugin_opt_%s\\fR \\fI", row->name);
		put_man(value_of(row, buffer, sizeof(buffer)));
		fputs("\\fR\n", stdout);
		put_man(row->help);
		if (row->is_required)
			puts(".\nRequired.");
		else
			printf(".\nDefault: %s.\n", preset_of(row));
	}
}

static void man_reasons(void)
{
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		if (i == REASON_NONE)
			continue;
		fputs(".TP\n\\fB", stdout);
		put_man(reason_code((enum reason)i));
		fputs("\\fR\n", stdout);
		put_man(reason_title((enum reason)i));
		puts(reason_is_ours((enum reason)i) ? ": not acknowledged." : ".");
	}
}

/* "Threshold 50, window 10 s, factor 8, response report." */
static void man_alerts(void)
{
	for (unsigned i = 0; i < ALERT_KINDS; i++) {
		const struct setting_row *row = &settings_table()[i];

		fputs(".TP\n\\fB", stdout);
		put_man(alert_code(row->kind));
		fputs("\\fR\n", stdout);
		put_man(alert_title(row->kind));
		fputs(" (", stdout);
		put_man(row->help);
		printf(").\nDefault: threshold %u, windowSeconds %u", row->preset.threshold,
		       row->preset.window_s);
		if (row->preset.factor > 0)
			printf(", factor %g", row->preset.factor);
		printf(", response %s", alert_response_name(row->preset.response));
		if (row->preset.response > ALERT_REPORT)
			printf(", seconds %u", row->preset.response_s);
		puts(".");
	}
}

/* {"version", "options": [...], "alerts": [...], "reasons": [...]} */
static void json(void)
{
	json_t *options = json_array(), *alerts = json_array(), *reasons = json_array();
	json_t *all;
	char buffer[64];

	for (const struct options_row *row = options_table(); row->name; row++)
		json_array_append_new(options,
				      json_pack("{ss ss ss* ss sb}", "name", row->name, "value",
						value_of(row, buffer, sizeof(buffer)), "default",
						row->preset, "help", row->help, "required",
						row->is_required));
	for (unsigned i = 0; i < ALERT_KINDS; i++) {
		const struct setting_row *row = &settings_table()[i];

		json_array_append_new(
			alerts, json_pack("{ss ss ss si si sf ss}", "code", alert_code(row->kind),
					  "title", alert_title(row->kind), "help", row->help,
					  "threshold", (int)row->preset.threshold, "windowSeconds",
					  (int)row->preset.window_s, "factor", row->preset.factor,
					  "response", alert_response_name(row->preset.response)));
	}
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (i != REASON_NONE)
			json_array_append_new(reasons,
					      json_pack("{ss ss sb}", "code",
							reason_code((enum reason)i), "title",
							reason_title((enum reason)i), "isOurs",
							reason_is_ours((enum reason)i)));
	all = json_pack("{ss so so so}", "version", PETSTORE_VERSION, "options", options, "alerts",
			alerts, "reasons", reasons);
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} forms[] = {
		{ "man-options", man_options },
		{ "man-reasons", man_reasons },
		{ "man-alerts", man_alerts },
		{ "json", json },
	};

	for (size_t i = 0; argc == 2 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(argv[1], forms[i].name) == 0) {
			forms[i].print();
			return fflush(stdout) ? 1 : 0;
		}
	}
	fprintf(stderr, "usage: reference man-options | man-reasons | man-alerts | json\n");
	return 2;
}
