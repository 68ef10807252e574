/* rules_schemas.c -- the contract's documents as the schema engine has them, and the schemas of
 * messages. */
#include <stdlib.h>
#include <string.h>

#include "gate/rules_documents.h"
#include "gate/rules_internal.h"

/* Units of work (schema.h) to find that two messages are the same, and all of the contract's. */
#define TWINS_WORK INT64_C(1000000)
#define TWINS_ALL_WORK INT64_C(200000000)

static int by_uri(const void *a, const void *b)
{
	return strcmp(((const struct rules_wanted *)a)->uri, ((const struct rules_wanted *)b)->uri);
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

/* What "schemaFormat" says of the schemas in @set. */
static int mark_schemas(struct rules *rules, const struct rules_documents *documents,
			struct schema_set *set, struct diag *diag)
{
	struct diag text;
	int first = 0;

	for (size_t i = 0; i < rules->contract->mark_count && first != ERR_NOMEM; i++) {
		const struct contract_mark *mark = &rules->contract->mark[i];
		int rc = 0;

		if (rules_documents_has(documents, mark->uri))
			rc = schema_set_mark(set, mark->uri, rules_dialect(mark->dialect), &text);
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

/* Compiles wanted[from] and those behind it before wanted[end]. */
static int compile_wanted(struct rules *rules, struct schema_set *set,
			  const struct rules_wanted *wanted, size_t from, size_t end,
			  struct diag *diag)
{
	const struct schema_options options = { .assert_format = true,
						.max_bytes = rules->payload_max,
						.checks_examples = rules->parts->checks_examples,
						.dialect = SCHEMA_ASYNCAPI };
	struct rules_parts *parts = rules->parts;
	struct diag text;
	int first = 0;

	for (size_t i = from; i < end && first != ERR_NOMEM; i++) {
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
		   struct rules_wanted *wanted, size_t count)
{
	const struct contract_properties *rules = message->properties;

	if (message->schema_uri)
		wanted[count++] = (struct rules_wanted){ message->schema_uri, &its->schema };
	if (!rules)
		return count;
	if (rules->headers_uri)
		wanted[count++] = (struct rules_wanted){ rules->headers_uri, &its->headers };
	if (rules->correlation_uri)
		wanted[count++] =
			(struct rules_wanted){ rules->correlation_uri, &its->correlation };
	if (rules->response_uri)
		wanted[count++] =
			(struct rules_wanted){ rules->response_uri, &its->response_topic };
	return count;
}

static size_t want_all(struct rules *rules, struct rules_wanted *wanted)
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
	return is_same(a->correlation_header, b->correlation_header) &&
	       is_same(a->correlation_pointer, b->correlation_pointer) &&
	       is_same(a->content_type, b->content_type) &&
	       is_same(a->response_topic, b->response_topic) && a->format == b->format;
}

static bool are_same_schemas(const struct rules_message *a, const struct rules_message *b,
			     int64_t *work)
{
	return schema_is_same(a->schema, b->schema, work) &&
	       schema_is_same(a->headers, b->headers, work) &&
	       schema_is_same(a->correlation, b->correlation, work) &&
	       schema_is_same(a->response_topic, b->response_topic, work);
}

/* Can no publish be the one message and not the other? What takes any bytes is the same, too. */
static bool are_twins(const struct rules *rules, const struct contract_message *a,
		      const struct contract_message *b, int64_t *work)
{
	bool is_any = a->format >= CONTRACT_BINARY && b->format >= CONTRACT_BINARY;
	int64_t left = *work < TWINS_WORK ? *work : TWINS_WORK, before = left;
	bool ret = a == b ||
		   ((is_any || a->format == b->format) && a->is_cloudevents == b->is_cloudevents &&
		    a->has_payload == b->has_payload &&
		    are_same_properties(a->properties, b->properties) &&
		    are_same_schemas(&rules->message[a->index], &rules->message[b->index], &left));

	*work -= before - left;
	return ret;
}

static void describe_message(struct rules *rules, const struct contract_channel *channel,
			     const struct contract_message *message, int64_t *work)
{
	struct rules_message *ret = &rules->parts->message[message->index];

	while (!are_twins(rules, &channel->message[ret->twin], message, work))
		ret->twin++;
	if (message->format == CONTRACT_TEXT && ret->schema)
		ret->types = schema_root_types(ret->schema);
}

static void describe_messages(struct rules *rules)
{
	int64_t work = TWINS_ALL_WORK;

	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		for (size_t m = 0; m < channel->message_count; m++)
			describe_message(rules, channel, &channel->message[m], &work);
	}
}

/* Compiles @count schemas of @wanted from wanted[from] on. */
static int compile_part(struct rules *rules, struct rules_documents *documents,
			const struct rules_wanted *wanted, size_t from, size_t count,
			struct diag *diag)
{
	struct schema_set *set = NULL;
	int found, rc = schema_set_new(&set, diag);

	if (rc == 0)
		rc = rules_documents_add(documents, from, count, set, diag);
	if (rc)
		goto out;
	rc = mark_schemas(rules, documents, set, diag);
	if (rc == ERR_NOMEM)
		goto out;
	found = compile_wanted(rules, set, wanted, from, from + count, rc ? NULL : diag);
	rc = rc ? rc : found;
out:
	schema_set_free(set);
	return rc;
}

static int compile_parts(struct rules *rules, const struct rules_wanted *wanted, size_t count,
			 struct diag *diag)
{
	struct rules_documents *documents = NULL;
	size_t from = 0;
	int first = rules_documents_new(rules->contract, wanted, count, &documents, diag);

	if (first)
		return first;
	do { /* without any schema, too: the documents may have faults */
		size_t part = rules_documents_part(documents, from);
		int rc = compile_part(rules, documents, wanted, from, part, first ? NULL : diag);

		first = first && rc != ERR_NOMEM ? first : rc;
		from += part;
	} while (from < count && first != ERR_NOMEM);
	rules_documents_free(documents);
	return first;
}

int rules_compile_schemas(struct rules *rules, struct diag *diag)
{
	size_t max = rules->contract->message_count * WANTED_OF_MESSAGE + 1;
	struct rules_wanted *wanted = calloc(max, sizeof(*wanted));
	size_t count;
	int rc = ERR_NOMEM;

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
	rc = compile_parts(rules, wanted, count, diag);
	if (rc == 0)
		describe_messages(rules);
out:
	sources_forget_json(&rules->contract->sources);
	free(wanted);
	return rc;
}
