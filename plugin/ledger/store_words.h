/*
 * store_words.h -- what the row about the store has as texts: which database it is, and the number
 * of its journal. The same in all engines.
 */
#ifndef PETSTORE_LEDGER_STORE_WORDS_H
#define PETSTORE_LEDGER_STORE_WORDS_H

#include "ledger/store.h"

#define STORE_RING_DIGITS 16u

/* False: it is none. @hex NULL is none, too. */
bool store_identity_parse(const char *hex, unsigned char ret[STORE_IDENTITY]);

/* Sets ret->ring and ret->ring_number; @hex NULL: not known. False: it is neither. */
bool store_ring_parse(const char *hex, struct store_facts *ret);

#endif
