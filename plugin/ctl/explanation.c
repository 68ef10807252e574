#include "ctl/explanation.h"

#include <stdio.h>
#include <string.h>

#include "ctl/output.h"

/* Text that grows to a bound; what does not fit is left out. */
struct needs {
	char text[512];
	size_t len;
};

static void add(struct needs *needs, const char *before, const char *word)
{
	int n = snprintf(needs->text + needs->len, sizeof(needs->text) - needs->len, "%s%s", before,
			 word);

	if (n > 0 && (size_t)n < sizeof(needs->text) - needs->len)
		needs->len += (size_t)n;
	needs->text[needs->len] = '\0';
}

/* "read:shop and a login by password or token" */
static void add_alternative(struct needs *needs, const struct contract *contract,
			    const struct contract_alternative *alternative)
{
	const char *before = "";

	if (alternative->methods & CONTRACT_NOBODY) {
		add(needs, "", "what no login is");
		return;
	}
	for (size_t i = 0; i < contract->scope_count; i++) {
		if (!scopeset_has(&alternative->scopes, (unsigned)i))
			continue;
		add(needs, before, contract->scope[i]);
		before = " ";
	}
	before = *before ? " and a login by " : "a login by ";
	for (enum login_method method = 0; method <= LOGIN_BOTH; method++) {
		if (!(login_methods_told(alternative->methods) >> method & 1))
			continue;
		add(needs, before, login_method_name(method));
		before = " or ";
	}
	if (alternative->port > 0) {
		char port[32];

		(void)snprintf(port, sizeof(port), "%s on port %u",
			       alternative->methods == 0 && before[1] == ' ' ? "nothing" : "",
			       alternative->port);
		add(needs, "", port);
	}
}

/* What @operation asks for, by its alternatives; in @ret. */
static const char *needs_of(const struct scene *scene, const struct contract_operation *operation,
			    struct needs *ret)
{
	*ret = (struct needs){ .len = 0 };
	for (size_t i = 0; i < operation->alternative_count; i++) {
		if (i > 0)
			add(ret, "", ", or ");
		add_alternative(ret, scene->rules->contract, &operation->alternative[i]);
	}
	return ret->len > 0 ? ret->text : "no scope";
}

/* ---- several operations, several messages ----------------------------------------------- */

struct operations {
	size_t count;
	const struct contract_operation *operation;
};

/* Those that the request is about. */
static struct operations operations_of(const struct explanation *explanation)
{
	const struct contract_channel *channel = explanation->decision.channel;
	bool is_send = explanation->request.action == GATE_PUBLISH;

	return (struct operations){ is_send ? channel->send_count : channel->receive_count,
				    is_send ? channel->send : channel->receive };
}

/* "yes", "own" or "no": does the operation admit the user on this topic? */
static const char *grant_word(const struct explanation *explanation,
			      const struct contract_operation *operation)
{
	static const char *const words[] = {
		[GATE_NONE] = "no", [GATE_OWN] = "own", [GATE_FULL] = "yes"
	};
	const struct gate_request *request = &explanation->request;
	struct contract_match match =
		topics_match(explanation->scene.rules->contract->topics, request->message.topic,
			     request->message.topic_len);

	if (match.channel != explanation->decision.channel)
		match = (struct contract_match){ .channel = explanation->decision.channel };
	return words[gate_grant(explanation->scene.rules, explanation->principal, request->method,
				operation, 1, &match)];
}

static const char *application_of(const struct explanation *explanation,
				  const struct contract_operation *operation)
{
	return explanation->scene.rules->contract->application[operation->application].name;
}

/* Are there several, or is the one for who is an application, or talks to it? */
static bool has_operations(struct operations all)
{
	return all.count > 1 || (all.count == 1 && all.operation->party != CONTRACT_ANYBODY);
}

static json_t *operations_json(const struct explanation *explanation)
{
	struct operations all = operations_of(explanation);
	json_t *list = json_array();
	struct needs needs;

	for (size_t i = 0; i < all.count; i++) {
		const struct contract_operation *operation = &all.operation[i];
		json_t *each = json_pack("{s:s, s:s, s:s}", "operation", operation->name, "admits",
					 grant_word(explanation, operation), "needs",
					 needs_of(&explanation->scene, operation, &needs));

		if (operation->party != CONTRACT_ANYBODY) {
			(void)json_object_set_new(
				each, "application",
				json_string(application_of(explanation, operation)));
			(void)json_object_set_new(
				each, "party",
				json_string(operation->party == CONTRACT_IS ? "is" : "talksTo"));
		}
		(void)json_array_append_new(list, each);
	}
	return list;
}

static json_t *candidates_json(const struct explanation *explanation)
{
	json_t *list = json_array();

	for (size_t i = 0; i < explanation->candidate_count; i++) {
		const struct candidate *candidate = &explanation->candidate[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:s, s:s}", "message",
							    candidate->message->name, "fits",
							    (int)candidate->is_fit, "field",
							    candidate->error.instance, "code",
							    candidate->error.keyword, "text",
							    candidate->error.message));
	}
	return list;
}

static void print_operations(const struct explanation *explanation)
{
	struct operations all = operations_of(explanation);
	struct needs needs;

	for (size_t i = 0; i < all.count; i++) {
		const struct contract_operation *operation = &all.operation[i];

		output_print("  %-12s %s", "operation", operation->name);
		if (operation->party != CONTRACT_ANYBODY)
			output_print(" of who %s \"%s\"",
				     operation->party == CONTRACT_IS ? "is" : "talks to",
				     application_of(explanation, operation));
		output_print(": %s, needs %s\n", grant_word(explanation, operation),
			     needs_of(&explanation->scene, operation, &needs));
	}
}

static void print_candidates(const struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->candidate_count; i++) {
		const struct candidate *candidate = &explanation->candidate[i];
		const char *pointer = candidate->error.instance;

		output_print("  %-12s %s: %s%s%s\n", "message", candidate->message->name,
			     candidate->is_rest ? "may be anything" : pointer,
			     pointer[0] ? ": " : "",
			     candidate->is_rest  ? ""
			     : candidate->is_fit ? "fits"
						 : candidate->error.message);
	}
}

void explanation_add(const struct explanation *explanation, json_t *answer)
{
	const struct decision *decision = &explanation->decision;

	if (decision->kind)
		(void)json_object_set_new(answer, "message", json_string(decision->kind->name));
	if (decision->channel && has_operations(operations_of(explanation)))
		(void)json_object_set_new(answer, "operations", operations_json(explanation));
	if (explanation->candidate_count > 0)
		(void)json_object_set_new(answer, "messages", candidates_json(explanation));
}

void explanation_print(const struct explanation *explanation)
{
	const struct contract_channel *channel = explanation->decision.channel;
	struct operations all = operations_of(explanation);
	struct needs needs;

	output_print("  %-12s %s", "channel", channel->name);
	if (strcmp(channel->name, channel->address) != 0)
		output_print(" (%s)", channel->address);
	if (!has_operations(all))
		output_print(", needs %s",
			     all.count ? needs_of(&explanation->scene, all.operation, &needs)
				       : "no scope");
	(void)puts("");
	if (has_operations(all))
		print_operations(explanation);
	print_candidates(explanation);
}
