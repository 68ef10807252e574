/*
 * listeners.c -- logs at the start which listeners and bridges the plugin does not guard.
 *
 * A plugin cannot ask the broker for which listeners it was loaded, so the configuration file is
 * read once more. If that fails, one line is logged and nothing else changes.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brokerbridge.h"
#include "broker/events.h"

#define CMDLINE_MAX 65536u

/* The broker's -c, out of its command line; NULL: none, or more than one. */
static const char *find_config(char *text, size_t len)
{
	const char *found = NULL;
	bool is_next = false;

	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		if (is_next && found)
			return NULL;
		if (is_next)
			found = text + at;
		is_next = !is_next &&
			  (strcmp(text + at, "-c") == 0 || strcmp(text + at, "--config-file") == 0);
	}
	return found;
}

/* The path of this plugin, as it was loaded. */
static const char *own_path(void)
{
	Dl_info info;

	return dladdr((void *)(uintptr_t)&own_path, &info) ? info.dli_fname : NULL;
}

/* A line for each bridge whose messages nobody decides, or nobody publishes. */
static void report_bridges(const struct brokerfile *file)
{
	struct brokerbridge bridge;
	const char *fault;
	size_t at = 0;
	char path[160], name[80];

	while (brokerbridge_next(file, &at, &bridge)) {
		fault = brokerbridge_fault(file, &bridge);
		if (fault)
			broker_log(BROKER_ERROR, "%s:%u: connection %s: %s",
				   diag_name(path, sizeof(path), bridge.line->file,
					     strlen(bridge.line->file)),
				   bridge.line->number,
				   diag_name(name, sizeof(name), bridge.line->value,
					     strlen(bridge.line->value)),
				   fault);
	}
}

static void report(const char *config)
{
	struct brokerfile file;
	struct diag diag;
	char raw[DIAG_MAX], text[DIAG_MAX];

	diag_init(&diag);
	if (brokerfile_read(config, own_path(), &file, &diag)) {
		broker_log(BROKER_NOTICE, "which listeners are enforced is not known: %s",
			   diag.text);
		return;
	}
	if (brokerfile_unguarded(&file, raw, sizeof(raw)))
		broker_log(BROKER_ERROR, "%s", diag_escape(text, sizeof(text), raw, strlen(raw)));
	report_bridges(&file);
	brokerfile_clear(&file);
}

void listeners_check(void)
{
	FILE *file = fopen("/proc/self/cmdline", "re");
	char *text = calloc(1, CMDLINE_MAX + 1);
	const char *config = NULL;

	if (file && text)
		config = find_config(text, fread(text, 1, CMDLINE_MAX, file));
	if (config)
		report(config);
	else
		broker_log(BROKER_NOTICE, "which listeners are enforced is not known: the broker's "
					  "command line has not one -c");
	free(text);
	if (file)
		(void)fclose(file); /* only read from */
}
