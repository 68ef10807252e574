/*
 * thread.h -- a thread of the plugin's in the broker's process.
 *
 * It blocks all signals but SIGBUS, which it needs for faults of its own (base/mapguard.h): the
 * others are for the broker's thread. It has a small stack, and a name that `top -H` shows. Where
 * it shares a processor with the broker's thread it gets its part, but never in the middle of a
 * message for being woken up (SCHED_BATCH; an operator's other policy stays). The caller of
 * thread_start() joins it.
 */
#ifndef PETSTORE_THREAD_H
#define PETSTORE_THREAD_H

#include <pthread.h>

#define THREAD_STACK_BYTES (1u << 20)

/* @name: 15 characters at most. Returns 0, or the errno of what failed; *ret is unset then. */
int thread_start(pthread_t *ret, void *(*run)(void *ctx), void *ctx, const char *name);

#endif
