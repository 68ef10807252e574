/*
 * config_read.c -- the typed readers of configuration files: what a value must be, and what is said
 * where it is something else.
 */
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/suggest.h"

static const char *const kind_name[] = {
	[CONFIG_NULL] = "null",          [CONFIG_BOOLEAN] = "true or false",
	[CONFIG_INTEGER] = "an integer", [CONFIG_REAL] = "a number",
	[CONFIG_STRING] = "a string",    [CONFIG_ARRAY] = "an array",
	[CONFIG_OBJECT] = "an object",
};

/* Adds words with commas between them to @list, cut where they do not fit. */
static void list_names(char *list, const char *words)
{
	size_t used = strlen(list);

	if (used > 0)
		used += (size_t)snprintf(list + used, DIAG_MAX - used, ", ");
	for (; *words && used + 3 < DIAG_MAX; words++) {
		if (*words == ' ')
			list[used++] = ',';
		list[used++] = *words;
	}
	if (used < DIAG_MAX)
		list[used] = '\0';
}

/* Adds "a", "b" or "c" to @list, cut where it does not fit. */
static void list_add(char *list, const char *word, const char *join)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, DIAG_MAX - used, "%s\"%s\"", used ? join : "", word);
}

static void fail_unknown(struct config_report *report, const struct config *member,
			 const char *noun, const struct config_known *known, size_t rows)
{
	struct suggest suggest = suggest_begin(member->key);
	const char *meant;
	char list[DIAG_MAX] = "";

	for (; rows > 0 && known->name; known++, rows--) {
		if (known->refusal)
			continue;
		list_names(list, known->name);
		suggest_add(&suggest, known->name);
	}
	meant = suggest_text(&suggest);
	(void)config_fail(report, member, NULL, ERR_INVALID, "unknown member%s %s has: %s",
			  *meant ? meant : ";", noun, list);
}

#define EXTENSION "x-"
#define EXTENSION_HEAD 7u /* bytes that are the same in names that are alike */

/* Adds the extensions among @words; "x-" itself is no likeness. */
static void suggest_extensions(struct suggest *suggest, const char *words)
{
	for (size_t len; *words; words += len + strspn(words + len, " ")) {
		char word[SUGGEST_BYTES_MAX];

		len = strcspn(words, " ");
		if (strncmp(words, EXTENSION, strlen(EXTENSION)) != 0)
			continue;
		(void)snprintf(word, sizeof(word), "%.*s", (int)(len - strlen(EXTENSION)),
			       words + strlen(EXTENSION));
		suggest_add(suggest, word);
	}
}

/* The first of our extensions that begins as @name does, whose rest is in other words; or NULL. */
static const char *find_cousin(const char *name, const char *words)
{
	while (*words && strncasecmp(words, name, EXTENSION_HEAD) != 0) {
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	return *words && strlen(name) >= EXTENSION_HEAD ? words : NULL;
}

/* Is it one of ours with a further part, as x-unique-id is? Then another tool's. */
static bool is_longer(const char *name, const char *words)
{
	for (size_t len; *words; words += len + strspn(words + len, " ")) {
		len = strcspn(words, " ");
		if (strncmp(words, name, len) == 0 && name[len] == '-')
			return true;
	}
	return false;
}

/* Is @member somebody else's? Then it may stand there, with a warning where its name is like ours.
 */
static bool is_foreign(struct config_report *report, const struct config *member, const char *noun,
		       const struct config_known *known, size_t rows)
{
	struct suggest suggest;
	const char *cousin;

	if (!report->doubts || strncmp(member->key, EXTENSION, strlen(EXTENSION)) != 0)
		return false;
	if (suggest_has(report->doubts->extensions, member->key)) {
		config_warn(report, member, NULL, "says nothing here: %s has no such member", noun);
		return true;
	}
	if (is_longer(member->key, report->doubts->extensions))
		return true;
	suggest = suggest_begin(member->key + strlen(EXTENSION));
	for (; rows > 0 && known->name; known++, rows--)
		suggest_extensions(&suggest, known->name);
	if (!suggest.best[0])
		suggest_extensions(&suggest, report->doubts->extensions);
	cousin = find_cousin(member->key, report->doubts->extensions);
	if (suggest.best[0])
		config_warn(report, member, NULL,
			    "nobody reads it; did you mean \"" EXTENSION "%s\"?", suggest.best);
	else if (cousin)
		config_warn(report, member, NULL, "nobody reads it; did you mean \"%.*s\"?",
			    (int)strcspn(cousin, " "), cousin);
	return true;
}

/* Is it what YAML makes of {orderId}? */
static bool is_in_braces(const struct config *value)
{
	return value->kind == CONFIG_OBJECT && value->count == 1 &&
	       value->item->kind == CONFIG_NULL;
}

bool config_expect(struct config_report *report, const struct config *value, enum config_kind kind)
{
	if (!value)
		return false;
	if (value->kind == kind || (kind == CONFIG_REAL && value->kind == CONFIG_INTEGER))
		return true;
	return config_fail(report, value, NULL, ERR_INVALID, "expected %s%s", kind_name[kind],
			   kind == CONFIG_STRING && is_in_braces(value)
				   ? "; in YAML a text that begins with { has to be quoted"
				   : "");
}

bool config_check_rows(struct config_report *report, const struct config *value, const char *noun,
		       const struct config_known *known, size_t rows)
{
	const struct config_known *end = known + rows;

	if (!config_expect(report, value, CONFIG_OBJECT))
		return false;
	config_foreach_member(member, value) {
		const struct config_known *row = known;

		if (config_is_full(report))
			break;
		while (row < end && row->name && !suggest_has(row->name, member->key))
			row++;
		if (row == end || !row->name) {
			if (!is_foreign(report, member, noun, known, rows))
				fail_unknown(report, member, noun, known, rows);
		} else if (row->refusal)
			(void)config_fail(report, member, NULL, ERR_INVALID, "%s", row->refusal);
		else if (row->kind != CONFIG_ANY)
			(void)config_expect(report, member, row->kind);
	}
	for (; known < end && known->name; known++)
		if (known->is_required && !config_member(value, known->name))
			(void)config_fail(report, value, NULL, ERR_INVALID,
					  "expected a member \"%s\"", known->name);
	return true;
}

static const struct config *pick(const struct config *value, const char *key)
{
	return key ? config_member(value, key) : value;
}

bool config_text(struct config_report *report, const struct config *value, const char *key,
		 size_t max, const char **ret)
{
	const struct config *at = pick(value, key);

	if (!config_expect(report, at, CONFIG_STRING))
		return false;
	if (at->count == 0 || strlen(at->text) != at->count)
		return config_fail(report, at, NULL, ERR_INVALID,
				   "expected a string that is not empty and has no U+0000");
	if (at->count > max)
		return config_fail(report, at, NULL, ERR_LIMIT, "longer than %zu bytes", max);
	*ret = at->text;
	return true;
}

bool config_integer(struct config_report *report, const struct config *value, const char *key,
		    int64_t min, int64_t max, int64_t *ret)
{
	const struct config *at = pick(value, key);

	if (!at)
		return false;
	if (at->kind != CONFIG_INTEGER || at->integer < min || at->integer > max)
		return config_fail(report, at, NULL, ERR_INVALID,
				   "expected an integer from %lld to %lld", (long long)min,
				   (long long)max);
	*ret = at->integer;
	return true;
}

bool config_number(struct config_report *report, const struct config *value, const char *key,
		   double min, double max, double *ret)
{
	const struct config *at = pick(value, key);
	double number;

	if (!at)
		return false;
	number = at->kind == CONFIG_INTEGER ? (double)at->integer : at->real;
	if ((at->kind != CONFIG_INTEGER && at->kind != CONFIG_REAL) ||
	    !(number >= min && number <= max))
		return config_fail(report, at, NULL, ERR_INVALID,
				   "expected a number from %g to %.0f", min, max);
	*ret = number;
	return true;
}

bool config_boolean(struct config_report *report, const struct config *value, const char *key,
		    bool *ret)
{
	const struct config *at = pick(value, key);

	if (!config_expect(report, at, CONFIG_BOOLEAN))
		return false;
	*ret = at->boolean;
	return true;
}

bool config_word(struct config_report *report, const struct config *value, const char *key,
		 const char *const *words, unsigned *ret)
{
	const struct config *at = pick(value, key);
	char list[DIAG_MAX] = "";

	if (!at)
		return false;
	for (unsigned i = 0; words[i]; i++) {
		if (config_is(at, words[i])) {
			*ret = i;
			return true;
		}
		list_add(list, words[i], words[i + 1] ? ", " : " or ");
	}
	return config_fail(report, at, NULL, ERR_INVALID, "expected %s", list);
}

void config_integers(struct config_report *report, const struct config *value,
		     const struct config_integer *table, void *ret)
{
	for (; table->name; table++) {
		int64_t number = 0;

		if (config_integer(report, value, table->name, 1, table->max, &number))
			*(uint32_t *)((char *)ret + table->offset) = (uint32_t)number;
	}
}

bool config_bound(struct config_report *report, const struct config *value, size_t min, size_t max,
		  const char *what)
{
	size_t count = config_count(value);

	if (count >= min && count <= max)
		return true;
	if (min == 0)
		return config_fail(report, value, NULL, ERR_LIMIT,
				   "expected at most %zu %s, found %zu", max, what, count);
	return config_fail(report, value, NULL, ERR_LIMIT, "expected %zu to %zu %s, found %zu", min,
			   max, what, count);
}
