#include "contract/loader.h"

static const char NO_PROPERTY[] = "not supported: properties of MQTT 5 messages are not checked";

/* Other protocols' bindings say nothing of MQTT: they are let be. */
static const struct place_known protocols[] = {
	{ "mqtt", NULL },       { "mqtt5", NULL },        { "amqp", NULL },    { "amqp1", NULL },
	{ "anypointmq", NULL }, { "googlepubsub", NULL }, { "http", NULL },    { "ibmmq", NULL },
	{ "jms", NULL },        { "kafka", NULL },        { "mercure", NULL }, { "nats", NULL },
	{ "pulsar", NULL },     { "redis", NULL },        { "ros2", NULL },    { "sns", NULL },
	{ "solace", NULL },     { "sqs", NULL },          { "stomp", NULL },   { "ws", NULL },
	{ NULL, NULL },
};
static const struct place_known send_members[] = {
	{ "qos", NULL },
	{ "retain", NULL },
	{ "bindingVersion", NULL },
	{ "messageExpiryInterval", NO_PROPERTY },
	{ NULL, NULL },
};
static const struct place_known receive_members[] = {
	{ "qos", NULL },
	{ "bindingVersion", NULL },
	{ "retain", "only a \"send\" operation has it" },
	{ "messageExpiryInterval", NO_PROPERTY },
	{ NULL, NULL },
};
static const struct place_known other_members[] = {
	{ "bindingVersion", NULL },         { "payloadFormatIndicator", NO_PROPERTY },
	{ "correlationData", NO_PROPERTY }, { "contentType", NO_PROPERTY },
	{ "responseTopic", NO_PROPERTY },   { NULL, NULL },
};

static int load_mqtt(struct loader *loader, const struct place *mqtt,
		     struct contract_operation *operation)
{
	struct place qos_at = place_member(mqtt, "qos");
	struct place retain_at = place_member(mqtt, "retain");
	json_int_t qos = 0;
	bool retain = false;
	int rc = 0;

	if (qos_at.json)
		rc = place_integer(&qos_at, 0, 2, &qos, loader->diag);
	if (rc == 0 && retain_at.json)
		rc = place_boolean(&retain_at, &retain, loader->diag);
	operation->qos = (uint8_t)qos;
	if (retain_at.json)
		operation->retain = retain ? CONTRACT_RETAIN_MUST : CONTRACT_RETAIN_MUST_NOT;
	return rc;
}

static const struct place_known *members_of(enum loader_binding kind)
{
	return kind == LOADER_SEND      ? send_members
	       : kind == LOADER_RECEIVE ? receive_members
					: other_members;
}

int bindings_load(struct loader *loader, const struct place *owner, enum loader_binding kind,
		  struct contract_operation *operation)
{
	static const char *const versions[] = { "0.2.0", "0.1.0", "latest", NULL };
	struct sources *sources = &loader->contract->sources;
	struct place bindings = place_member(owner, "bindings");
	struct place mqtt;
	struct place version;
	unsigned ignored;
	int rc;

	if (!bindings.json)
		return 0;
	rc = sources_follow(sources, &loader->scratch, &bindings, loader->diag);
	if (rc == 0)
		rc = place_check(&bindings, "a bindings object", protocols, loader->diag);
	if (rc || !json_object_get(bindings.json, "mqtt"))
		return rc;
	mqtt = place_member(&bindings, "mqtt");
	rc = sources_follow(sources, &loader->scratch, &mqtt, loader->diag);
	if (rc == 0)
		rc = place_check(&mqtt, "this mqtt binding", members_of(kind), loader->diag);
	version = place_member(&mqtt, "bindingVersion");
	if (rc == 0 && version.json)
		rc = place_word(&version, versions, &ignored, loader->diag);
	return rc || !operation ? rc : load_mqtt(loader, &mqtt, operation);
}
