/*
 * lint_joined.c -- what documents say of each other: receivers that expect other messages than are
 * sent, topics that two addresses have, and what no application or no role sends or receives.
 */
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "contract/level.h"
#include "ctl/lint.h"

const struct config *lint_operation(const struct contract *contract,
				    const struct contract_operation *operation)
{
	const struct config *root = contract->sources.file[operation->application]->root;
	const struct config *all = config_member(root, "operations");
	const struct config *at = config_member(all, operation->name);

	return at ? at : all ? all : root;
}

static const char *name_of(const struct contract *contract, unsigned application)
{
	return contract->application[application].name;
}

/* ---- messages ---------------------------------------------------------------------------- */

/* The messages of a channel, a bit for each; those that are the same have the bit of the first. */
static uint64_t bit_of(const struct lint *lint, const struct contract_message *message)
{
	return UINT64_C(1) << lint->rules->message[message->index].twin;
}

static uint64_t bits_of(const struct lint *lint, const struct contract_operation *operation)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < operation->message_count; i++)
		bits |= bit_of(lint, operation->message[i]);
	return bits;
}

/* Is it what a document's own application does, and not who talks to it? */
static bool is_own(const struct contract_operation *operation)
{
	return operation->party != CONTRACT_TALKS;
}

/* A message that some application sends. */
struct sent {
	const struct contract_message *message;
	unsigned application;
};

/* One that others than @reader send and is none of @known; its message is NULL where all are. */
static struct sent find_sent(const struct lint *lint, const struct contract_channel *channel,
			     unsigned reader, uint64_t known)
{
	for (size_t i = 0; i < channel->send_count; i++) {
		const struct contract_operation *operation = &channel->send[i];

		if (!is_own(operation) || operation->application == reader)
			continue;
		for (size_t m = 0; m < operation->message_count; m++)
			if (!(bit_of(lint, operation->message[m]) & known))
				return (struct sent){ operation->message[m],
						      operation->application };
	}
	return (struct sent){ .message = NULL };
}

/* All that applications send there. */
static uint64_t all_sent(const struct lint *lint, const struct contract_channel *channel)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < channel->send_count; i++)
		if (is_own(&channel->send[i]))
			bits |= bits_of(lint, &channel->send[i]);
	return bits;
}

static void add_unknown(struct lint *lint, const struct contract *contract,
			const struct contract_message *message, const struct sent *other)
{
	char place[LINT_PLACE_MAX];

	if (!other->message)
		lint_add_at(lint, LINT_WARNING, message->at,
			    "message \"%s\" is received, but no application sends it on these "
			    "topics",
			    message->name);
	else
		lint_add_at(lint, LINT_WARNING, message->at,
			    "message \"%s\" differs from \"%s\" at %s, which \"%s\" sends on these "
			    "topics: the sender's counts",
			    message->name, other->message->name,
			    lint_place(other->message->at, place),
			    name_of(contract, other->application));
}

/* Are the messages that @operation receives those that others send? */
static void check_receiver(struct lint *lint, const struct contract *contract,
			   const struct contract_channel *channel,
			   const struct contract_operation *operation)
{
	uint64_t known = bits_of(lint, operation), sent = all_sent(lint, channel);
	struct sent other = find_sent(lint, channel, operation->application, known);
	char place[LINT_PLACE_MAX];

	if (!find_sent(lint, channel, operation->application, 0).message)
		return; /* no other application sends there */
	for (size_t i = 0; i < operation->message_count; i++)
		if (!(bit_of(lint, operation->message[i]) & sent))
			add_unknown(lint, contract, operation->message[i], &other);
	if (other.message && (known & ~sent) == 0)
		lint_add_at(lint, LINT_WARNING, lint_operation(contract, operation),
			    "gets \"%s\" at %s as well, which \"%s\" sends on these topics: its "
			    "messages do not limit what is delivered",
			    other.message->name, lint_place(other.message->at, place),
			    name_of(contract, other.application));
}

/* ---- both ends --------------------------------------------------------------------------- */

static bool has_own(const struct contract_operation *operation, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_own(&operation[i]))
			return true;
	return false;
}

/* Does some role give what one of the operations asks for, or is it anybody's? */
static bool is_given(const struct rules *rules, const struct contract_operation *operation,
		     size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (operation[i].party == CONTRACT_ANYBODY ||
		    (rules->admits && !grantset_is_empty(rules->admits[operation[i].index])))
			return true;
	return false;
}

/* Topics of one application at whose other end no document's application is. */
struct lonely {
	size_t count;
	const struct contract_channel *first;
};

struct ends {
	struct lonely sent[SOURCES_DOCUMENTS_MAX], received[SOURCES_DOCUMENTS_MAX];
};

static void add_lonely(struct lonely *lonely, const struct contract_channel *channel)
{
	if (lonely->count++ == 0)
		lonely->first = channel;
}

static void say_lonely(struct lint *lint, const struct lonely *lonely, unsigned application,
		       const char *what)
{
	const struct contract *contract = lint->rules->contract;
	char others[64] = "";

	if (lonely->count == 0)
		return;
	if (lonely->count > 1)
		(void)snprintf(others, sizeof(others), " (so with %zu more of its topics)",
			       lonely->count - 1);
	lint_add_at(lint, LINT_WARNING, contract_channel_at(contract, lonely->first),
		    "no document's application %s%s: only who talks to \"%s\" may", what, others,
		    name_of(contract, application));
}

/* Without an access file it is known only of several documents who is at the other end. */
static void check_end(struct lint *lint, const struct contract_channel *channel, bool is_send,
		      struct ends *ends)
{
	const struct rules *rules = lint->rules;
	const struct contract *contract = rules->contract;
	const struct contract_operation *operation = is_send ? channel->send : channel->receive;
	size_t count = is_send ? channel->send_count : channel->receive_count;

	if (count == 0)
		return; /* said already */
	if (rules->access && !is_given(rules, operation, count))
		lint_add_at(lint, LINT_WARNING, contract_channel_at(contract, channel),
			    "no role may %s: none \"is\" or \"talksTo\" an application that does",
			    is_send ? "publish there" : "receive it");
	else if (!rules->access && contract->application_count > 1 && !has_own(operation, count))
		add_lonely(is_send ? &ends->received[operation->application]
				   : &ends->sent[operation->application],
			   channel);
}

/* Does some role name the application? */
static bool is_named(const struct access *access, unsigned application)
{
	const struct access_grant *grant;

	for (size_t i = 0; (grant = access_grant(access, i)); i++)
		if (grant->application == application)
			return true;
	return false;
}

/* Applications that no role names: one line each. Returns how many roles do name. */
static size_t check_named(struct lint *lint)
{
	const struct contract *contract = lint->rules->contract;
	size_t named = 0;

	for (unsigned i = 0; i < contract->application_count; i++) {
		const struct contract_application *application = &contract->application[i];

		if (application->is_client || is_named(lint->rules->access, i))
			named++;
		else if (application->operation_count > 0)
			lint_add_at(lint, LINT_WARNING,
				    config_member(contract->sources.file[i]->root, "operations"),
				    "no role \"is\" or \"talksTo\" \"%s\": nobody may do what they "
				    "say",
				    application->name);
	}
	return named;
}

/* ---- addresses --------------------------------------------------------------------------- */

struct overlap {
	struct lint *lint;
	const struct contract_channel *channel;
};

/* Topics of ours that another document's channel has, since its address is preferred. */
static bool add_overlap(const struct contract_match *match, void *ctx)
{
	const struct overlap *overlap = ctx;
	const struct contract *contract = overlap->lint->rules->contract;
	const struct contract_channel *ours = overlap->channel, *other = match->channel;
	char place[LINT_PLACE_MAX];

	if (other == ours || other->application == ours->application ||
	    !level_is_beaten(ours->address, other->address))
		return false;
	lint_add_at(overlap->lint, LINT_WARNING, contract_channel_at(contract, ours),
		    "topics that \"%s\" of \"%s\" at %s has, too, are that channel's: its address "
		    "is preferred to \"%s\"",
		    other->address, name_of(contract, other->application),
		    lint_place(contract_channel_at(contract, other), place), ours->address);
	return false;
}

/* The filter that reaches all topics of @address, which has no wildcards in parts of levels. */
static void write_filter(const char *address, char ret[static LEVEL_BYTES_MAX])
{
	const char *slash = "";
	size_t used = 0;
	struct level level;

	while (address) {
		level_read(&address, &level);
		used += (size_t)snprintf(ret + used, LEVEL_BYTES_MAX - used, "%s%.*s", slash,
					 level.kind == LEVEL_TEXT ? (int)level.len : 1,
					 level.kind == LEVEL_TEXT   ? level.text
					 : level.kind == LEVEL_REST ? "#"
								    : "+");
		slash = "/";
		if (used >= LEVEL_BYTES_MAX)
			return;
	}
}

static void check_overlaps(struct lint *lint, const struct contract_channel *channel)
{
	struct overlap overlap = { lint, channel };
	char filter[LEVEL_BYTES_MAX] = "";

	write_filter(channel->address, filter);
	(void)topics_reach(lint->rules->contract->topics, filter, strlen(filter), add_overlap,
			   &overlap);
}

/* ---- all of it --------------------------------------------------------------------------- */

static void check_channel(struct lint *lint, const struct contract_channel *channel, bool has_ends,
			  struct ends *ends)
{
	const struct contract *contract = lint->rules->contract;

	if (contract->application_count > 1) {
		check_overlaps(lint, channel);
		for (size_t i = 0; i < channel->receive_count; i++)
			if (is_own(&channel->receive[i]))
				check_receiver(lint, contract, channel, &channel->receive[i]);
	}
	if (!has_ends)
		return;
	check_end(lint, channel, true, ends);
	check_end(lint, channel, false, ends);
}

void lint_joined(struct lint *lint)
{
	const struct contract *contract = lint->rules->contract;
	bool has_ends = !lint->rules->access || check_named(lint) > 0;
	struct ends ends = { .sent = { { 0 } } };

	for (size_t i = 0; i < contract->channel_count; i++)
		if (contract->channel[i].address[0] != '$')
			check_channel(lint, &contract->channel[i], has_ends, &ends);
	for (unsigned i = 0; i < contract->application_count; i++) {
		say_lonely(lint, &ends.received[i], i, "publishes there");
		say_lonely(lint, &ends.sent[i], i, "receives it");
	}
}
