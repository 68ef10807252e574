/*
 * learned.h -- what is known of recordings, while a contract is learned from them.
 */
#ifndef PETSTORE_LEARN_LEARNED_H
#define PETSTORE_LEARN_LEARNED_H

#include "base/arena.h"
#include "base/config.h"
#include "learn/maker.h"
#include "learn/observed.h"

#define LEARNED_CHANNELS_MAX 4096u

/* What there is to say to a person. */
struct learned_summary {
	uint64_t messages;
	uint64_t system;  /* on topics that begin with $, which are the broker's: left out */
	uint64_t unnamed; /* on topics with { or } or controls, which no address can name: left out
			   */
	uint64_t broken;  /* that begin as JSON and are none, beside others that are: left out */
	struct traffic_passed passed;
	size_t channels;   /* with messages */
	bool has_nameless; /* some messages name no publisher */
	size_t schemes;    /* that publishing on new channels asks for; known once it was written */
	unsigned changes;  /* of the contract that was there: what was widened or added */
};

struct learned {
	const char *title;
	struct arena arena;
	struct maker maker;
	struct shape_scribe scribe;
	struct observed_reader reader;
	struct topictree tree;
	struct texttable key; /* of channels, those of the given contract included */
	size_t channels;
	struct observed *channel[LEARNED_CHANNELS_MAX];
	const char *scheme[LEARNED_CHANNELS_MAX]; /* that publishing asks for; NULL: none */
	struct config *given;                     /* the contract that was there; or NULL */
	char *given_text;
	size_t given_len;
	struct learned_summary summary;
};

#endif
