#include "contract/loader.h"

#include <string.h>

static const struct place_known topic_members[] = { { "address", NULL },
						    { "action", NULL },
						    { "security", NULL },
						    { "description", NULL },
						    { NULL, NULL } };

static int load_topic(struct loader *loader, const struct place *place, const char *name)
{
	struct contract *contract = loader->contract;
	struct contract_channel *channel = &contract->channel[contract->channel_count];
	struct place address = place_member(place, "address");
	struct place security = place_member(place, "security");
	static const char *const actions[] = { "receive", "send", NULL };
	struct place action = place_member(place, "action");
	struct contract_operation *operation;
	unsigned word = 0;
	int rc;

	rc = place_check(place, "a broker topic", topic_members, loader->diag);
	if (rc == 0)
		rc = address_load(loader, &address, true, &channel->address);
	if (rc == 0 && action.json)
		rc = place_word(&action, actions, &word, loader->diag);
	operation = word == 1 ? &channel->send : &channel->receive;
	if (rc == 0 && security.json)
		rc = scopes_load_security(loader, &security, operation);
	if (rc)
		return rc;
	channel->name = name;
	operation->name = name;
	memcpy(channel->mode, contract->mode, sizeof(channel->mode));
	channel->payload_max = loader->payload_max;
	channel->index = (unsigned)contract->channel_count++;
	return 0;
}

int brokertopics_load(struct loader *loader, const struct place *root)
{
	struct place topics = place_member(root, "x-broker-topics");
	const char *key;
	json_t *value;

	if (!topics.json)
		return 0;
	if (place_object(&topics, loader->diag))
		return ERR_INVALID;
	json_object_foreach(topics.json, key, value) {
		struct place at = place_member(&topics, key);
		int rc = load_topic(loader, &at, key);

		if (rc)
			return rc;
	}
	return 0;
}
