#include "ctl/explanation.h"

#include <stdio.h>

/* The scopes that @operation asks for, to @ret. */
static const char *scopes(const struct scene *scene, const struct contract_operation *operation,
			  char *ret, size_t cap)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t a = 0; a < operation->alternative_count; a++) {
		for (size_t i = 0; i < scene->rules->contract->scope_count; i++) {
			int n;

			if (!scopeset_has(&operation->alternative[a].scopes, (unsigned)i))
				continue;
			n = snprintf(ret + used, cap - used, "%s%s", used ? " " : "",
				     scene->rules->contract->scope[i]);
			used = n > 0 && (size_t)n < cap - used ? used + (size_t)n : used;
		}
	}
	return used ? ret : "no scope";
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
	return words[gate_grant(explanation->principal, request->method, operation, 1, &match)];
}

static json_t *operations_json(const struct explanation *explanation)
{
	struct operations all = operations_of(explanation);
	json_t *list = json_array();
	char needs[256];

	for (size_t i = 0; i < all.count; i++)
		(void)json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s}", "operation", all.operation[i].name, "admits",
				  grant_word(explanation, &all.operation[i]), "needs",
				  scopes(&explanation->scene, &all.operation[i], needs,
					 sizeof(needs))));
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
	char needs[256];

	for (size_t i = 0; i < all.count; i++)
		(void)printf("  %-12s %s: %s, needs %s\n", "operation", all.operation[i].name,
			     grant_word(explanation, &all.operation[i]),
			     scopes(&explanation->scene, &all.operation[i], needs, sizeof(needs)));
}

static void print_candidates(const struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->candidate_count; i++) {
		const struct candidate *candidate = &explanation->candidate[i];
		const char *pointer = candidate->error.instance;

		(void)printf("  %-12s %s: %s%s%s\n", "message", candidate->message->name,
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
	if (decision->channel && operations_of(explanation).count > 1)
		(void)json_object_set_new(answer, "operations", operations_json(explanation));
	if (explanation->candidate_count > 0)
		(void)json_object_set_new(answer, "messages", candidates_json(explanation));
}

void explanation_print(const struct explanation *explanation)
{
	const struct contract_channel *channel = explanation->decision.channel;
	struct operations all = operations_of(explanation);
	char list[256];

	(void)printf("  %-12s %s (%s)", "channel", channel->name, channel->address);
	if (all.count < 2)
		(void)printf(", needs %s", all.count ? scopes(&explanation->scene, all.operation,
							      list, sizeof(list))
						     : "no scope");
	(void)puts("");
	if (all.count > 1)
		print_operations(explanation);
	print_candidates(explanation);
}
