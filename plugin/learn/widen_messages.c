#include "learn/widen_messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "learn/channelof.h"
#include "learn/learned.h"
#include "learn/naming.h"
#include "learn/schemaof.h"
#include "learn/widen_schema.h"

/* ---- what the given contract says ---------------------------------------------------------- */

static bool is_json(const struct config *message)
{
	const char *type = widen_text(message, "contentType");

	return config_member(message, "payload") && (!type || strstr(type, "json"));
}

static bool is_text(const struct config *message)
{
	const char *type = widen_text(message, "contentType");

	return type && strncmp(type, "text/", 5) == 0;
}

static bool is_binary(const struct config *message)
{
	const char *type = widen_text(message, "contentType");

	return type && strcmp(type, "application/octet-stream") == 0;
}

/* The constant that @message has for member @name, or NULL. */
static const struct config *constant_of(const struct config *message, const char *name)
{
	const struct config *schema =
		config_member(config_member(message, "payload"), "properties");

	return config_member(config_member(schema, name), "const");
}

const char *widen_kind_member(const struct config *messages)
{
	const struct config *first = NULL;
	size_t count = 0;

	config_foreach_member(message, messages) {
		if (!is_json(message))
			continue;
		first = first ? first : message;
		count++;
	}
	if (count < 2)
		return NULL;
	config_foreach_member(member,
			      config_member(config_member(first, "payload"), "properties")) {
		size_t same = 0;

		config_foreach_member(message, messages)
			same += is_json(message) && constant_of(message, member->key);
		if (same == count)
			return member->key;
	}
	return NULL;
}

/* ---- widening ------------------------------------------------------------------------------ */

struct widening {
	struct learned *learned;
	const struct observed *observed;
	struct draft *messages;
	const struct config *old; /* the messages */
};

static void widen_payload(const struct widening *widening, const struct config *message,
			  const struct shape_seen *shape)
{
	struct maker *maker = &widening->learned->maker;
	struct draft *made = draft_get(&maker->drafts, widening->messages, message->key);

	if (config_member(message, "payload"))
		widen_schema(maker, &widening->learned->scribe,
			     draft_get(&maker->drafts, made, "payload"),
			     config_member(message, "payload"), shape);
}

/* The first message that @test is true of; NULL: there is none. */
static const struct config *find(const struct widening *widening,
				 bool (*test)(const struct config *message))
{
	config_foreach_member(message, widening->old)
		if (test(message))
			return message;
	return NULL;
}

/* The message whose constant @value is; NULL: there is none. */
static const struct config *find_kind(const struct widening *widening, const char *value)
{
	config_foreach_member(message, widening->old) {
		const struct config *constant =
			constant_of(message, widening->observed->kind_member);

		if (is_json(message) && constant && config_is(constant, value))
			return message;
	}
	return NULL;
}

static void add_kind(const struct widening *widening, const struct shape_seen *shape,
		     const char *kind)
{
	struct maker *maker = &widening->learned->maker;
	char name[NAMING_MAX], count[MAKER_COUNT_MAX];
	size_t len;

	naming_word(kind ? kind : widening->observed->key, name);
	len = strlen(name);
	for (unsigned i = 2; draft_get(&maker->drafts, widening->messages, name); i++)
		(void)snprintf(name + len, sizeof(name) - len, "%u", i);
	channelof_kind(maker, widening->messages, widening->observed, name, shape, kind);
	widen_note(maker, widening->messages, name, "new, %s",
		   maker_count(count, shape->count, "message"));
}

static void widen_kinds(const struct widening *widening)
{
	const struct observed *observed = widening->observed;

	for (size_t i = 0; i < observed->kind.count; i++) {
		const struct texttable_entry *kind = observed->kind.entry[i];
		const struct config *message = find_kind(widening, kind->text);

		if (message)
			widen_payload(widening, message, kind->value);
		else
			add_kind(widening, kind->value, kind->text);
	}
}

static bool is_open(const struct config *message)
{
	return !config_member(message, "payload") && !config_member(message, "contentType");
}

/* A JSON message beside texts, which from now on are what is no JSON. */
static void add_json(const struct widening *widening, const struct config *text)
{
	struct maker *maker = &widening->learned->maker;
	const struct config *schema = text ? config_member(text, "payload") : NULL;
	struct draft *made;

	add_kind(widening, &widening->observed->json, NULL);
	if (!schema || config_member(schema, "enum") || config_member(schema, "pattern"))
		return;
	made = draft_get(&maker->drafts, widening->messages, text->key);
	schemaof_put_no_json(maker, draft_get(&maker->drafts, made, "payload"));
}

static void widen_all(const struct widening *widening)
{
	const struct observed *observed = widening->observed;
	struct maker *maker = &widening->learned->maker;
	const struct config *json = find(widening, is_json), *text = find(widening, is_text);

	if (observed->kind_member)
		widen_kinds(widening);
	else if (observed->json.count > 0 && json)
		widen_payload(widening, json, &observed->json);
	else if (observed->json.count > 0)
		add_json(widening, text);
	if (observed->text.count > 0 && text) {
		widen_payload(widening, text, &observed->text);
	} else if (observed->text.count > 0) {
		channelof_text(maker, widening->messages, observed,
			       json || observed->json.count > 0);
		widen_note(maker, widening->messages, "text", "new");
	}
	if (observed->binary > 0 && !find(widening, is_binary)) {
		channelof_binary(maker, widening->messages, observed);
		widen_note(maker, widening->messages, "binary", "new");
	}
	if (observed->empty > 0 && !find(widening, is_open)) {
		channelof_empty(maker, widening->messages, observed);
		widen_note(maker, widening->messages, "empty", "new");
	}
}

/* A channel without messages, or with one that says nothing, takes any. */
void widen_messages(struct learned *learned, struct draft *messages,
		    const struct observed *observed)
{
	const struct widening widening = { learned, observed, messages,
					   config_member(observed->given, "messages") };
	size_t count = config_count(widening.old);

	if (count > 1 || (count == 1 && !find(&widening, is_open)))
		widen_all(&widening);
}
