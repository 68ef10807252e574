/*
 * The decision over any topic and payload, under the shipped contract and under one whose channels
 * have several messages and operations. Input: one byte of who and how, the topic up to a
 * NUL, the payload; what stands in front of a first 0x01 in the topic is the client's id. The
 * same request decided twice must end the same way, a refusal must say why, what is allowed to
 * be kept must be about the topic it came under, and notices reach their own client alone.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/percent.h"
#include "gate/gate.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fuzzer calls one function and nothing else: what it needs is made at the first call. */
static struct gate gates[2];

static void set_up(struct gate *gate, const char *contract, const char *access)
{
	struct rules_files files = { .contract = SOURCES_AT(contract), .access = access };
	struct rules *rules = NULL;
	struct diag diag;

	diag_init(&diag);
	if (rules_load(&files, &rules, &diag) || gate_init(gate, rules, NULL, &diag)) {
		fprintf(stderr, "%s\n", diag.text);
		exit(1);
	}
}

/* None of the users has the operators' scope. */
static void check_notice(const struct access_principal *principal,
			 const struct gate_request *request)
{
	static const char head[] = "refusals/";
	char level[PERCENT_LEVEL_MAX + 1] = "";
	const char *at = request->message.topic + strlen(head);
	size_t len;

	if (request->action != GATE_DELIVER ||
	    strncmp(request->message.topic, head, strlen(head)) != 0)
		return;
	len = percent_level(principal->name, level);
	ENSURE(len > 0 && strncmp(at, level, len) == 0 && at[len] == '/');
	ENSURE(request->client_id && percent_level(request->client_id, level) > 0);
	ENSURE(strcmp(at + len + 1, level) == 0);
}

/* Going on after the first fault begins with that one; the decision names the message as well. */
static void check_faults(const struct gate *gate, const struct decision *decision)
{
	static struct schema_error fault[8];
	size_t count = gate_faults(gate->rules, decision, fault, 8);

	ENSURE(count <= 8 && (count > 0) == (decision->error.keyword[0] != '\0'));
	if (count > 0) {
		ENSURE(strcmp(fault[0].instance, decision->error.instance) == 0);
		ENSURE(strncmp(fault[0].message, decision->error.message,
			       strlen(fault[0].message)) == 0);
	}
}

/* The message is one of the channel's, and none is chosen of what is said of no one. */
static void check_kind(const struct decision *decision)
{
	const struct contract_message *kind = decision->kind;

	if (!kind)
		return;
	ENSURE(kind >= decision->channel->message &&
	       kind < decision->channel->message + decision->channel->message_count);
	ENSURE(decision->reason != REASON_MESSAGE_AMBIGUOUS);
}

static void check(struct gate *gate, const struct access_principal *principal,
		  const struct gate_request *request)
{
	static struct decision first, second;

	gate_decide(gate, principal, request, &first);
	gate_decide(gate, principal, request, &second);
	ENSURE(first.verdict == second.verdict && first.reason == second.reason);
	ENSURE(strcmp(first.error.message, second.error.message) == 0);
	ENSURE(first.kind == second.kind);
	ENSURE(first.reason != REASON_INTERNAL);
	ENSURE((first.verdict == VERDICT_ALLOW) ==
	       (first.reason == REASON_NONE || first.is_observed));
	check_kind(&first);
	ENSURE(first.verdict == VERDICT_ALLOW || !first.has_write);
	if (first.verdict != VERDICT_ALLOW && request->action != GATE_DELIVER)
		ENSURE(first.error.message[0] != '\0');
	if (first.verdict == VERDICT_ALLOW)
		check_notice(principal, request);
	else
		check_faults(gate, &second);
	if (first.has_write && first.write.entity != ENTITY_NONE) {
		ENSURE(first.write.id >= request->message.topic);
		ENSURE(first.write.id + first.write.id_len <=
		       request->message.topic + request->message.topic_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const users[] = { "backoffice", "eva", "collar-9", "customer-a" };
	static const char *const others[] = { "root", "eve", "ann", "bob" };
	struct gate_request request;
	const uint8_t *nul;
	char *client = NULL, *topic;

	if (!gates[0].rules) {
		set_up(&gates[0], "schemas/petstore.asyncapi.json", "test/data/gate/access.json");
		set_up(&gates[1], "test/data/gate/kinds/kinds.asyncapi.json",
		       "test/data/gate/kinds/access.json");
	}
	if (size < 1 || !(nul = memchr(data + 1, 0, size - 1)))
		return 0;
	topic = strdup((const char *)data + 1);
	if (strchr(topic, 1)) {
		client = topic;
		topic = strchr(topic, 1);
		*topic++ = '\0';
	}
	request =
		(struct gate_request){ .action = (enum gate_action)(data[0] & 3),
				       .message = { .topic = topic,
						    .topic_len = strlen(topic),
						    .payload = nul + 1,
						    .payload_len = size - (size_t)(nul + 1 - data),
						    .qos = (data[0] >> 2) & 1 ? 2 : 1,
						    .is_retained = (data[0] >> 3) & 1,
						    .is_will = (data[0] >> 4) & 1 },
				       .client_id = client };
	request.method = (enum login_method)(data[0] >> 6);
	check(&gates[0], access_find(gates[0].rules->access, users[(data[0] >> 5) & 3]), &request);
	check(&gates[0], access_find(gates[0].rules->access, "branch"), &request);
	check(&gates[1], access_find(gates[1].rules->access, others[(data[0] >> 5) & 3]), &request);
	free(client ? client : topic);
	return 0;
}
