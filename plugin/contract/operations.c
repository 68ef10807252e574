/*
 * operations.c -- reads /operations: which scopes sending to a channel and receiving from it ask
 * for, which messages they are about, and what bindings say of QoS and retain.
 */
#include "contract/contract_internal.h"

#include "base/suggest.h"

/* ---- bindings ------------------------------------------------------------------------- */

/* Other protocols' bindings say nothing of MQTT: they are let be. */
static const struct config_known protocols[] = {
	{ .name = "mqtt mqtt5 amqp amqp1 anypointmq googlepubsub http ibmmq jms kafka mercure nats "
		  "pulsar redis ros2 sns solace sqs stomp ws" },
};
/* MQTT's bindings 0.2.0; those of 0.1.0 are fewer. */
static const struct config_known operation_binding[] = {
	{ .name = "qos retain messageExpiryInterval bindingVersion" },
};
static const struct config_known message_binding[] = {
	{ .name = "payloadFormatIndicator correlationData contentType responseTopic "
		  "bindingVersion" },
};
/* A channel's has no members yet. */
static const struct config_known channel_binding[] = { { .name = "bindingVersion" } };

/* Is the binding of a version that may have other members, too? Then they are ignored. */
static bool is_newer(struct loader *loader, const struct config *mqtt)
{
	const char *version = NULL;

	if (!config_text(loader->report, mqtt, "bindingVersion", LOADER_TEXT_MAX, &version) ||
	    suggest_has("0.1.0 0.2.0 latest", version))
		return false;
	loader_warn(loader, mqtt, "bindingVersion", "is not known: it is read as 0.2.0");
	return true;
}

static bool check_binding(struct loader *loader, const struct config *mqtt,
			  enum loader_binding kind)
{
	if (!config_expect(loader->report, mqtt, CONFIG_OBJECT))
		return false;
	if (is_newer(loader, mqtt))
		return true;
	if (kind == LOADER_MESSAGE)
		return config_check(loader->report, mqtt, "this mqtt binding", message_binding);
	if (kind == LOADER_CHANNEL)
		return config_check(loader->report, mqtt, "this mqtt binding", channel_binding);
	return config_check(loader->report, mqtt, "this mqtt binding", operation_binding);
}

const struct config *operations_load_bindings(struct loader *loader, const struct config *owner,
					      enum loader_binding kind,
					      struct contract_operation *operation)
{
	const struct config *bindings = loader_follow(loader, config_member(owner, "bindings"));
	const struct config *mqtt;
	int64_t qos = 0;
	bool retain = false;

	if (!config_check(loader->report, bindings, "a bindings object", protocols))
		return NULL;
	mqtt = loader_follow(loader, config_member(bindings, "mqtt"));
	if (!check_binding(loader, mqtt, kind))
		return NULL;
	if (!operation)
		return mqtt;
	(void)config_integer(loader->report, mqtt, "qos", 0, 2, &qos);
	operation->qos = (uint8_t)qos;
	/* Of what is received it says nothing that a client could keep to. */
	if (config_boolean(loader->report, mqtt, "retain", &retain) && kind == LOADER_SEND)
		operation->retain = retain ? CONTRACT_RETAIN_MUST : CONTRACT_RETAIN_MUST_NOT;
	if (config_member(mqtt, "messageExpiryInterval"))
		loader_warn(loader, mqtt, "messageExpiryInterval",
			    "is not checked: no release of Mosquitto shows a plugin how long a "
			    "message may wait");
	return mqtt;
}

/* ---- operations ----------------------------------------------------------------------- */

/* What the $ref under @at names; NULL, and a line, where there is none: @expected. */
static const struct config *resolve(struct loader *loader, const struct config *at,
				    const char *expected)
{
	const struct config *ref = config_member(at, "$ref");

	if (ref)
		return sources_resolve(&loader->contract->sources, ref, loader->report);
	if (at)
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected { \"$ref\": \"#/channels/%s\" }", expected);
	return NULL;
}

/* The member of /channels that "channel" names; NULL: it is no topic, or a fault. */
static const struct loader_member *find_channel(struct loader *loader,
						const struct config *operation)
{
	const struct config *at = config_member(operation, "channel");
	const struct config *found = resolve(loader, at, "...");
	const struct config *member = members_of(loader, found);

	if (found && !member)
		(void)config_fail(loader->report, at, "$ref", ERR_INVALID,
				  "expected a channel of the contract: \"#/channels/...\"");
	return members_find(loader, member);
}

/* Its messages: those that it names, or all that its member of /channels has. */
static void load_messages(struct loader *loader, const struct config *at,
			  const struct loader_member *member, struct contract_operation *operation)
{
	const struct contract_channel *channel = &loader->channel[member->channel];
	const struct config *named = config_member(at, "messages");
	size_t count = named ? config_count(named) : member->message_count;
	const struct contract_message **message = loader_take(loader, count, sizeof(*message));

	if (!message)
		return;
	operation->message = message;
	for (size_t i = 0; i < member->message_count && !named; i++)
		message[operation->message_count++] = &channel->message[member->message + i];
	config_foreach_item(item, named) {
		const struct config *found = resolve(loader, item, ".../messages/...");
		const struct contract_message *its =
			found ? members_message(loader, channel, found) : NULL;

		if (its)
			message[operation->message_count++] = its;
		else if (found)
			(void)config_fail(loader->report, item, "$ref", ERR_INVALID,
					  "expected a message of channel \"%s\"", channel->name);
	}
}

/*
 * An operation as it was found: which of its channel's it is. One with a reply is another one on
 * the reply's channel: who may ask may receive the reply, and who may receive the request may
 * answer. That is, where no operation says who may do so on that channel.
 */
struct found {
	const struct config *at;
	const struct config *messages; /* the object that names its messages: @at, or its reply */
	const char *name;
	struct loader_document *document;
	const struct loader_member *member;
	struct contract_channel *channel; /* the member's */
	bool is_send;
};

struct found_list {
	struct found *item;
	size_t count;
};

void operations_own(struct loader *loader, struct contract_operation *operation,
		    enum contract_party party)
{
	operation->application = loader->doc->application;
	operation->party = loader->doc->is_client ? CONTRACT_ANYBODY : party;
	if (operation->party != CONTRACT_ANYBODY)
		operation->index = loader->contract->party_count++;
}

/* ---- a channel's lists ------------------------------------------------------------------ */

static uint8_t *count_of(struct contract_channel *channel, bool is_send)
{
	return is_send ? &channel->send_count : &channel->receive_count;
}

/* Whether the counterpart of an application does the opposite, beside what it does itself. */
static bool has_counterpart(const struct found *found)
{
	return !found->document->is_client;
}

/* Those that are too many are not counted: add_to() says so. */
static void count_one(struct contract_channel *channel, bool is_send)
{
	uint8_t *count = count_of(channel, is_send);

	if (*count < CONTRACT_OPERATIONS_MAX)
		++*count;
}

static void count_operations(const struct found *found, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		count_one(found[i].channel, found[i].is_send);
		if (has_counterpart(&found[i]))
			count_one(found[i].channel, !found[i].is_send);
	}
}

/* Takes memory for the operations that the channels count, and sets the counts to 0 again. */
static bool make_lists(struct loader *loader)
{
	for (size_t i = 0; i < loader->named_count; i++) {
		struct contract_channel *channel = &loader->channel[i];

		channel->send = loader_take(loader, channel->send_count, sizeof(*channel->send));
		channel->receive =
			loader_take(loader, channel->receive_count, sizeof(*channel->receive));
		if (!channel->send || !channel->receive)
			return false;
		channel->send_count = channel->receive_count = 0;
	}
	return true;
}

/* Adds @operation to the channel's that send, or that receive. */
static void add_to(struct loader *loader, const struct found *found, bool is_send,
		   const struct contract_operation *operation)
{
	struct contract_channel *channel = found->channel;
	const struct contract_operation *list = is_send ? channel->send : channel->receive;
	struct contract_operation *its = (struct contract_operation *)list; /* of make_lists() */
	uint8_t *count = count_of(channel, is_send);

	if (*count < CONTRACT_OPERATIONS_MAX) {
		its[*count] = *operation;
		its[(*count)++].is_send = is_send;
	} else {
		(void)config_fail(loader->report, found->at, NULL, ERR_LIMIT,
				  "more than %u operations of this kind on channel \"%s\"",
				  CONTRACT_OPERATIONS_MAX, channel->name);
	}
}

/* The reply to a request is a rule for who publishes the request. */
static void add_operation(struct loader *loader, const struct found *found)
{
	struct contract_operation operation = { .name = found->name };
	struct contract_operation own = { .name = NULL };
	const struct config *channel = found->member->at;
	bool is_request = found->messages == found->at;
	/* In AsyncAPI 2 "retain" of what the application receives is a word to who sends it. */
	enum loader_binding kind =
		found->is_send || found->document->is_translated ? LOADER_SEND : LOADER_RECEIVE;

	loader->doc = found->document;
	load_messages(loader, found->messages, found->member, &operation);
	if (is_request) {
		operation.reply = replies_load(loader, found->at);
		(void)operations_load_bindings(loader, found->at, kind, &operation);
	}
	if (has_counterpart(found)) {
		own = operation;
		operations_own(loader, &own, CONTRACT_IS);
		scopes_load_security(loader, NULL, channel, &own);
		add_to(loader, found, found->is_send, &own);
	}
	operations_own(loader, &operation, CONTRACT_TALKS);
	scopes_load_security(loader, found->at, channel, &operation);
	add_to(loader, found, has_counterpart(found) ? !found->is_send : found->is_send,
	       &operation);
}

/* ---- finding them ----------------------------------------------------------------------- */

/* The replies to what is found, behind it. */
static void find_replies(struct loader *loader, struct found_list *list)
{
	size_t count = list->count;

	for (size_t i = 0; i < count; i++) {
		const struct found *request = &list->item[i];
		const struct config *at =
			loader_follow(loader, config_member(request->at, "reply"));
		const struct loader_member *member;
		struct contract_channel *channel;

		loader->doc = request->document;
		member = replies_member(loader, at);
		channel = member ? &loader->channel[member->channel] : NULL;
		if (!channel || (request->is_send ? member->has_receive : member->has_send))
			continue;
		list->item[list->count++] = (struct found){ .at = request->at,
							    .messages = at,
							    .name = request->name,
							    .document = request->document,
							    .member = member,
							    .channel = channel,
							    .is_send = !request->is_send };
	}
}

static bool find_operation(struct loader *loader, const struct config *at, const char *name,
			   struct found *ret)
{
	static const char *const actions[] = { "send", "receive", NULL };
	unsigned action = 0;
	bool is_action;

	if (!config_expect(loader->report, at, CONFIG_OBJECT))
		return false;
	at = traits_merge(loader, at);
	if (!at)
		return false;
	is_action = config_word(loader->report, at, "action", actions, &action);
	*ret = (struct found){ .at = at,
			       .messages = at,
			       .name = name,
			       .document = loader->doc,
			       .member = find_channel(loader, at),
			       .is_send = action == 0 };
	if (!ret->member || !is_action)
		return false;
	ret->channel = &loader->channel[ret->member->channel];
	if (ret->is_send)
		loader->member[ret->member - loader->member].has_send = true;
	else
		loader->member[ret->member - loader->member].has_receive = true;
	return true;
}

static const struct config *operations_of(const struct loader_document *document)
{
	return config_member(document->root, "operations");
}

/* All operations of all documents; false where memory ran out. */
static bool find_operations(struct loader *loader, struct found_list *list)
{
	size_t all = 0;

	for (size_t i = 0; i < loader->document_count; i++)
		all += config_count(operations_of(&loader->document[i]));
	list->item = arena_take(&loader->scratch, 2 * all, sizeof(*list->item));
	if (!list->item)
		return config_nomem(loader->report);
	for (size_t i = 0; i < loader->document_count; i++) {
		loader->doc = &loader->document[i];
		config_foreach_member(at, operations_of(loader->doc))
			list->count += find_operation(loader, loader_follow(loader, at), at->key,
						      &list->item[list->count]);
	}
	find_replies(loader, list);
	return true;
}

void operations_load(struct loader *loader)
{
	struct found_list list = { .count = 0 };

	if (!find_operations(loader, &list))
		return;
	count_operations(list.item, list.count);
	if (!make_lists(loader))
		return;
	for (size_t i = 0; i < list.count; i++)
		add_operation(loader, &list.item[i]);
}
