/* bindings.c -- /bindings: what the MQTT bindings say of an operation's QoS and retain. */
#include "contract/contract_internal.h"

#define NO_PROPERTY "not supported: properties of MQTT 5 messages are not checked"

/* Other protocols' bindings say nothing of MQTT: they are let be. */
static const struct config_known protocols[] = {
	{ .name = "mqtt mqtt5 amqp amqp1 anypointmq googlepubsub http ibmmq jms kafka mercure nats "
		  "pulsar redis ros2 sns solace sqs stomp ws" },
	{ .name = NULL },
};
static const struct config_known send_members[] = {
	{ .name = "qos retain bindingVersion" },
	{ .name = "messageExpiryInterval", .refusal = NO_PROPERTY },
	{ .name = NULL },
};
static const struct config_known receive_members[] = {
	{ .name = "qos bindingVersion" },
	{ .name = "retain", .refusal = "only a \"send\" operation has it" },
	{ .name = "messageExpiryInterval", .refusal = NO_PROPERTY },
	{ .name = NULL },
};
static const struct config_known other_members[] = {
	{ .name = "bindingVersion" },
	{ .name = "payloadFormatIndicator", .refusal = NO_PROPERTY },
	{ .name = "correlationData", .refusal = NO_PROPERTY },
	{ .name = "contentType", .refusal = NO_PROPERTY },
	{ .name = "responseTopic", .refusal = NO_PROPERTY },
	{ .name = NULL },
};
static const struct config_known *const members_of[] = {
	[LOADER_SEND] = send_members,
	[LOADER_RECEIVE] = receive_members,
	[LOADER_OTHER] = other_members,
};

void bindings_load(struct loader *loader, const struct config *owner, enum loader_binding kind,
		   struct contract_operation *operation)
{
	static const char *const versions[] = { "0.2.0", "0.1.0", "latest", NULL };
	const struct config *bindings = loader_follow(loader, config_member(owner, "bindings"));
	const struct config *mqtt;
	int64_t qos = 0;
	bool retain = false;
	unsigned ignored;

	if (!config_check(loader->report, bindings, "a bindings object", protocols))
		return;
	mqtt = loader_follow(loader, config_member(bindings, "mqtt"));
	if (!config_check(loader->report, mqtt, "this mqtt binding", members_of[kind]))
		return;
	(void)config_word(loader->report, mqtt, "bindingVersion", versions, &ignored);
	if (!operation)
		return;
	(void)config_integer(loader->report, mqtt, "qos", 0, 2, &qos);
	operation->qos = (uint8_t)qos;
	if (config_boolean(loader->report, mqtt, "retain", &retain))
		operation->retain = retain ? CONTRACT_RETAIN_MUST : CONTRACT_RETAIN_MUST_NOT;
}
