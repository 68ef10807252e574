/*
 * permission_params.c -- are the levels of the topic what the parameters list and match?
 *
 * Where documents of one channel differ in that, each operation has its own document's parameters,
 * and admits only what these do.
 */
#include <stdio.h>
#include <string.h>

#include "gate/judgement.h"

static bool is_listed(const struct contract_param *param, const struct contract_span *span)
{
	for (size_t i = 0; i < param->value_count; i++)
		if (strlen(param->value[i]) == span->len &&
		    memcmp(param->value[i], span->text, span->len) == 0)
			return true;
	return false;
}

__attribute__((cold, noinline)) static bool refuse_id(struct judgement *j)
{
	unsigned param = j->match->channel->mapping->param;

	return judgement_refuse(
		j, REASON_TOPIC_PARAMETER, "%s has %zu bytes, and an entity's id has at most %u",
		j->match->channel->param[param].name, j->match->param[param].len, ENTITY_ID_MAX);
}

/* Says which values there are: as many as there is room for. */
__attribute__((cold, noinline)) static bool refuse_value(struct judgement *j,
							 const struct contract_param *param,
							 const struct contract_span *span)
{
	char listed[128] = "";
	size_t len = 0, i = 0;

	for (; i < param->value_count; i++) {
		size_t more = strlen(param->value[i]) + sizeof(", \"\"") - 1;

		if (len + more >= sizeof(listed))
			break;
		len += (size_t)snprintf(listed + len, sizeof(listed) - len, "%s\"%s\"",
					i > 0 ? ", " : "", param->value[i]);
	}
	if (i == 0)
		return judgement_refuse(j, REASON_TOPIC_PARAMETER,
					"%s is \"%.*s\", which the contract does not list",
					param->name, (int)span->len, span->text);
	return judgement_refuse(j, REASON_TOPIC_PARAMETER, "%s is \"%.*s\", expected %s%s%s",
				param->name, (int)span->len, span->text,
				param->value_count > 1 ? "one of " : "", listed,
				i < param->value_count ? ", ..." : "");
}

/* Holds the topic against the @i-th of the parameters @param, which @pattern belongs to. */
static bool ask_param(struct judgement *j, const struct contract_param *param,
		      const struct pattern *pattern, size_t i, int64_t *work)
{
	const struct contract_span *span = &j->match->param[i];
	enum pattern_answer answer = PATTERN_YES;

	if (param->value_count > 0 && !is_listed(param, span))
		return refuse_value(j, param, span);
	if (pattern)
		answer = pattern_search(pattern, span->text, span->len, work);
	if (answer == PATTERN_LIMIT)
		return judgement_refuse(j, REASON_SCHEMA_LIMIT,
					"%s is too costly to hold against %s", param->name,
					param->pattern);
	return answer == PATTERN_YES ||
	       judgement_refuse(j, REASON_TOPIC_PARAMETER,
				"%s is \"%.*s\", which does not match %s", param->name,
				(int)span->len, span->text, param->pattern);
}

static bool ask_params(struct judgement *j, const struct contract_param *param,
		       struct pattern *const *pattern, int64_t *work)
{
	for (size_t i = 0; i < j->match->channel->param_count; i++)
		if (!ask_param(j, &param[i], pattern ? pattern[i] : NULL, i, work))
			return false;
	return true;
}

/* What a decision says of its refusal. */
struct said {
	enum reason reason;
	struct schema_error error;
};

static struct said said_by(const struct judgement *j)
{
	return (struct said){ j->decision->reason, j->decision->error };
}

static void say(struct judgement *j, const struct said *said)
{
	j->decision->reason = said->reason;
	j->decision->error = said->error;
}

/* Of the operations that admit the principal, those whose parameters have the topic. */
__attribute__((cold, noinline)) static bool ask_operations(struct judgement *j, int64_t *work)
{
	const struct contract_channel *channel = j->match->channel;
	const struct rules_channel *more = &j->gate->rules->channel[channel->index];
	uint64_t bits = j->admit_full | j->admit_own, left = 0;
	const struct said before = said_by(j);
	struct said first;
	bool is_first = true;

	for (size_t i = 0; i < channel->send_count; i++) {
		const struct contract_param *own = channel->send[i].param;

		if (bits && !(bits >> i & 1))
			continue;
		if (ask_params(j, own ? own : channel->param,
			       own ? more->own_pattern[i] : more->pattern, work)) {
			left |= UINT64_C(1) << i;
			continue;
		}
		if (is_first)
			first = said_by(j);
		is_first = false;
		say(j, &before);
	}
	if (!left) {
		say(j, &first);
		return false;
	}
	j->admit_full &= left;
	j->admit_own &= left;
	j->is_own_needed = bits && !j->admit_full;
	return true;
}

bool permission_params(struct judgement *j)
{
	const struct contract_channel *channel = j->match->channel;
	int64_t work = PATTERN_MAX_WORK; /* of all of them */

	if (channel->mapping && j->match->param[channel->mapping->param].len > ENTITY_ID_MAX)
		return refuse_id(j);
	if (!channel->has_choosy_params)
		return true;
	if (channel->has_own_params)
		return ask_operations(j, &work);
	return ask_params(j, channel->param, j->gate->rules->channel[channel->index].pattern,
			  &work);
}
