/*
 * metrics_brokers.h -- numbers about brokers that share a database: who is alive, and how far
 * each is carried.
 *
 * Knows numbers only; who asks has them from the ledger. Nothing is kept here.
 */
#ifndef PETSTORE_MONITOR_METRICS_BROKERS_H
#define PETSTORE_MONITOR_METRICS_BROKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A broker of the database, as its row said last. */
struct metrics_broker {
	const char *name; /* borrowed */
	bool is_own;
	bool is_out; /* it was stopped, or takes no writes, and said so: silent_ms means nothing */
	bool is_alive;
	int64_t silent_ms;
	int64_t waiting; /* accepted writes that the database has not */
	int64_t lag_ms;  /* how old the oldest of them is */
	int64_t overruled;
};

/* The families of a metrics file, of @count brokers; 0: nothing is printed. */
void metrics_brokers_print(FILE *out, const struct metrics_broker *broker, size_t count);

/* Calls @visit with topics below $SYS/broker/petstore/ and their values. */
void metrics_brokers_visit(const struct metrics_broker *broker, size_t count,
			   void (*visit)(const char *topic, const char *value, void *ctx),
			   void *ctx);

#endif
