/* unique.c -- /x-unique of a channel: the members that make a message one of its own. */
#include "contract/loader.h"

#include <string.h>

static int load_members(struct loader *loader, const struct place *at,
			struct contract_channel *channel)
{
	size_t count = json_array_size(at->json);
	int rc = 0;

	if (count == 0 || count > CONTRACT_UNIQUE_MAX)
		return place_fail(at, loader->diag, ERR_LIMIT,
				  "expected 1 to %u members of the payload, like [\"/eventId\"]",
				  CONTRACT_UNIQUE_MAX);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct place item = place_item(at, i);

		rc = mapping_load_member(loader, &item, &channel->unique[i].member);
		if (rc == 0)
			channel->unique[i].len = strlen(channel->unique[i].member);
	}
	channel->unique_count = (unsigned)count;
	return rc;
}

int unique_load(struct loader *loader, const struct place *owner, struct contract_channel *channel)
{
	struct place at = place_member(owner, "x-unique");

	if (!at.json)
		return 0;
	if (place_array(&at, loader->diag))
		return ERR_INVALID;
	if (channel->mapping && channel->mapping->transitions)
		return place_fail(&at, loader->diag, ERR_INVALID,
				  "the channel moves a status, which tells what is said again; "
				  "expected one without");
	if (!channel->is_recorded)
		return place_fail(&at, loader->diag, ERR_INVALID,
				  "no event is kept here: x-record is false");
	return load_members(loader, &at, channel);
}
