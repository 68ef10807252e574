/*
 * access_peers.c -- `peer` and `trust` of a role: the users of bridges, and the topics on which
 * what they bring was decided by their own broker.
 */
#include <string.h>

#include "access/access_internal.h"

/* MQTT 5, 4.7.1: '+' is a whole level, '#' the whole last one. */
static bool is_filter(const char *text)
{
	for (const char *at = text; *at; at++) {
		bool is_first = at == text || at[-1] == '/';

		if (*at == '+' && (!is_first || (at[1] && at[1] != '/')))
			return false;
		if (*at == '#' && (!is_first || at[1]))
			return false;
	}
	return true;
}

static const char *read_filter(struct access_reader *reader, const struct config *at)
{
	const char *text = access_text(reader, at);
	bool (*has_topic)(const void *ctx, const char *filter) = reader->offer->has_topic;

	if (!text)
		return NULL;
	if (!is_filter(text) || text[0] == '$')
		(void)config_fail(
			&reader->report, at, NULL, ERR_INVALID,
			"expected a topic or filter such as \"orders/#\", none that begins "
			"with '$'");
	else if (has_topic && !has_topic(reader->offer->ctx, text))
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
				  "no channel of the contract has a topic that \"%s\" means", text);
	return text;
}

void access_read_peer(struct access_reader *reader, const struct config *at,
		      struct access_role *role)
{
	const struct config *list = config_member(at, "trust");
	const char **filter;

	(void)config_boolean(&reader->report, at, "peer", &role->is_peer);
	if (!list)
		return;
	if (!role->is_peer)
		(void)config_fail(&reader->report, list, NULL, ERR_INVALID,
				  "only a role with \"peer\": true trusts what its user brings");
	filter = access_room(reader, list, ACCESS_TRUST_MAX, "topics", sizeof(*filter));
	if (!filter)
		return;
	config_foreach_item(item, list)
		filter[role->trust.count++] = read_filter(reader, item);
	role->trust.filter = filter;
}

/* MQTT 5, 4.7.1: "a/#" also means "a". Neither begins with '$'. */
static bool means(const char *filter, const char *topic, const char *end)
{
	for (;;) {
		size_t level = strcspn(filter, "/");
		const char *slash = memchr(topic, '/', (size_t)(end - topic));
		size_t len = (size_t)((slash ? slash : end) - topic);

		if (filter[0] == '#')
			return true;
		if (filter[0] != '+' && (level != len || memcmp(filter, topic, len) != 0))
			return false;
		filter += level;
		if (!slash)
			return !filter[0] || strcmp(filter, "/#") == 0;
		if (!filter[0])
			return false;
		filter++;
		topic = slash + 1;
	}
}

bool access_trusts(const struct access_principal *principal, const char *topic, size_t len)
{
	for (size_t i = 0; principal->trust && i < principal->trust->count; i++)
		if (means(principal->trust->filter[i], topic, topic + len))
			return true;
	return false;
}
