#include "learn/naming.h"

#include <stdio.h>
#include <string.h>

#include "base/entity.h"

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_decimal(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_lower(c) || is_upper(c) || is_decimal(c);
}

static char upper(char c)
{
	return (char)(is_lower(c) ? c - 'a' + 'A' : c);
}

/* Words of the text, joined as in petStatus. @used: bytes of @ret that are there already. */
static size_t add_words(const char *text, size_t len, char *ret, size_t used)
{
	bool is_start = used > 0;

	for (size_t i = 0; i < len && used + 1 < NAMING_MAX / 2; i++) {
		if (is_word(text[i]))
			ret[used++] = is_start ? upper(text[i]) : text[i];
		is_start = used > 0 && !is_word(text[i]);
	}
	ret[used] = '\0';
	return used;
}

void naming_word(const char *text, char *ret)
{
	if (add_words(text, strlen(text), ret, 0) == 0)
		(void)snprintf(ret, NAMING_MAX, "other");
}

void naming_key(const char *address, char *ret)
{
	size_t used = 0;

	ret[0] = '\0';
	for (const char *at = address; *at;) {
		size_t len = strcspn(at, "/");

		if (*at != '{')
			used = add_words(at, len, ret, used);
		at += len + (at[len] == '/');
	}
	if (used == 0)
		(void)snprintf(ret, NAMING_MAX, "channel");
	else if (is_decimal(ret[0]) && used + 1 < NAMING_MAX) {
		memmove(ret + 1, ret, used + 1);
		ret[0] = 'c';
	}
	if (is_upper(ret[0])) /* operations differ by their key's other letters */
		ret[0] = (char)(ret[0] - 'A' + 'a');
}

void naming_table(const char *key, char *ret)
{
	char name[NAMING_MAX / 4 + 3];
	size_t used = 0;

	for (; *key && used < NAMING_MAX / 4; key++) {
		if (is_upper(*key) && used > 0)
			name[used++] = '_';
		if (is_word(*key))
			name[used++] = (char)(is_upper(*key) ? *key - 'A' + 'a' : *key);
	}
	name[used] = '\0';
	(void)snprintf(ret, NAMING_MAX, "%s%s", entity_is_own_table(name) ? "seen_" : "", name);
}

/* pets -> pet, batteries -> battery, addresses -> address, status -> status. */
static void make_singular(char *text)
{
	size_t len = strlen(text);

	if (len > 4 && strcmp(text + len - 3, "ies") == 0)
		(void)snprintf(text + len - 3, 4, "y");
	else if (len > 5 &&
		 (strcmp(text + len - 4, "sses") == 0 || strcmp(text + len - 4, "xes") == 0))
		text[len - 2] = '\0';
	else if (len > 3 && text[len - 1] == 's' && !strchr("sui", text[len - 2]))
		text[len - 1] = '\0';
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < NAMING_MAX / 2 && !is_decimal(text[0]) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
		       len;
}

const char *naming_location(const struct observed_param *param)
{
	for (size_t i = 0; i < param->locations; i++) {
		size_t len = strlen(param->location[i]);

		if (len >= 2 && (param->location[i][len - 2] | 32) == 'i' &&
		    (param->location[i][len - 1] | 32) == 'd')
			return param->location[i];
	}
	return param->locations > 0 ? param->location[0] : NULL;
}

static bool is_taken(const struct observed *observed, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(observed->param[i].name, name) == 0)
			return true;
	return false;
}

/* Names parameter @n, which comes behind the level @before; NULL: behind another parameter. */
static void name_param(struct maker *maker, struct observed *observed, size_t n, const char *before)
{
	const char *location = naming_location(&observed->param[n]);
	char name[NAMING_MAX] = "";
	size_t len;

	if (location && is_name(location) && !is_taken(observed, n, location)) {
		observed->param[n].name = location;
		return;
	}
	if (before)
		(void)add_words(before, strlen(before), name, 0);
	make_singular(name);
	len = strlen(name);
	(void)snprintf(name + len, sizeof(name) - len, len > 0 ? "Id" : "id");
	if (is_decimal(name[0]))
		(void)snprintf(name, sizeof(name), "id");
	len = strlen(name);
	for (unsigned i = 2; is_taken(observed, n, name); i++)
		(void)snprintf(name + len, sizeof(name) - len, "%u", i);
	observed->param[n].name = maker_format(maker, "%s", name);
}

/* The levels of the address, its end last. */
static size_t levels_of(struct topictree_node *end, struct topictree_node **ret)
{
	size_t count = 0;

	for (struct topictree_node *node = end; node->up; node = node->up)
		count++;
	for (size_t i = count; i > 0; i--, end = end->up)
		ret[i - 1] = end;
	return count;
}

void naming_address(struct maker *maker, struct observed *observed)
{
	struct topictree_node *level[TOPICTREE_LEVELS_MAX];
	size_t count = levels_of(observed->end, level), params = 0, size = 1, used = 0;
	char *address;

	for (size_t i = 0; i < count; i++) {
		if (!level[i]->text) {
			observed->param[params].name = level[i]->name;
			if (!level[i]->name)
				name_param(maker, observed, params,
					   i > 0 ? level[i - 1]->text : NULL);
			if (!observed->param[params].name)
				return; /* memory ran out, which freezing will say */
			size += strlen(observed->param[params++].name) + 3;
		} else {
			size += strlen(level[i]->text) + 1;
		}
	}
	address = arena_alloc(maker->drafts.arena, size);
	for (size_t i = 0, p = 0; address && i < count; i++)
		used += (size_t)snprintf(address + used, size - used,
					 level[i]->text ? "%s%s" : "%s{%s}", i > 0 ? "/" : "",
					 level[i]->text ? level[i]->text
							: observed->param[p++].name);
	if (!address)
		maker->drafts.rc = ERR_NOMEM;
	observed->address = address ? address : "";
}
