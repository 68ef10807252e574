/*
 * letters.h -- publishes refused messages to where their channel wants them (x-dead-letter).
 *
 * Limited for each channel that dead letters go to, by its x-limits: in their number and bytes per
 * second, which principals share (base/portions.h), and in the size of one. So a client that floods
 * has no more dead letters than others leave it. They are published at QoS 1, are never retained,
 * and go out with the broker's next round: no plugin judges them, so that none is refused and
 * becomes another. Decides nothing about whose message becomes one: events_letter.c does.
 */
#ifndef PETSTORE_LETTERS_H
#define PETSTORE_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/portions.h"
#include "broker/broker.h"
#include "contract/contract.h"
#include "report/deadletter.h"
#include "report/notice.h"

/* Dead letters on one channel in a second, where its x-limits say nothing; and their bytes, which
 * are at least four times its largest payload. */
#define LETTERS_PER_SECOND 50u
#define LETTERS_BYTES_PER_SECOND (1u << 20)

/* A refused message, and what it has of properties. */
struct letters_message {
	const struct contract_dead_letter *to;
	const struct message *message; /* whole; its topic is NUL-terminated */
	const void *properties;
	size_t properties_len;
	bool is_cut;
};

/* Init in place with letters_init(). */
struct letters {
	const struct broker *broker;
	size_t count;
	struct {
		char name[128]; /* of the channel's address, for the log: the contract may be gone
				 */
		size_t payload_max;
		struct portions number;
		struct portions bytes;
	} room[CONTRACT_DEAD_LETTERS_MAX];
	char problem[NOTICE_MAX];
};

void letters_init(struct letters *ret, const struct broker *broker);

/* @contract is in force now. Logs what was held back under the one before. */
void letters_use(struct letters *letters, const struct contract *contract);

/* May one more of @who go there in this second? False is counted as held back. */
bool letters_may(struct letters *letters, const struct letters_message *message,
		 const struct who *who, int64_t second);

/*
 * Publishes it, with @refusal and its problem document, which is in letters->problem. False: it is
 * too large, too much for this second (both are counted as held back), or memory ran out.
 */
bool letters_send(struct letters *letters, const struct letters_message *message,
		  const struct refusal *refusal, size_t problem_len, int64_t second);

/* Logs what was held back; once a second. */
void letters_log(struct letters *letters);

#endif
