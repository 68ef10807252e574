/* rules_schemas.c -- the contract's documents as the schema engine has them, and the schemas of
 * messages. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "gate/rules_internal.h"
#include "gate/rules_made.h"

/* A schema's URI and who wants it, to be sorted so that each schema is compiled once. */
struct wanted {
	const char *uri;
	const struct schema **place;
};

static int by_uri(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->uri, ((const struct wanted *)b)->uri);
}

/* A file that is no AsyncAPI document is written in what the schemas are that refer to it. */
static enum schema_dialect dialect_of(const json_t *document)
{
	return json_object_get(document, "asyncapi") ? SCHEMA_ASYNCAPI : SCHEMA_UNSAID;
}

/* Does some reference lead to a member "operations", or may it, as it is percent-encoded? */
static bool refers_to_operations(const struct config *value)
{
	const char *text =
		value->key && strcmp(value->key, "$ref") == 0 ? config_string(value) : NULL;

	if (text)
		return strstr(text, "operations") || strchr(text, '%');
	config_foreach(child, value)
		if (refers_to_operations(child))
			return true;
	return false;
}

/*
 * The document as the schema engine reads it. In a large one a third are operations, in which no
 * schema stands: they are left out.
 */
static json_t *document_json(const struct config *root, bool has_operations)
{
	json_t *json =
		has_operations || root->kind != CONFIG_OBJECT ? config_json(root) : json_object();

	if (has_operations || root->kind != CONFIG_OBJECT)
		return json;
	config_foreach_member(member, root) {
		json_t *made;

		if (strcmp(member->key, "operations") == 0)
			continue;
		made = config_json(member);
		if (made && json_object_set_new_nocheck(json, member->key, made) == 0)
			continue;
		json_decref(json);
		return NULL;
	}
	return json;
}

static int add_documents(const struct contract *contract, struct schema_set *set, struct diag *diag)
{
	const struct sources *sources = &contract->sources;
	bool has_operations = false;
	int rc = 0;

	for (size_t i = 0; i < sources->count && !has_operations; i++)
		has_operations = sources->file[i]->original &&
				 refers_to_operations(sources->file[i]->original);
	for (size_t i = 0; rc == 0 && i < sources->count; i++) {
		const struct sources_file *file = sources->file[i];
		json_t *json;

		if (!file->original)
			continue;
		json = document_json(file->original, has_operations);
		rc = json ? schema_set_add(set, file->uri, file->name, json, dialect_of(json), diag)
			  : diag_nomem(diag);
		json_decref(json);
	}
	return rc ? rc : rules_add_made(sources, set, diag);
}

enum schema_dialect rules_dialect(enum contract_dialect dialect)
{
	static const enum schema_dialect dialects[] = {
		[CONTRACT_UNSAID] = SCHEMA_UNSAID,
		[CONTRACT_DRAFT_04] = SCHEMA_DRAFT_04,
		[CONTRACT_DRAFT_06] = SCHEMA_DRAFT_06,
		[CONTRACT_DRAFT_07] = SCHEMA_DRAFT_07,
		[CONTRACT_DRAFT_2019_09] = SCHEMA_DRAFT_2019_09,
		[CONTRACT_DRAFT_2020_12] = SCHEMA_DRAFT_2020_12,
		[CONTRACT_ASYNCAPI] = SCHEMA_ASYNCAPI,
		[CONTRACT_OPENAPI_30] = SCHEMA_OPENAPI_30,
	};

	return dialects[dialect];
}

/* What "schemaFormat" says. */
static int mark_schemas(struct rules *rules, struct schema_set *set, struct diag *diag)
{
	struct diag text;
	int first = 0;

	for (size_t i = 0; i < rules->contract->mark_count && first != ERR_NOMEM; i++) {
		const struct contract_mark *mark = &rules->contract->mark[i];
		int rc = schema_set_mark(set, mark->uri, rules_dialect(mark->dialect), &text);

		if (rc)
			rules_add_error(rules, rc, &text, &first, diag);
	}
	return first;
}

static void add_warnings(struct rules *rules, const struct schema *schema)
{
	const char *text;

	for (size_t i = 0; (text = schema_warning(schema, i)); i++)
		rules_add_warning(rules, text);
}

static int compile_wanted(struct rules *rules, struct schema_set *set, const struct wanted *wanted,
			  size_t count, struct diag *diag)
{
	const struct schema_options options = { .assert_format = true,
						.max_bytes = rules->payload_max,
						.checks_examples = rules->parts->checks_examples,
						.dialect = SCHEMA_ASYNCAPI };
	struct rules_parts *parts = rules->parts;
	struct diag text;
	int first = 0;

	for (size_t i = 0; i < count && first != ERR_NOMEM; i++) {
		bool is_same = i > 0 && strcmp(wanted[i].uri, wanted[i - 1].uri) == 0;
		int rc = 0;

		if (!is_same)
			rc = schema_compile(set, wanted[i].uri, &options,
					    &parts->schema[parts->schema_count], &text);
		if (rc)
			rules_add_error(rules, rc, &text, &first, diag);
		else if (!is_same)
			add_warnings(rules, parts->schema[parts->schema_count++]);
		if (first)
			continue; /* only to find what else is wrong */
		*wanted[i].place = parts->schema[parts->schema_count - 1];
	}
	return first;
}

#define WANTED_OF_MESSAGE 4u /* schemas at most */

/* The schemas of a message, added to the @count in @wanted. Returns how many there are then. */
static size_t want(const struct contract_message *message, struct rules_message *its,
		   struct wanted *wanted, size_t count)
{
	const struct contract_properties *rules = message->properties;

	if (message->schema_uri)
		wanted[count++] = (struct wanted){ message->schema_uri, &its->schema };
	if (!rules)
		return count;
	if (rules->headers_uri)
		wanted[count++] = (struct wanted){ rules->headers_uri, &its->headers };
	if (rules->correlation_uri)
		wanted[count++] = (struct wanted){ rules->correlation_uri, &its->correlation };
	if (rules->response_uri)
		wanted[count++] = (struct wanted){ rules->response_uri, &its->response_topic };
	return count;
}

static size_t want_all(struct rules *rules, struct wanted *wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			count = want(&channel->message[m],
				     &rules->parts->message[channel->message[m].index], wanted,
				     count);
	}
	return count;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool are_same_properties(const struct contract_properties *a,
				const struct contract_properties *b)
{
	if (!a || !b)
		return a == b;
	return is_same(a->headers_uri, b->headers_uri) &&
	       is_same(a->correlation_header, b->correlation_header) &&
	       is_same(a->correlation_pointer, b->correlation_pointer) &&
	       is_same(a->correlation_uri, b->correlation_uri) &&
	       is_same(a->content_type, b->content_type) &&
	       is_same(a->response_topic, b->response_topic) &&
	       is_same(a->response_uri, b->response_uri) && a->format == b->format;
}

/* Can no publish be the one message and not the other? What takes any bytes is the same, too. */
static bool are_twins(const struct rules *rules, const struct contract_message *a,
		      const struct contract_message *b)
{
	bool is_any = a->format >= CONTRACT_BINARY && b->format >= CONTRACT_BINARY;

	return (is_any || a->format == b->format) && a->is_cloudevents == b->is_cloudevents &&
	       a->has_payload == b->has_payload &&
	       rules->message[a->index].schema == rules->message[b->index].schema &&
	       are_same_properties(a->properties, b->properties);
}

static void describe_message(struct rules *rules, const struct contract_channel *channel,
			     const struct contract_message *message)
{
	struct rules_message *ret = &rules->parts->message[message->index];

	while (!are_twins(rules, &channel->message[ret->twin], message))
		ret->twin++;
	if (message->format == CONTRACT_TEXT && ret->schema)
		ret->types = schema_root_types(ret->schema);
}

static void describe_messages(struct rules *rules)
{
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			describe_message(rules, channel, &channel->message[m]);
	}
}

int rules_compile_schemas(struct rules *rules, struct diag *diag)
{
	size_t max = rules->contract->message_count * WANTED_OF_MESSAGE + 1;
	struct wanted *wanted = calloc(max, sizeof(*wanted));
	struct schema_set *set = NULL;
	size_t count;
	int rc = ERR_NOMEM, found;

	rules->parts->schema = calloc(max, sizeof(*rules->parts->schema));
	rules->parts->message =
		calloc(rules->contract->message_count + 1, sizeof(*rules->parts->message));
	rules->message = rules->parts->message;
	if (!wanted || !rules->parts->schema || !rules->message) {
		(void)diag_nomem(diag);
		goto out;
	}
	count = want_all(rules, wanted);
	qsort(wanted, count, sizeof(*wanted), by_uri);
	rc = schema_set_new(&set, diag);
	if (rc)
		goto out;
	rc = add_documents(rules->contract, set, diag);
	if (rc)
		goto out;
	rc = mark_schemas(rules, set, diag);
	if (rc == ERR_NOMEM)
		goto out;
	found = compile_wanted(rules, set, wanted, count, rc ? NULL : diag);
	rc = rc ? rc : found;
	if (rc == 0)
		describe_messages(rules);
out:
	schema_set_free(set);
	sources_forget_json(&rules->contract->sources);
#ifdef __GLIBC__
	malloc_trim(0); /* what loading took and gave back would cost each message's allocations */
#endif
	free(wanted);
	return rc;
}
