#include "learn/observed.h"

#include <string.h>

#include "schema/payload_view.h"

static void add_counts(struct observed *observed, const struct traffic_message *message)
{
	if (observed->count == 0 || message->qos < observed->qos_low)
		observed->qos_low = message->qos;
	if (message->qos > observed->qos_high)
		observed->qos_high = message->qos;
	observed->count++;
	observed->retained += message->is_retained;
	observed->wills += message->is_will;
	if (message->bytes > observed->bytes)
		observed->bytes = message->bytes;
	if (message->second == 0)
		return;
	observed->in_second = message->second == observed->second ? observed->in_second + 1 : 1;
	observed->second = message->second;
	if (observed->in_second > observed->busiest)
		observed->busiest = observed->in_second;
}

static int add_publisher(struct observed_reader *reader, struct observed *observed,
			 const struct traffic_message *message)
{
	struct texttable_entry *entry;

	if (!message->publisher) {
		observed->has_nameless = true;
		return 0;
	}
	if (observed->publisher.count == OBSERVED_PUBLISHERS_MAX) {
		entry = texttable_find(&observed->publisher, &reader->scribe->hash,
				       message->publisher, message->publisher_len);
		observed->has_more_publishers |= !entry;
		return 0;
	}
	entry = texttable_add(&observed->publisher, reader->scribe->arena, &reader->scribe->hash,
			      message->publisher, message->publisher_len);
	if (!entry)
		return ERR_NOMEM;
	entry->count++;
	return 0;
}

/* ---- parameters ------------------------------------------------------------------------- */

static int add_value(struct observed_reader *reader, struct observed_param *param,
		     const struct traffic_message *message, const struct topictree_value *value)
{
	char alike[TOPICTREE_ALIKE_MAX], text[TOPICTREE_ALIKE_MAX];
	enum topictree_look look = TOPICTREE_ANY;
	struct texttable_entry *entry;

	param->own += message->publisher && message->publisher_len == value->len &&
		      memcmp(message->publisher, value->text, value->len) == 0;
	if (value->len > param->longest)
		param->longest = value->len;
	if (value->len < sizeof(text)) {
		memcpy(text, value->text, value->len);
		text[value->len] = '\0';
		look = topictree_look(text, value->len, alike);
	}
	if (!param->has_value) {
		param->has_value = true;
		param->look = look;
		param->alike = look == TOPICTREE_ALIKE
				       ? arena_text(reader->scribe->arena, alike, strlen(alike))
				       : "";
		if (!param->alike)
			return ERR_NOMEM;
	} else if (param->look != look ||
		   (look == TOPICTREE_ALIKE && strcmp(alike, param->alike) != 0)) {
		param->look = TOPICTREE_ANY;
	}
	if (param->has_many)
		return 0;
	entry = texttable_add(&param->value, reader->scribe->arena, &reader->scribe->hash,
			      value->text, value->len);
	if (!entry)
		return ERR_NOMEM;
	entry->count++;
	param->has_many = param->value.count > OBSERVED_VALUES_MAX;
	return 0;
}

/* Is @value, of a payload, the same text as the level of the topic? */
static bool is_same(const struct payload_value *value, const struct topictree_value *level)
{
	char number[NUMBER_TEXT_MAX];
	struct number read;
	const char *text = number;
	size_t len;

	if (!value)
		return false;
	if (!payload_string(value, &text, &len)) {
		if (!view_is(value, VIEW_INT))
			return false;
		view_number(value, view_kind(value), &read);
		text = number_print(&read, number);
		len = strlen(text);
	}
	return len == level->len && memcmp(text, level->text, len) == 0;
}

/* Members of the first payload that are the parameter's value. */
static int begin_locations(struct observed_reader *reader, struct observed_param *param,
			   const struct topictree_value *level, const struct payload_value *root)
{
	struct view_walk walk = view_walk(root);
	const struct payload_value *member;
	const char *name;
	size_t len;

	while ((member = view_member(&walk, &name, &len))) {
		if (param->locations == OBSERVED_LOCATIONS_MAX || !is_same(member, level))
			continue;
		name = arena_text(reader->scribe->arena, name, len);
		if (!name)
			return ERR_NOMEM;
		param->location[param->locations++] = name;
	}
	return 0;
}

/* Those that are not in this one are none. */
static void narrow_locations(struct observed_param *param, const struct topictree_value *level,
			     const struct payload_value *root)
{
	size_t kept = 0;

	for (size_t i = 0; i < param->locations; i++) {
		const char *name = param->location[i];

		if (is_same(payload_member(root, name, strlen(name)), level))
			param->location[kept++] = name;
	}
	param->locations = kept;
}

static int add_locations(struct observed_reader *reader, struct observed *observed,
			 const struct payload_value *root, const struct topictree_value *value)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < observed->param_count; i++) {
		struct observed_param *param = &observed->param[i];

		if (observed->objects == 0)
			rc = begin_locations(reader, param, &value[i], root);
		else
			narrow_locations(param, &value[i], root);
	}
	observed->objects++;
	return rc;
}

/* ---- payloads --------------------------------------------------------------------------- */

/* The payload as JSON, where it is an object, an array or a string; else NULL. */
static const struct payload_value *read_json(struct observed_reader *reader,
					     const struct traffic_message *message)
{
	struct payload_error error;
	const struct payload_value *root =
		payload_parse(reader->parser, message->payload, message->len, &error);

	return root && view_is(root, VIEW_OBJECT | VIEW_ARRAY | VIEW_STRING) ? root : NULL;
}

/* A payload that is a number or a word, as the plugin reads text/plain. */
static int add_text(struct observed_reader *reader, struct observed *observed,
		    const struct traffic_message *message)
{
	const unsigned want = PAYLOAD_TYPE_NUMBER | PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_BOOLEAN;
	struct payload_error error;
	const struct payload_value *root =
		payload_text(reader->parser, message->payload, message->len, want, &error);

	if (!root) {
		observed->binary++; /* too long for a text */
		return 0;
	}
	return shape_add(reader->scribe, &observed->text, root);
}

static int add_payload(struct observed_reader *reader, struct observed *observed,
		       const struct traffic_message *message, const struct topictree_value *value)
{
	const struct payload_value *root;
	int rc = 0;

	if (message->is_binary) {
		observed->binary++;
		return 0;
	}
	if (message->bytes == 0) {
		observed->empty++;
		return 0;
	}
	root = read_json(reader, message);
	if (!root && strchr("{[\"", message->payload[0])) {
		observed->broken++;
		return 0;
	}
	if (!root)
		return add_text(reader, observed, message);
	if (view_is(root, VIEW_OBJECT))
		rc = add_locations(reader, observed, root, value);
	return rc ? rc : shape_add(reader->scribe, &observed->json, root);
}

int observed_add(struct observed_reader *reader, struct observed *observed,
		 const struct traffic_message *message, const struct topictree_value *value)
{
	int rc = add_publisher(reader, observed, message);

	add_counts(observed, message);
	for (size_t i = 0; rc == 0 && i < observed->param_count; i++)
		rc = add_value(reader, &observed->param[i], message, &value[i]);
	return rc ? rc : add_payload(reader, observed, message, value);
}

/* ---- kinds and statuses ----------------------------------------------------------------- */

static bool is_location(const struct observed *observed, const char *name)
{
	for (size_t i = 0; i < observed->param_count; i++)
		for (size_t k = 0; k < observed->param[i].locations; k++)
			if (strcmp(observed->param[i].location[k], name) == 0)
				return true;
	return false;
}

/* A name that is mostly that of a kind: then it is tried before others. */
static bool is_kind_name(const char *name)
{
	static const char *const names[] = { "type",    "kind", "event", "action",
					     "command", "cmd",  "op",    "messageType" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Is the member always there, and one of few words? */
static bool is_word(const struct observed *observed, const struct texttable_entry *member)
{
	const struct shape_seen *shape = member->value;

	return shape->count == observed->json.objects && shape_is_choice(shape) &&
	       shape->types == PAYLOAD_TYPE_STRING && !is_location(observed, member->text);
}

int observed_settle(struct observed_reader *reader, struct observed *observed)
{
	const struct shape_seen *json = &observed->json;
	int rc = 0;

	if (json->count == 0 && observed->text.count == 0) {
		observed->binary += observed->broken; /* it is some format of its own */
		observed->broken = 0;
	}
	if (json->types != PAYLOAD_TYPE_OBJECT || json->is_deep)
		return 0;
	for (size_t i = 0; rc == 0 && i < json->member.count; i++) {
		const struct texttable_entry *member = json->member.entry[i];
		bool is_status = observed->status && strcmp(observed->status, member->text) == 0;

		if (!is_status && !is_word(observed, member))
			continue;
		if (!observed->given &&
		    (!observed->kind_member ||
		     (is_kind_name(member->text) && !is_kind_name(observed->kind_member))))
			observed->kind_member = member->text;
		if (observed->given
			    ? is_status
			    : observed->param_count == 1 && observed->objects == observed->count)
			rc = statuswalk_watch(reader->scribe, &observed->walk, member->text,
					      member->value);
	}
	return rc;
}

static int add_kind(struct observed_reader *reader, struct observed *observed,
		    const struct payload_value *root)
{
	const char *name = observed->kind_member, *text;
	struct texttable_entry *entry;
	size_t len;

	if (!payload_string(payload_member(root, name, strlen(name)), &text, &len))
		return 0;
	if (observed->kind.count == OBSERVED_KINDS_MAX)
		entry = texttable_find(&observed->kind, &reader->scribe->hash, text, len);
	else
		entry = texttable_add(&observed->kind, reader->scribe->arena, &reader->scribe->hash,
				      text, len);
	if (!entry)
		return observed->kind.count == OBSERVED_KINDS_MAX ? 0 : ERR_NOMEM;
	if (!entry->value)
		entry->value = arena_alloc(reader->scribe->arena, sizeof(struct shape_seen));
	return entry->value ? shape_add(reader->scribe, entry->value, root) : ERR_NOMEM;
}

int observed_follow(struct observed_reader *reader, struct observed *observed,
		    const struct traffic_message *message, const struct topictree_value *value)
{
	const struct payload_value *root;
	int rc;

	if ((!observed->kind_member && observed->walk.members == 0) || message->is_binary ||
	    message->bytes == 0)
		return 0;
	root = read_json(reader, message);
	if (!root || !view_is(root, VIEW_OBJECT))
		return 0;
	rc = observed->kind_member ? add_kind(reader, observed, root) : 0;
	if (rc || observed->walk.members == 0)
		return rc;
	return statuswalk_add(reader->scribe, &observed->walk, value[0].text, value[0].len, root);
}

/* Has the kind a member that no other one has? */
static bool has_own_member(const struct observed *observed, const struct shape_seen *kind)
{
	for (size_t i = 0; i < kind->member.count; i++) {
		const struct texttable_entry *member = kind->member.entry[i];
		size_t n = 0;

		for (size_t k = 0; k < observed->kind.count; k++) {
			const struct shape_seen *other = observed->kind.entry[k]->value;

			for (size_t m = 0; m < other->member.count; m++)
				n += other->member.entry[m]->hash == member->hash;
		}
		if (n == 1)
			return true;
	}
	return false;
}

void observed_finish(struct observed *observed)
{
	size_t without = 0;

	if (!observed->kind_member || observed->given)
		return;
	for (size_t i = 0; i < observed->kind.count; i++)
		without += !has_own_member(observed, observed->kind.entry[i]->value);
	if (without > 1 || observed->kind.count < 2)
		observed->kind_member = NULL;
}
