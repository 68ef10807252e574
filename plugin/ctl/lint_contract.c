/*
 * lint_contract.c -- the contract's extensions, held against their schema, and its channels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/jsonfile.h"
#include "ctl/lint.h"
#include "schema/schema.h"

#define ERRORS_MAX 32u

EMBED(extensions, "schemas/contract-extensions.schema.json");

/* ---- the contract, as a document -------------------------------------------------------- */

struct checker {
	struct schema_set *set;
	struct schema *schema;
	struct payload_parser *parser;
};

static void checker_clear(struct checker *checker)
{
	payload_parser_free(checker->parser);
	schema_free(checker->schema);
	schema_set_free(checker->set);
}

static int checker_init(struct checker *ret, struct diag *diag)
{
	const struct schema_options options = { .max_work = SCHEMA_FILE_WORK };
	struct payload_limits limits = { PAYLOAD_MAX_BYTES, 128 };
	json_t *json = NULL;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = jsonfile_parse("contract-extensions.schema.json", extensions, EMBED_LEN(extensions),
			    &json, diag);
	if (rc)
		goto out;
	rc = schema_set_new(&ret->set, diag);
	if (rc)
		goto out;
	rc = schema_set_add(ret->set, "lint:extensions", "contract-extensions.schema.json", json,
			    diag);
	if (rc)
		goto out;
	rc = schema_compile(ret->set, "lint:extensions", &options, &ret->schema, diag);
	if (rc)
		goto out;
	rc = payload_parser_new(&limits, &ret->parser, diag);
out:
	json_decref(json);
	return rc;
}

/* All that the schema of our extensions finds, where the loader stops at the first. */
void lint_extensions(struct lint *lint, const char *path, const json_t *document)
{
	struct schema_error errors[ERRORS_MAX];
	struct checker checker;
	struct diag diag;
	char *text = json_dumps(document, JSON_COMPACT);
	const struct payload_value *value = NULL;
	struct payload_error error;
	enum schema_answer answer;
	size_t count = 0;

	if (checker_init(&checker, &diag))
		lint_add(lint, LINT_ERROR, "%s", diag.text);
	else if (text)
		value = payload_parse(checker.parser, text, strlen(text), &error);
	if (value)
		count = schema_explain(checker.schema, value, errors, ERRORS_MAX, &answer);
	for (size_t i = 0; i < count; i++)
		lint_add(lint, LINT_ERROR, "%s: %s: %s", path, errors[i].instance,
			 errors[i].message);
	free(text);
	checker_clear(&checker);
}

/* ---- channels ---------------------------------------------------------------------------- */

/* The groups of rules that are in @mode on the channel, in one line. */
static void add_modes(struct lint *lint, const char *path, const struct contract_channel *channel,
		      enum contract_mode mode, const char *what)
{
	char groups[128] = "";

	for (int g = 0; g < CONTRACT_GROUPS; g++)
		if (channel->mode[g] == mode)
			(void)snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups),
				       "%s%s", groups[0] ? ", " : "",
				       contract_group_name((enum contract_group)g));
	if (groups[0])
		lint_add(lint, LINT_WARNING, "%s: /channels/%s: x-mode: %s: %s", path,
			 channel->name, groups, what);
}

void lint_channels(struct lint *lint, const char *path, const struct contract *contract)
{
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		if (channel->address[0] == '$')
			continue; /* the broker's, or a plugin's: one direction, any bytes */
		if (!channel->send.name && !channel->receive.name)
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s: no operation reaches it: nobody may publish or "
				 "receive there",
				 path, channel->name);
		else if (channel->send.name && !channel->receive.name)
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s: has no receive operation: nobody receives it",
				 path, channel->name);
		if (channel->send.name && !channel->schema_uri)
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s: has no payload schema: any bytes pass", path,
				 channel->name);
		add_modes(lint, path, channel, CONTRACT_OBSERVE, "only observed");
		add_modes(lint, path, channel, CONTRACT_OFF, "not looked at");
	}
}

static bool begins(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

/*
 * What is meant for the plugin's own messages and is not theirs, and commands that are anyone's.
 */
void lint_own_topics(struct lint *lint, const char *path, const struct contract *contract)
{
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		bool is_notice = begins(channel->address, CONTRACT_NOTICES "/");
		bool is_alert = begins(channel->address, CONTRACT_ALERTS "/");

		if ((is_notice && !contract->notices) || (is_alert && !contract->alerts))
			lint_add(lint, LINT_WARNING,
				 "%s: /channels/%s/address: nothing is published here; for %s "
				 "expected "
				 "%s, a receive operation and no send operation",
				 path, channel->name, is_notice ? "notices" : "alerts",
				 is_notice ? CONTRACT_NOTICES "/{principal}/{clientId}"
					   : CONTRACT_ALERTS "/{kind}");
		if (begins(channel->address, "$CONTROL/") && channel->send.name &&
		    channel->send.alternative_count == 0)
			lint_add(lint, LINT_WARNING,
				 "%s: /x-broker-topics/%s: every client may give commands; "
				 "expected \"security\"",
				 path, channel->name);
	}
}
