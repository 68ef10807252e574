/*
 * access_clients.c -- which client ids a principal may use: reads the lists, checks an id, and
 * writes out what is allowed.
 */
#include "access/access_internal.h"

#include <stdio.h>
#include <string.h>

#define NAME_WORD "{name}"
#define NAME_WORD_LEN (sizeof(NAME_WORD) - 1)

/*
 * How Mosquitto names a client that brings no id, unless auto_id_prefix says otherwise. After a
 * SIGHUP Mosquitto 2.0 leaves its default prefix out (its conf.c sets it at the start only).
 */
#define MADE_PREFIX "auto-"
#define MADE_FORM "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX" /* X: a digit, or A to F */

/* ---- reading ---------------------------------------------------------------------------- */

/* At most one '*', and "{name}" in front only. */
static bool is_client_pattern(const char *text, size_t len)
{
	struct names_pattern unused;

	if (len == 0 || names_text_fault(text, len, ACCESS_VALUE_MAX))
		return false;
	if (strncmp(text, NAME_WORD, NAME_WORD_LEN) == 0) {
		text += NAME_WORD_LEN;
		len -= NAME_WORD_LEN;
	}
	return !memchr(text, '{', len) && !memchr(text, '}', len) &&
	       names_pattern_read(text, len, &unused);
}

void access_read_clients(struct access_reader *reader, const struct config *list,
			 const char *const **ret, size_t *ret_count)
{
	const char **client =
		access_room(reader, list, ACCESS_LIST_MAX, "client ids", sizeof(*client));

	if (!client)
		return;
	*ret = client;
	config_foreach_item(id, list) {
		if (id->kind != CONFIG_STRING || !is_client_pattern(id->text, id->count))
			(void)config_fail(&reader->report, id, NULL, ERR_INVALID,
					  "expected a client id with at most one '*' and "
					  "\"{name}\" in front only");
		else
			client[(*ret_count)++] = access_copy(reader, id->text, id->count);
	}
}

/* ---- asking ----------------------------------------------------------------------------- */

static bool client_matches(const char *name, const char *pattern, const char *id)
{
	struct names_pattern rest;
	size_t name_len = strlen(name);

	if (strncmp(pattern, NAME_WORD, NAME_WORD_LEN) == 0) {
		if (strncmp(id, name, name_len) != 0)
			return false;
		pattern += NAME_WORD_LEN;
		id += name_len;
	}
	return names_pattern_read(pattern, strlen(pattern), &rest) &&
	       names_pattern_match(&rest, id, strlen(id), NULL);
}

static bool is_made(const char *id)
{
	const char *form = MADE_FORM;

	if (strncmp(id, MADE_PREFIX, sizeof(MADE_PREFIX) - 1) == 0)
		id += sizeof(MADE_PREFIX) - 1;
	for (; *form && *id; form++, id++)
		if (*form == 'X' ? !strchr("0123456789ABCDEF", *id) : *id != *form)
			return false;
	return !*form && !*id;
}

bool access_client_ok(const struct access_principal *principal, const char *id)
{
	if (principal->client_count == 0)
		return true;
	for (size_t i = 0; i < principal->client_count; i++)
		if (client_matches(principal->name, principal->client[i], id ? id : ""))
			return true;
	return id && is_made(id);
}

static bool has_name_word(const char *pattern)
{
	return strncmp(pattern, NAME_WORD, NAME_WORD_LEN) == 0;
}

/* May @principal, under the name @name, use it by a pattern that has its name? */
static bool may_by_name(const struct access_principal *principal, const char *name, const char *id)
{
	for (size_t i = 0; i < principal->client_count; i++)
		if (has_name_word(principal->client[i]) &&
		    client_matches(name, principal->client[i], id))
			return true;
	return false;
}

/* Does a role that is not among @own name it? "*" names nobody's. */
static bool is_of_role(const struct access *access, const struct roleset *own, const char *id)
{
	for (size_t i = 0; i < access->role_count; i++) {
		const struct access_role *role = &access->role[i];

		if (own->word[i / 64] >> (i % 64) & 1)
			continue;
		for (size_t k = 0; k < role->client_count; k++)
			if (!has_name_word(role->client[k]) && role->client[k][0] != '*' &&
			    client_matches("", role->client[k], id))
				return true;
	}
	return false;
}

bool access_client_is_others(const struct access *access, const char *id,
			     bool (*exists)(const void *ctx, const char *name), const void *ctx)
{
	const struct access_principal *nobody = access->anonymous;
	struct roleset own = access_closure(access, nobody ? nobody->role_number : NULL,
					    nobody ? nobody->role_count : 0);
	char name[ACCESS_NAME_MAX + 1];

	for (size_t len = 0; len < ACCESS_NAME_MAX && id[len]; len++) {
		const struct access_principal *user;

		name[len] = id[len];
		name[len + 1] = '\0';
		user = access_find(access, name);
		if (!user && access->unlisted && exists && exists(ctx, name))
			user = access->unlisted;
		if (user && may_by_name(user, name, id))
			return true;
	}
	return is_of_role(access, &own, id);
}

void access_client_list(const struct access_principal *principal, char *ret, size_t cap)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < principal->client_count; i++) {
		const char *pattern = principal->client[i];
		bool is_named = strncmp(pattern, NAME_WORD, NAME_WORD_LEN) == 0;
		int len =
			snprintf(ret + used, cap - used, "%s%s, ", is_named ? principal->name : "",
				 is_named ? pattern + NAME_WORD_LEN : pattern);

		if (len < 0 || (size_t)len >= cap - used) {
			ret[used] = '\0';
			break;
		}
		used += (size_t)len;
	}
	if (used > 1)
		ret[used - 2] = '\0'; /* the last comma */
}
