#include "broker/underway.h"

#include <stdlib.h>
#include <string.h>

#include "base/wordhash.h"

/*
 * Ticks until it is sure. Mosquitto 2.0 ticks between a client's packets and the next round, so the
 * first one says nothing.
 */
#define TURNS 2u

static uint64_t key_of(const struct underway *underway, const char *text)
{
	return wordhash(underway->seed, text, strlen(text));
}

void underway_clear(struct underway *underway)
{
	free(underway->answer);
	*underway = (struct underway){ .seed = underway->seed };
}

int underway_add(struct underway *underway, const char *client_id, const char *principal)
{
	if (underway->count == underway->cap) {
		size_t cap = underway->cap ? underway->cap * 2 : 8;
		struct underway_answer *more =
			realloc(underway->answer, cap * sizeof(*underway->answer));

		if (!more)
			return ERR_NOMEM;
		underway->answer = more;
		underway->cap = cap;
	}
	underway->answer[underway->count++] = (struct underway_answer){
		.client = key_of(underway, client_id),
		.owner = key_of(underway, principal),
	};
	return 0;
}

bool underway_is_others(const struct underway *underway, const char *client_id,
			const char *principal)
{
	uint64_t client, owner;

	if (underway->count == 0)
		return false;
	client = key_of(underway, client_id);
	owner = key_of(underway, principal);
	for (size_t i = 0; i < underway->count; i++)
		if (underway->answer[i].client == client && underway->answer[i].owner != owner)
			return true;
	return false;
}

void underway_turn(struct underway *underway)
{
	size_t kept = 0;

	for (size_t i = 0; i < underway->count; i++) {
		underway->answer[kept] = underway->answer[i];
		kept += ++underway->answer[kept].turns < TURNS;
	}
	underway->count = kept;
}
