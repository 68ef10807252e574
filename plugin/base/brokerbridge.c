#include "base/brokerbridge.h"

#include <string.h>

#define BLANKS " \t"

/* The @index-th word of @text behind the first, as long as *len; "" where there are fewer. */
static const char *word_at(const char *text, unsigned index, size_t *len)
{
	for (; index > 0; index--) {
		text += strcspn(text, BLANKS);
		text += strspn(text, BLANKS);
	}
	*len = strcspn(text, BLANKS);
	return text;
}

unsigned brokerbridge_ways(const struct brokerfile_line *line)
{
	static const struct {
		const char *word;
		unsigned ways;
	} known[] = { { "in", BROKERBRIDGE_IN },
		      { "out", BROKERBRIDGE_OUT },
		      { "both", BROKERBRIDGE_BOTH } };
	const char *word;
	size_t len;

	if (!line->bridge || strcmp(line->word, "topic") != 0)
		return 0;
	word = word_at(line->value, 1, &len);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].word) == len && memcmp(known[i].word, word, len) == 0)
			return known[i].ways;
	return BROKERBRIDGE_OUT; /* the broker's default; anything else stops its start */
}

unsigned brokerbridge_qos(const struct brokerfile_line *line)
{
	const char *word;
	size_t len;

	if (brokerbridge_ways(line) == 0)
		return 0;
	word = word_at(line->value, 2, &len);
	return len == 1 && word[0] >= '0' && word[0] <= '2' ? (unsigned)(word[0] - '0') : 0;
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static void add(struct brokerbridge *bridge, const struct brokerfile_line *line)
{
	static const char *const remote[] = { "remote_username", "username", NULL };
	static const char *const address[] = { "address", "addresses", NULL };
	static const char *const shown[] = { "bridge_certfile", "bridge_identity", NULL };
	static const char *const tls[] = { "bridge_cafile", "bridge_capath", "bridge_psk",
					   "bridge_tls_use_os_certs", NULL };

	if (strcmp(line->word, "local_username") == 0)
		bridge->local_user = line;
	if (is_one_of(line->word, remote))
		bridge->remote_user = line;
	if (is_one_of(line->word, address))
		bridge->address = line;
	bridge->has_certificate |= is_one_of(line->word, shown);
	bridge->has_tls |= is_one_of(line->word, tls);
	bridge->is_mqtt5 |= strcmp(line->word, "bridge_protocol_version") == 0 &&
			    strcmp(line->value, "mqttv50") == 0;
	bridge->ways |= brokerbridge_ways(line);
}

bool brokerbridge_next(const struct brokerfile *file, size_t *at, struct brokerbridge *ret)
{
	size_t i = *at;

	while (i < file->line_count && strcmp(file->line[i].word, "connection") != 0)
		i++;
	if (i == file->line_count)
		return false;
	*ret = (struct brokerbridge){ .line = &file->line[i] };
	for (i++; i < file->line_count && file->line[i].bridge == ret->line->bridge; i++)
		add(ret, &file->line[i]);
	*at = i;
	return true;
}

bool brokerbridge_is_asked(const struct brokerfile *file)
{
	if (!file->per_listener)
		return true;
	for (size_t i = 0; i < file->line_count; i++) {
		const char *plugin = brokerfile_plugin(&file->line[i]);

		if (plugin && strcmp(file->line[i].word, "global_plugin") == 0 &&
		    brokerfile_is_own(plugin, NULL))
			return true;
	}
	return false;
}

const char *brokerbridge_fault(const struct brokerfile *file, const struct brokerbridge *bridge)
{
	if (!(bridge->ways & BROKERBRIDGE_IN))
		return NULL;
	if (!brokerbridge_is_asked(file))
		return "what comes in over it is asked of no plugin, and passes; expected no "
		       "per_listener_settings";
	return bridge->local_user ? NULL
				  : "what comes in over it is published by nobody, and refused; "
				    "expected local_username, a user of the access file";
}
