/*
 * learn.h -- a contract learned from recorded messages.
 *
 * Recordings are read three times (learn/observed.h); then the contract is written: an AsyncAPI
 * document as its clients see it ("x-perspective": "client"), so that it can be enforced as it is.
 * Everything that was recorded is accepted by it. Where a contract is there already it is widened:
 * what it lacks is added, what it forbids and was recorded is allowed, and nothing else changes.
 *
 * Knows neither broker nor petstorectl. Memory is bounded by LEARN_BYTES_MAX whatever is recorded.
 */
#ifndef PETSTORE_LEARN_LEARN_H
#define PETSTORE_LEARN_LEARN_H

#include <stdio.h>

#include "base/diag.h"
#include "learn/traffic.h"

#define LEARN_BYTES_MAX ((size_t)512 << 20) /* of what is known of the traffic */
#define LEARN_RECORDINGS_MAX 64u

struct learned;
struct learned_summary;

/* @title: of the contract, borrowed. */
int learn_new(const char *title, struct learned **ret, struct diag *diag) MUST_CHECK;
void learn_free(struct learned *learned); /* NULL is fine */

/*
 * Before learn_read(): the contract that is to be widened, in YAML (or JSON, which becomes YAML).
 * ERR_IO, ERR_INVALID and the like: @diag names file and place.
 */
int learn_give(struct learned *learned, const char *path, struct diag *diag) MUST_CHECK;

/*
 * Reads recordings. ERR_INVALID or ERR_LIMIT where nothing can be learned from them: @diag names
 * file and line and what was expected.
 */
int learn_read(struct learned *learned, struct traffic *const *recording, size_t count,
	       struct diag *diag) MUST_CHECK;

void learn_summary(const struct learned *learned, struct learned_summary *ret);

/* Writes the contract as YAML. */
int learn_write(struct learned *learned, FILE *file, struct diag *diag) MUST_CHECK;

/*
 * Writes who publishes what as an access.json: users, and a role for those that publish the same.
 * Only where all publishers are named.
 */
int learn_write_access(struct learned *learned, FILE *file, struct diag *diag) MUST_CHECK;

#endif
