/*
 * settings.h -- settings of the detectors: a table of defaults, and a file that changes them.
 *
 * Each kind of alert has a row: whether its detector is on, its threshold, and the response. The
 * documentation, the defaults and the parser use the same table.
 */
#ifndef PETSTORE_MONITOR_SETTINGS_H
#define PETSTORE_MONITOR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "monitor/alerts.h"

struct setting {
	bool is_on;
	uint32_t threshold; /* how many within the window; the row's help says of what */
	uint32_t window_s;
	double factor; /* how far from usual, see the row's help; 0: the kind has no factor */
	enum alert_response response;
	uint32_t response_s; /* how long the response lasts, where it lasts */
};

struct setting_row {
	enum alert_kind kind;
	struct setting preset;
	uint32_t threshold_max;
	bool is_about_client; /* there is a client that can be limited, disconnected or banned */
	const char *help;     /* what the threshold and the factor are about */
};

/* By enum alert_kind; ALERT_KINDS rows. */
const struct setting_row *settings_table(void);

struct settings {
	struct setting kind[ALERT_KINDS];
};

struct settings settings_defaults(void);

/*
 * Reads a file like
 *     { "refusal-streak": { "threshold": 50, "response": "disconnect", "seconds": 30 } }
 * over the defaults. Members: enabled, threshold, windowSeconds, factor, response, seconds.
 * On failure @ret is untouched, and @diag names file and JSON Pointer. @all, unless it is NULL,
 * gets a line for each fault, @diag's first.
 */
int settings_load(const char *path, struct settings *ret, struct diag_list *all,
		  struct diag *diag) MUST_CHECK;

/* The same over text in memory; @name stands for the file. */
int settings_parse(const char *name, const char *text, size_t len, struct settings *ret,
		   struct diag *diag) MUST_CHECK;

#endif
