#include "contract/loader.h"

#include <string.h>

/*
 * The channels that the plugin itself publishes to: their addresses begin with a literal level,
 * nobody sends there, and no other channel has a topic of theirs, so that nobody reads what is told
 * there by a scope for something else, and nobody says it in the plugin's place.
 */

/* Is it @first, then so many parameters and nothing more, and only received from? */
static bool is_published(const struct contract_channel *channel, const char *first, size_t params)
{
	const char *at = channel->address;
	size_t len = strlen(first);

	if (channel->send.name || !channel->receive.name || channel->param_count != params ||
	    strncmp(at, first, len) != 0)
		return false;
	for (at += len; *at; at += strcspn(at + 1, "/") + 1)
		if (strncmp(at, "/{", 2) != 0)
			return false;
		else
			params--;
	return params == 0;
}

/* Is there a topic that both addresses stand for? */
static bool overlap(const char *a, const char *b)
{
	for (;;) {
		size_t a_len = strcspn(a, "/"), b_len = strcspn(b, "/");

		if (a[0] != '{' && b[0] != '{' && (a_len != b_len || strncmp(a, b, a_len) != 0))
			return false;
		a += a_len;
		b += b_len;
		if (!*a || !*b)
			return !*a && !*b;
		a++;
		b++;
	}
}

static int fail_at(struct loader *loader, const struct place *channels,
		   const struct contract_channel *channel, const struct contract_channel *ours)
{
	struct place at = place_member(channels, channel->name);
	struct place address = place_member(&at, "address");

	return place_fail(&address, loader->diag, ERR_INVALID,
			  "\"%s\" has topics of \"%s\" of channel \"%s\", where only the plugin "
			  "publishes",
			  channel->address, ours->address, ours->name);
}

/* Whose notice it is stands in the order in which the plugin writes it. */
static int check_owners(struct loader *loader, const struct place *channels,
			const struct contract_channel *ours)
{
	struct place at = place_member(channels, ours->name);
	struct place params = place_member(&at, "parameters");

	if (ours->param[0].own != CONTRACT_OWN_CLIENT &&
	    ours->param[1].own != CONTRACT_OWN_PRINCIPAL)
		return 0;
	return place_fail(&params, loader->diag, ERR_INVALID,
			  "notices are published to %s/PRINCIPAL/CLIENT: expected x-own "
			  "\"principal\" at \"%s\" and \"clientId\" at \"%s\"",
			  CONTRACT_NOTICES, ours->param[0].name, ours->param[1].name);
}

static int find(struct loader *loader, const struct place *channels, const char *first,
		size_t params, const struct contract_channel **ret)
{
	const struct contract *contract = loader->contract;

	for (size_t i = 0; i < loader->named_count && !*ret; i++)
		if (is_published(&contract->channel[i], first, params))
			*ret = &contract->channel[i];
	for (size_t i = 0; i < loader->named_count && *ret; i++)
		if (&contract->channel[i] != *ret &&
		    overlap(contract->channel[i].address, (*ret)->address))
			return fail_at(loader, channels, &contract->channel[i], *ret);
	return 0;
}

int published_load(struct loader *loader, const struct place *root)
{
	struct contract *contract = loader->contract;
	struct place channels = place_member(root, "channels");
	int rc = find(loader, &channels, CONTRACT_NOTICES, 2, &contract->notices);

	if (rc == 0)
		rc = find(loader, &channels, CONTRACT_ALERTS, 1, &contract->alerts);
	if (rc == 0 && contract->notices)
		rc = check_owners(loader, &channels, contract->notices);
	return rc;
}
