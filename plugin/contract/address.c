/* address.c -- a channel's address: topic levels, some of which are parameters. */
#include "contract/contract_internal.h"

#include <string.h>

/* Why this level can't stand in an address, or NULL. Control characters are no topic's. */
static const char *fault_of(const char *text, size_t len, bool is_broker)
{
	if (len == 0)
		return "an empty level (a slash at either end, or two in a row)";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '+' || c == '#')
			return is_broker ? "a wildcard that is not a # at its end"
					 : "a wildcard: what varies is a parameter, like {orderId}";
		if (c < 0x20 || c == 0x7f)
			return "a control character";
	}
	if (!memchr(text, '{', len) && !memchr(text, '}', len))
		return NULL;
	if (is_broker)
		return "a parameter: the broker's topics have none";
	if (len < 3 || text[0] != '{' || text[len - 1] != '}' || !topics_is_id(text + 1, len - 2))
		return "a parameter that is not a whole level, like {orderId}";
	return NULL;
}

static void check_levels(struct loader *loader, const struct config *owner, const char *text,
			 bool is_broker)
{
	for (size_t levels = 0;; text++) {
		size_t len = strcspn(text, "/");
		bool is_rest = is_broker && strcmp(text, "#") == 0 && levels > 0;
		const char *fault = is_rest ? NULL : fault_of(text, len, is_broker);

		if (fault)
			(void)config_fail(loader->report, owner, "address", ERR_INVALID,
					  "the address has %s", fault);
		else if (++levels > CONTRACT_LEVELS_MAX)
			(void)config_fail(loader->report, owner, "address", ERR_LIMIT,
					  "more than %u topic levels", CONTRACT_LEVELS_MAX);
		text += len;
		if (!*text || fault || levels > CONTRACT_LEVELS_MAX)
			return;
	}
}

const char *address_load(struct loader *loader, const struct config *owner, bool is_broker)
{
	unsigned before = loader->report->count;
	const char *text = NULL;

	if (!config_text(loader->report, owner, "address", LOADER_TEXT_MAX, &text))
		return NULL;
	if (is_broker && (text[0] != '$' || strncmp(text, "$share/", strlen("$share/")) == 0))
		(void)config_fail(loader->report, owner, "address", ERR_INVALID,
				  "expected a topic of the broker's own, like $SYS/#");
	else if (!is_broker && text[0] == '$')
		(void)config_fail(loader->report, owner, "address", ERR_INVALID,
				  "topics that begin with $ are the broker's: see x-broker-topics");
	else
		check_levels(loader, owner, text, is_broker);
	return loader->report->count == before ? text : NULL;
}

size_t address_levels(const char *address)
{
	size_t levels = 1;

	for (; *address; address++)
		levels += *address == '/';
	return levels;
}
