/*
 * login_scram.c -- logins by SCRAM-SHA-256: open exchanges, and how many a peer may have.
 */
#include <string.h>

#include "broker/login_internal.h"

static struct login_exchange *find(struct login *login, const void *handle)
{
	for (size_t i = 0; i < LOGIN_EXCHANGES; i++)
		if (login->exchange[i].handle == handle)
			return &login->exchange[i];
	return NULL;
}

static void end(struct login_exchange *exchange)
{
	scram_drop(exchange->scram);
	*exchange = (struct login_exchange){ 0 };
}

static struct login_exchange *find_open(struct login *login, const void *handle)
{
	return handle ? find(login, handle) : NULL;
}

bool login_is_begun(struct login *login, const void *handle)
{
	return find_open(login, handle) != NULL;
}

void login_abandon(struct login *login, const void *handle)
{
	struct login_exchange *exchange = find_open(login, handle);

	if (exchange)
		end(exchange);
	if (handle && login->pending)
		pending_logins_forget(login->pending, handle, NULL);
}

/* How many exchanges are of @peer's; the oldest of them in *ret. */
static size_t count_of(struct login *login, const struct peer *peer, struct login_exchange **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < LOGIN_EXCHANGES; i++) {
		struct login_exchange *exchange = &login->exchange[i];

		if (!exchange->handle || !peer_is_same(&exchange->peer, peer))
			continue;
		if (count++ == 0 || exchange->begun < (*ret)->begun)
			*ret = exchange;
	}
	return count;
}

/* The oldest of the peer that has most, where all places are taken. */
static struct login_exchange *find_most(struct login *login)
{
	struct login_exchange *most = NULL;
	size_t max = 0;

	for (size_t i = 0; i < LOGIN_EXCHANGES; i++) {
		struct login_exchange *oldest = NULL;
		size_t count = count_of(login, &login->exchange[i].peer, &oldest);

		if (count < max || (count == max && oldest->begun >= most->begun))
			continue;
		most = oldest;
		max = count;
	}
	return most;
}

/* A place for an exchange of @peer's: of its own ones, where it has its share. */
static struct login_exchange *take_place(struct login *login, const struct peer *peer)
{
	struct login_exchange *oldest = NULL, *free = find(login, NULL);
	size_t count = count_of(login, peer, &oldest);

	if (peer->kind == PEER_UNKNOWN || count < LOGIN_EXCHANGES_OF_PEER) {
		if (free)
			return free;
		oldest = find_most(login);
	}
	end(oldest);
	return oldest;
}

bool login_begin(struct login *login, const struct rules *rules,
		 const struct login_request *request, const struct login_message *message,
		 struct login_answer *ret)
{
	struct login_try try = login_try(login, rules, request, ret);
	struct peer sharer = login_sharer(&try);
	struct scram_login *scram = NULL;
	struct login_exchange *exchange;

	ret->method = LOGIN_SCRAM;
	login_abandon(login, request->handle);
	login_forget_waiting(&try);
	if (!login_may_try(&try))
		return false;
	if (!rules->scram)
		return login_refuse(ret, "there is no SCRAM file");
	if (scram_begin(rules->scram, message->data, message->len, NULL, &scram, message->reply,
			&ret->why)) {
		login_count_failure(&try);
		return false;
	}
	exchange = take_place(login, &sharer);
	*exchange = (struct login_exchange){
		.handle = request->handle,
		.peer = sharer,
		.scram = scram,
		.entry = login_entry(login_scram_entry(rules, scram_user(scram))),
		.begun = ++login->exchanges,
	};
	return true;
}

/* @username: of the CONNECT, which need not repeat the name in the messages. */
static bool prove(const struct login_try *try, const struct login_message *message,
		  const struct login_exchange *exchange, const char *username)
{
	struct login_answer *answer = try->answer;
	const char *user = scram_user(exchange->scram);

	if (scram_finish(exchange->scram, message->data, message->len, message->reply,
			 &answer->why))
		return false;
	if (login_has_text(username) && strcmp(username, user) != 0)
		return login_refuse(answer, "the proof is for %s", user);
	if (!login_find_principal(try, user))
		return false;
	answer->entry = login_entry(login_scram_entry(try->rules, user));
	return answer->entry == exchange->entry ||
	       login_refuse(answer, "the user's SCRAM keys were changed meanwhile");
}

void login_finish(struct login *login, const struct rules *rules,
		  const struct login_request *request, const struct login_message *message,
		  struct login_answer *ret)
{
	struct login_exchange *exchange = find_open(login, request->handle);
	struct login_request named = *request;
	struct login_try try = login_try(login, rules, &named, ret);

	ret->method = LOGIN_SCRAM;
	if (!exchange) {
		(void)login_refuse(ret, "no exchange was begun");
		return;
	}
	named.username = scram_user(exchange->scram);
	/* Again: guesses side by side are worth no more than one after the other. */
	if (login_is_unlocked(&try))
		login_finish_try(&try, prove(&try, message, exchange, request->username));
	end(exchange);
}
