#include "ctl/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "base/suggest.h"

#define ROWS_MAX 32u
#define DAY_MS INT64_C(86400000)

/* ---- the rows ---------------------------------------------------------------------------- */

/* clang-format off */
#define AT(member) .offset = offsetof(struct ctl_call, member)
static const struct shared_row {
	enum ctl_option option; /* 0: of every subcommand */
	struct args_row row;
} shared_rows[] = {
	{ CTL_JSON, { "json", ARGS_SWITCH, NULL, "JSON", AT(is_json) } },
	{ CTL_CONFIG, { "config", ARGS_FILE, "FILE",
	  "a mosquitto.conf: its plugin_opt_ lines name the files", AT(files.config) } },
	{ CTL_CONTRACT, { "contract", ARGS_FILES, "FILE",
	  "a document of the contract, or a folder of them (several times)", AT(files.contract) } },
	{ CTL_CONTRACT, { "contract-root", ARGS_FILE, "DIR",
	  "the folder that its references may not leave (its own)", AT(files.contract_root) } },
	{ CTL_CONTRACT, { "schemas", ARGS_FILE, "DIR",
	  "a folder of documents that references find by their $id",
	  AT(files.contract_schemas) } },
	{ CTL_ACCESS, { "access", ARGS_FILE, "FILE", "the access file", AT(files.access) } },
	{ CTL_DATABASE, { "database", ARGS_FILE, "PLACE",
	  "the database: a path, or a connection string of PostgreSQL", AT(files.database) } },
	{ 0, { "color", ARGS_WORD, "WHEN", "auto (on a terminal), always or never", AT(color),
	  .words = "auto always never" } },
};
/* clang-format on */

static size_t count_own(const struct ctl_command *command)
{
	size_t count = 0;

	while (command->options && command->options[count].name)
		count++;
	return count;
}

const struct args_row *args_row(const struct ctl_command *command, size_t n)
{
	size_t at = count_own(command);

	if (n < at)
		return &command->options[n];
	for (size_t i = 0; i < sizeof(shared_rows) / sizeof(shared_rows[0]); i++) {
		const struct shared_row *shared = &shared_rows[i];

		if ((!shared->option || (command->shared & shared->option)) && at++ == n)
			return &shared->row;
	}
	return NULL;
}

/* ---- values ------------------------------------------------------------------------------ */

/* "2026-01-15T10:30:00.123Z", or as much of it as ends with one of its parts. */
static bool is_stamp(const char *text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.";
	size_t i = 0;

	for (; form[i] && text[i] && text[i] != 'Z'; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	if (form[i] == '\0')
		i += strspn(text + i, "0123456789");
	if (text[i] == 'Z')
		return text[i + 1] == '\0' && i >= sizeof("dddd-dd-ddTdd:dd:dd") - 1;
	return text[i] == '\0' && (i == 4 || i == 7 || i == 10 || i == 13 || i == 16 || i >= 19);
}

/* Milliseconds of "90s", "15m", "2h", "7d"; -1: it is none. */
static int64_t age_of(const char *text)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', DAY_MS } };
	char *end;
	long number = strtol(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || number > 100000000 || !end[0] || end[1])
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == end[0])
			return number * units[i].ms;
	return -1;
}

/* Is there such a day and hour? What the head of a stamp leaves out is its earliest. */
static bool is_in_calendar(const char *text)
{
	char whole[] = "0000-01-01T00:00:00Z";
	char again[ARGS_TIME_MAX];
	int64_t ms;

	memcpy(whole, text, strnlen(text, sizeof("dddd-dd-ddTdd:dd:dd") - 1));
	/* The 30th of February would be printed as a day of March. */
	return clock_parse(whole, strlen(whole), &ms) &&
	       strncmp(clock_print(ms, again), whole, sizeof("dddd-dd-ddTdd:dd:dd") - 1) == 0;
}

/*
 * Reads a time as people write it: RFC 3339 in UTC or the head of one ("2026-01-15",
 * "2026-01-15T10:30", with or without "Z"), an age ("90s", "15m", "2h", "7d"), "today" or
 * "yesterday" (of UTC). False: it is none.
 */
static bool read_time(const char *text, char ret[ARGS_TIME_MAX])
{
	int64_t now = clock_unix_ms(), age = age_of(text);
	bool is_yesterday = strcmp(text, "yesterday") == 0;

	if (is_stamp(text) && is_in_calendar(text)) {
		(void)snprintf(ret, ARGS_TIME_MAX, "%s", text);
		return strlen(text) < ARGS_TIME_MAX;
	}
	if (is_yesterday || strcmp(text, "today") == 0) {
		(void)clock_print(now - is_yesterday * DAY_MS, ret);
		ret[10] = '\0';
		return true;
	}
	if (age < 0 || age > now)
		return false;
	(void)clock_print(now - age, ret);
	return true;
}

/* Is @typed one of @words? @option: its "--NAME: ", or "". As those below it returns a ctl_status.
 */
static int check_word(const char *name, const char *option, const char *words, const char *typed)
{
	struct suggest suggest = suggest_begin(typed);
	char list[SUGGEST_LIST_MAX];

	if (suggest_has(words, typed))
		return CTL_OK;
	suggest_add(&suggest, words);
	return ctl_fail(name, "%sexpected %s, not %s%s", option, suggest_list(words, list), typed,
			suggest_text(&suggest));
}

static int set_number(const char *name, const struct args_row *row, const char *value, long *ret)
{
	char *end = NULL;

	errno = 0;
	*ret = strtol(value, &end, 10);
	if (end != value && !*end && !errno && *ret >= row->min && *ret <= row->max)
		return CTL_OK;
	return ctl_fail(name, "--%s: \"%s\" is not a number from %ld to %ld", row->name, value,
			row->min, row->max);
}

static int add_to_list(const char *name, const struct args_row *row, const char *value,
		       struct args_list *ret)
{
	if (ret->count == ARGS_LIST_MAX)
		return ctl_fail(name, "--%s: given more than %u times", row->name, ARGS_LIST_MAX);
	ret->item[ret->count++] = value;
	return CTL_OK;
}

static bool is_file(const struct args_row *row)
{
	return row->kind == ARGS_FILE || row->kind == ARGS_FILES;
}

/* @at: the member that @row is about; alignment is the struct's. */
static int set(const char *name, const struct args_row *row, const char *value, void *at)
{
	char option[SUGGEST_BYTES_MAX];

	if (is_file(row) && !value[0])
		return ctl_fail(name, "--%s: expected %s, not an empty name", row->name,
				row->value);
	switch (row->kind) {
	case ARGS_SWITCH:
		*(bool *)at = true;
		return CTL_OK;
	case ARGS_NUMBER:
		return set_number(name, row, value, at);
	case ARGS_LIST:
	case ARGS_FILES:
		return add_to_list(name, row, value, at);
	case ARGS_TIME:
		if (read_time(value, at))
			return CTL_OK;
		return ctl_fail(name,
				"--%s: \"%s\" is no time; expected one such as 2026-01-15, "
				"2026-01-15T10:30:00Z, 15m, 2h, 7d, today or yesterday (UTC)",
				row->name, value);
	case ARGS_TEXT:
	case ARGS_FILE:
	case ARGS_WORD:
		break;
	}
	*(const char **)at = value;
	(void)snprintf(option, sizeof(option), "--%s: ", row->name);
	return row->words ? check_word(name, option, row->words, value) : CTL_OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

static void fill(const struct ctl_command *command, struct option *option)
{
	const struct args_row *row;

	for (int n = 0; (row = args_row(command, (size_t)n)); n++)
		*option++ =
			(struct option){ .name = row->name,
					 .has_arg = row->kind == ARGS_SWITCH ? no_argument
									     : required_argument,
					 .val = n };
	*option = (struct option){ .name = NULL };
}

static int no_option(const struct ctl_command *command, const char *called, const char *typed)
{
	struct suggest suggest = suggest_begin(typed);
	const struct args_row *row;
	char name[SUGGEST_BYTES_MAX];

	for (size_t n = 0; (row = args_row(command, n)); n++) {
		(void)snprintf(name, sizeof(name), "--%s", row->name);
		suggest_add(&suggest, name);
	}
	return ctl_fail(called, "there is no option %s (see --help)%s", typed,
			suggest_text(&suggest));
}

/* The @n-th option is given with @value. */
static int take(const struct ctl_command *command, int n, const char *value, struct ctl_call *ret)
{
	const struct args_row *row = args_row(command, (size_t)n);
	char *at = (size_t)n < count_own(command) ? ret->args : (char *)ret;

	return set(ret->name, row, value, at + row->offset);
}

/* The operands are too few or too many. */
static int wrong_count(const struct ctl_command *command, const struct ctl_call *call)
{
	int min = command->operands_min;
	char what[160];

	if (call->count < min)
		(void)snprintf(what, sizeof(what), "expected %s%d argument%s, found %d",
			       command->operands_max > min ? "at least " : "", min,
			       min == 1 ? "" : "s", call->count);
	else
		(void)snprintf(what, sizeof(what), "\"%.100s\" is one argument too many",
			       call->operand[command->operands_max]);
	return ctl_fail(call->name, "%s: usage: petstorectl %s %s", what, call->name,
			command->arguments);
}

int args_read(const struct ctl_command *command, int argc, char **argv, struct ctl_call *ret)
{
	struct option option[ROWS_MAX + 1];
	int c;

	fill(command, option);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", option, NULL)) != -1) {
		if (c == ':')
			return ctl_fail(ret->name, "%s needs an argument", argv[optind - 1]);
		if (c == '?')
			return no_option(command, ret->name, argv[optind - 1]);
		if (take(command, c, optarg, ret))
			return CTL_FAILED;
	}
	ret->operand = argv + optind;
	ret->count = argc - optind;
	if (ret->count < command->operands_min || ret->count > command->operands_max)
		return wrong_count(command, ret);
	return ret->count && command->words
		       ? check_word(ret->name, "", command->words, ret->operand[0])
		       : CTL_OK;
}

void args_print(FILE *file, const struct ctl_command *command)
{
	const struct args_row *row;

	for (size_t n = 0; (row = args_row(command, n)); n++) {
		int width = fprintf(file, "  --%s%s%s", row->name, row->value ? " " : "",
				    row->value ? row->value : "");

		(void)fprintf(file, "%*s%s\n", width < 22 ? 24 - width : 2, "", row->help);
	}
}
