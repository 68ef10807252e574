/* unique_members.c -- /x-unique of a channel: the members that make a message one of its own. */
#include "contract/contract_internal.h"

#include <string.h>

void unique_load(struct loader *loader, const struct config *owner,
		 struct contract_channel *channel)
{
	const struct config *list = config_member(owner, "x-unique");

	if (!config_expect(loader->report, list, CONFIG_ARRAY))
		return;
	if (channel->mapping && channel->mapping->transitions)
		(void)config_fail(loader->report, list, NULL, ERR_INVALID,
				  "the channel moves a status, which tells what is said again; "
				  "expected one without");
	else if (!channel->is_recorded)
		(void)config_fail(loader->report, list, NULL, ERR_INVALID,
				  "no event is kept here: x-record is false");
	if (!config_bound(loader->report, list, 1, CONTRACT_UNIQUE_MAX,
			  "members of the payload, like [\"/eventId\"]"))
		return;
	config_foreach_item(at, list) {
		const char *member = mapping_load_member(loader, at, NULL);

		channel->unique[channel->unique_count].member = member;
		channel->unique[channel->unique_count++].len = member ? strlen(member) : 0;
	}
}
