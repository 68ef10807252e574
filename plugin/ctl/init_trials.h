/*
 * init_trials.h -- messages to try a new contract with: made from its examples and schemas, and
 * held against the decision itself.
 */
#ifndef PETSTORE_CTL_INIT_TRIALS_H
#define PETSTORE_CTL_INIT_TRIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/init_accounts.h"
#include "gate/gate.h"

#define INIT_TOPIC_MAX 1024u   /* bytes of a topic */
#define INIT_TRIALS_MAX 2u     /* one from each side */
#define INIT_PAYLOAD_MAX 4096u /* bytes of a payload: a command line is to be read */

struct init_trial {
	const struct init_account *publisher, *subscriber;
	const struct contract_channel *channel;
	char topic[INIT_TOPIC_MAX + 1];
	char *valid, *invalid; /* payloads; @invalid NULL: none is refused */
	enum reason why;       /* @invalid is refused */
	bool is_observed;      /* no: it is only reported */
	unsigned qos;
	bool is_retained;
};

struct init_trials {
	struct gate *gate;
	const struct init_accounts *accounts;
	uint16_t port;
	size_t count; /* 0: no message was found that the contract accepts */
	struct init_trial trial[INIT_TRIALS_MAX];
};

/*
 * Finds a message that one account may publish and another one gets, if there is one, and one
 * that goes the other way. @ret has gate, accounts and port.
 */
void init_trials_find(struct init_trials *ret);
/* May the account subscribe to @filter? */
bool init_trials_may_receive(const struct init_trials *trials, const struct init_account *account,
			     const char *filter);
void init_trials_clear(struct init_trials *trials);

#endif
