/*
 * own_channels.c -- the channels that the plugin itself publishes to: their addresses begin with a
 * literal level, nobody sends there, and no other channel has a topic of theirs, so that nobody
 * reads what is published there by a scope for something else, and nobody publishes it in the
 * plugin's place.
 */
#include "contract/contract_internal.h"

#include <string.h>

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

static const struct contract_channel *find(struct loader *loader, const char *first, size_t params)
{
	const struct contract_channel *channel = loader->contract->channel, *ours = NULL;

	for (size_t i = 0; i < loader->named_count && !ours; i++)
		if (is_published(&channel[i], first, params))
			ours = &channel[i];
	for (size_t i = 0; i < loader->named_count && ours; i++)
		if (&channel[i] != ours && overlap(channel[i].address, ours->address))
			(void)config_fail(loader->report, &loader->channels->item[i], "address",
					  ERR_INVALID,
					  "\"%s\" has topics of \"%s\" of channel \"%s\", where "
					  "only the plugin publishes",
					  channel[i].address, ours->address, ours->name);
	return ours;
}

/* x-problem-types, which only the channel of notices may have. */
static void load_problem_types(struct loader *loader, const struct contract_channel *notices)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-._~:/?#[]@!$&'()*+,;=%";
	const char *text = NULL;

	for (size_t i = 0; i < loader->named_count; i++) {
		const struct config *at = loader_follow(loader, &loader->channels->item[i]);
		struct contract_channel *channel = &loader->channel[i];

		if (!config_member(at, "x-problem-types"))
			continue;
		if (channel != notices)
			(void)config_fail(loader->report, at, "x-problem-types", ERR_INVALID,
					  "expected on the channel of notices only, %s/{...}/{...}",
					  CONTRACT_NOTICES);
		else if (config_text(loader->report, at, "x-problem-types",
				     CONTRACT_PROBLEM_TYPES_MAX, &text) &&
			 text[strspn(text, unreserved)] != '\0')
			(void)config_fail(loader->report, at, "x-problem-types", ERR_INVALID,
					  "expected a URI that the name of a problem is added to, "
					  "like \"https://example.com/errors/\"");
		else
			channel->problem_types = text;
	}
}

void published_load(struct loader *loader)
{
	struct contract *contract = loader->contract;
	const struct contract_channel *notices = find(loader, CONTRACT_NOTICES, 2);

	contract->notices = notices;
	load_problem_types(loader, notices);
	contract->alerts = find(loader, CONTRACT_ALERTS, 1);
	/* Whose notice it is stands in the order in which the plugin writes it. */
	if (notices && (notices->param[0].own == CONTRACT_OWN_CLIENT ||
			notices->param[1].own == CONTRACT_OWN_PRINCIPAL))
		(void)config_fail(loader->report, &loader->channels->item[notices->index],
				  "parameters", ERR_INVALID,
				  "notices are published to %s/PRINCIPAL/CLIENT: expected x-own "
				  "\"principal\" at \"%s\" and \"clientId\" at \"%s\"",
				  CONTRACT_NOTICES, notices->param[0].name, notices->param[1].name);
}
