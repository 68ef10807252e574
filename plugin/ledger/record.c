#include "ledger/record.h"

#include <string.h>

/* A newer plugin reads both; numbers are what the second kind has more. */
enum { KIND_WRITE = 1, KIND_NUMBERED = 2 };

/*
 * Which numbers, of eight bytes each and in this order, follow the head: of properties and of the
 * names of message and peer their bytes; of the status before its column, times 2^32, and its
 * bytes. A record without a name is as an older plugin wrote it.
 */
enum {
	NUMBER_DIGEST = 1,
	NUMBER_REVISION = 2,
	NUMBER_PROPERTIES = 4,
	NUMBER_UNIQUE = 8,
	NUMBER_KIND = 16,
	NUMBER_PEER = 32,
	NUMBER_BEFORE = 64,
	NUMBERS_ALL = 127
};

enum {
	FLAG_RETAINED = 1,
	FLAG_UNRECORDED = 2,
	FLAG_OWNER = 4,
	FLAG_WILL = 8,
	FLAG_CORRECTION = 16,
	FLAG_ADOPTED = 32,
	FLAG_TAKEN_OVER = 64,
	FLAG_REPEAT = 128,
	FLAGS_ALL = 255
};

struct head {
	uint8_t kind;
	uint8_t flags;
	uint8_t qos;
	uint8_t value_count;
	uint32_t table;
	int64_t received_ms;
	uint32_t payload_len;
	uint16_t topic_len;
	uint16_t publisher_len;
	uint16_t client_id_len;
	uint16_t owner_len;
	uint16_t id_len;
	uint16_t numbers; /* 0 in KIND_WRITE */
};

/* In front of each value; texts follow it, numbers are in it. */
struct head_value {
	uint32_t column;
	uint32_t type;
	union {
		uint64_t len;
		int64_t integer;
		double real;
	} as;
};

static unsigned numbers_of(const struct record *r)
{
	return (r->digest ? NUMBER_DIGEST : 0) | (r->revision ? NUMBER_REVISION : 0) |
	       (r->properties.len ? NUMBER_PROPERTIES : 0) | (r->unique ? NUMBER_UNIQUE : 0) |
	       (r->kind.len ? NUMBER_KIND : 0) | (r->peer.len ? NUMBER_PEER : 0) |
	       (r->before_column ? NUMBER_BEFORE : 0);
}

size_t record_bytes(const struct record *r)
{
	size_t numbers = (size_t)(r->digest != 0) + (r->revision != 0) + (r->properties.len != 0) +
			 (r->unique != 0) + (r->kind.len != 0) + (r->peer.len != 0) +
			 (r->before_column != 0);
	size_t bytes = sizeof(struct head) + r->id.len + r->owner.len + r->topic.len +
		       r->publisher.len + r->client_id.len + r->payload.len + r->properties.len +
		       r->kind.len + r->peer.len + (r->before_column ? r->before.len : 0) +
		       numbers * sizeof(uint64_t);

	for (size_t i = 0; i < r->value_count; i++)
		bytes += sizeof(struct head_value) +
			 (r->value[i].type == VALUE_TEXT ? r->value[i].len : 0);
	return bytes;
}

__attribute__((cold)) static int fail_long(const char *what, size_t max, struct diag *diag)
{
	return diag_set(diag, ERR_LIMIT, "%s is longer than %zu bytes", what, max);
}

int record_check(const struct record *r, struct diag *diag)
{
	if (r->topic.len > UINT16_MAX)
		return fail_long("the topic", UINT16_MAX, diag);
	if (r->publisher.len > UINT16_MAX)
		return fail_long("the publisher's name", UINT16_MAX, diag);
	if (r->client_id.len > UINT16_MAX)
		return fail_long("the client id", UINT16_MAX, diag);
	if (r->owner.len > ENTITY_OWNER_MAX)
		return fail_long("the owner", ENTITY_OWNER_MAX, diag);
	if (r->id.len > ENTITY_ID_MAX)
		return fail_long("the id", ENTITY_ID_MAX, diag);
	if (r->payload.len > UINT32_MAX)
		return fail_long("the payload", UINT32_MAX, diag);
	if (r->properties.len > LEDGER_PROPERTIES_MAX)
		return fail_long("the properties", LEDGER_PROPERTIES_MAX, diag);
	if (r->kind.len > LEDGER_KIND_MAX)
		return fail_long("the message's name", LEDGER_KIND_MAX, diag);
	if (r->peer.len > LEDGER_PEER_MAX)
		return fail_long("the name at the peer", LEDGER_PEER_MAX, diag);
	if (r->before.len > ENTITY_STATUS_MAX)
		return fail_long("the status before", ENTITY_STATUS_MAX, diag);
	if (r->value_count > ENTITY_COLUMNS_MAX)
		return diag_set(diag, ERR_LIMIT, "more than %u values", ENTITY_COLUMNS_MAX);
	return 0;
}

static char *put(char *at, const void *data, size_t len)
{
	if (len > 0)
		memcpy(at, data, len);
	return at + len;
}

static char *put_value(char *at, const struct value *value)
{
	struct head_value head = { .column = value->column, .type = value->type };

	switch (value->type) {
	case VALUE_TEXT:
		head.as.len = value->len;
		break;
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		head.as.integer = value->integer;
		break;
	case VALUE_REAL:
		head.as.real = value->real;
		break;
	case VALUE_NULL:
		break;
	}
	at = put(at, &head, sizeof(head));
	return value->type == VALUE_TEXT ? put(at, value->text, value->len) : at;
}

static char *put_numbers(char *at, const struct record *r, unsigned numbers)
{
	if (numbers & NUMBER_DIGEST)
		at = put(at, &r->digest, sizeof(r->digest));
	if (numbers & NUMBER_REVISION)
		at = put(at, &r->revision, sizeof(r->revision));
	if (numbers & NUMBER_PROPERTIES) {
		uint64_t len = r->properties.len;

		at = put(at, &len, sizeof(len));
	}
	if (numbers & NUMBER_UNIQUE)
		at = put(at, &r->unique, sizeof(r->unique));
	if (numbers & NUMBER_KIND) {
		uint64_t len = r->kind.len;

		at = put(at, &len, sizeof(len));
	}
	if (numbers & NUMBER_PEER) {
		uint64_t len = r->peer.len;

		at = put(at, &len, sizeof(len));
	}
	if (numbers & NUMBER_BEFORE) {
		uint64_t before = (uint64_t)r->before_column << 32 | r->before.len;

		at = put(at, &before, sizeof(before));
	}
	return at;
}

void record_encode(const struct record *r, void *ret)
{
	const unsigned numbers = numbers_of(r);
	const struct head head = {
		.kind = numbers ? KIND_NUMBERED : KIND_WRITE,
		.flags = (uint8_t)((r->is_retained ? FLAG_RETAINED : 0) |
				   (r->is_unrecorded ? FLAG_UNRECORDED : 0) |
				   (r->owner.text ? FLAG_OWNER : 0) | (r->is_will ? FLAG_WILL : 0) |
				   (r->is_correction ? FLAG_CORRECTION : 0) |
				   (r->is_adopted ? FLAG_ADOPTED : 0) |
				   (r->is_taken_over ? FLAG_TAKEN_OVER : 0) |
				   (r->is_repeat ? FLAG_REPEAT : 0)),
		.qos = (uint8_t)r->qos,
		.value_count = (uint8_t)r->value_count,
		.table = r->table,
		.received_ms = r->received_ms,
		.payload_len = (uint32_t)r->payload.len,
		.topic_len = (uint16_t)r->topic.len,
		.publisher_len = (uint16_t)r->publisher.len,
		.client_id_len = (uint16_t)r->client_id.len,
		.owner_len = (uint16_t)r->owner.len,
		.id_len = (uint16_t)r->id.len,
		.numbers = (uint16_t)numbers,
	};
	char *at = put_numbers(put(ret, &head, sizeof(head)), r, numbers);

	at = put(at, r->id.text, r->id.len);
	at = put(at, r->owner.text, r->owner.len);
	at = put(at, r->topic.text, r->topic.len);
	at = put(at, r->publisher.text, r->publisher.len);
	at = put(at, r->client_id.text, r->client_id.len);
	at = put(at, r->payload.text, r->payload.len);
	at = put(at, r->properties.text, r->properties.len);
	at = put(at, r->kind.text, r->kind.len);
	at = put(at, r->peer.text, r->peer.len);
	if (numbers & NUMBER_BEFORE)
		at = put(at, r->before.text, r->before.len);
	for (size_t i = 0; i < r->value_count; i++)
		at = put_value(at, &r->value[i]);
}

/* What is left to read. */
struct record_source {
	const char *at;
	size_t left;
};

static bool take(struct record_source *source, size_t len, const char **ret)
{
	if (len > source->left)
		return false;
	*ret = source->at;
	source->at += len;
	source->left -= len;
	return true;
}

static bool take_text(struct record_source *source, size_t len, struct record_text *ret)
{
	ret->len = len;
	return take(source, len, &ret->text);
}

static bool take_value(struct record_source *source, struct value *ret)
{
	struct head_value head;
	const char *at;

	if (!take(source, sizeof(head), &at))
		return false;
	memcpy(&head, at, sizeof(head));
	*ret = (struct value){ .column = head.column, .type = head.type };
	switch (head.type) {
	case VALUE_TEXT:
		ret->len = (size_t)head.as.len;
		return take(source, ret->len, &ret->text);
	case VALUE_BOOLEAN:
	case VALUE_INTEGER:
		ret->integer = head.as.integer;
		return true;
	case VALUE_REAL:
		ret->real = head.as.real;
		return true;
	case VALUE_NULL:
		return true;
	default:
		return false;
	}
}

static bool take_number(struct record_source *source, bool is_there, uint64_t *ret)
{
	const char *at;

	*ret = 0;
	if (!is_there)
		return true;
	if (!take(source, sizeof(*ret), &at))
		return false;
	memcpy(ret, at, sizeof(*ret));
	return *ret != 0; /* 0 is never written */
}

static bool take_all(struct record_source *source, const struct head *head, struct record *ret)
{
	uint64_t properties_len, kind_len, peer_len, before;

	if (!take_number(source, head->numbers & NUMBER_DIGEST, &ret->digest) ||
	    !take_number(source, head->numbers & NUMBER_REVISION, &ret->revision) ||
	    !take_number(source, head->numbers & NUMBER_PROPERTIES, &properties_len) ||
	    !take_number(source, head->numbers & NUMBER_UNIQUE, &ret->unique) ||
	    !take_number(source, head->numbers & NUMBER_KIND, &kind_len) ||
	    !take_number(source, head->numbers & NUMBER_PEER, &peer_len) ||
	    !take_number(source, head->numbers & NUMBER_BEFORE, &before) ||
	    !take_text(source, head->id_len, &ret->id) ||
	    !take_text(source, head->owner_len, &ret->owner) ||
	    !take_text(source, head->topic_len, &ret->topic) ||
	    !take_text(source, head->publisher_len, &ret->publisher) ||
	    !take_text(source, head->client_id_len, &ret->client_id) ||
	    !take_text(source, head->payload_len, &ret->payload) ||
	    !take_text(source, (size_t)properties_len, &ret->properties) ||
	    !take_text(source, (size_t)kind_len, &ret->kind) ||
	    !take_text(source, (size_t)peer_len, &ret->peer) ||
	    !take_text(source, (uint32_t)before, &ret->before))
		return false;
	ret->before_column = (uint32_t)(before >> 32);
	if (ret->before.len > ENTITY_STATUS_MAX ||
	    ((head->numbers & NUMBER_BEFORE) && !ret->before_column))
		return false;
	if (!(head->flags & FLAG_OWNER) && head->owner_len > 0)
		return false;
	if (!(head->flags & FLAG_OWNER))
		ret->owner = (struct record_text){ NULL, 0 };
	for (size_t i = 0; i < ret->value_count; i++)
		if (!take_value(source, &ret->value[i]))
			return false;
	return source->left == 0;
}

int record_decode(const void *data, size_t len, struct value *value, struct record *ret,
		  struct diag *diag)
{
	struct record_source source = { data, len };
	struct head head;
	const char *at;

	if (!take(&source, sizeof(head), &at))
		return diag_set(diag, ERR_SYNTAX, "a record of %zu bytes is too short", len);
	memcpy(&head, at, sizeof(head));
	if (head.kind == KIND_WRITE)
		head.numbers = 0;
	if ((head.kind != KIND_WRITE && head.kind != KIND_NUMBERED) ||
	    (head.numbers & ~NUMBERS_ALL))
		return diag_set(diag, ERR_VERSION, "a record of kind %u, which this plugin lacks",
				head.kind);
	ret->table = head.table;
	ret->is_unrecorded = head.flags & FLAG_UNRECORDED;
	ret->is_retained = head.flags & FLAG_RETAINED;
	ret->is_will = head.flags & FLAG_WILL;
	ret->is_correction = head.flags & FLAG_CORRECTION;
	ret->is_adopted = head.flags & FLAG_ADOPTED;
	ret->is_taken_over = head.flags & FLAG_TAKEN_OVER;
	ret->is_repeat = head.flags & FLAG_REPEAT;
	ret->qos = head.qos;
	ret->received_ms = head.received_ms;
	ret->value_count = head.value_count;
	ret->value = value;
	if (head.value_count > ENTITY_COLUMNS_MAX || head.id_len > ENTITY_ID_MAX ||
	    head.owner_len > ENTITY_OWNER_MAX || !take_all(&source, &head, ret))
		return diag_set(diag, ERR_SYNTAX, "a record's parts do not add up to %zu bytes",
				len);
	return 0;
}
