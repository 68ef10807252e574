/*
 * thread.h -- a thread of our own in somebody else's process.
 *
 * It takes no signals but SIGBUS, for a fault of its own (base/mapguard.h): the others are the
 * broker's, and are for the thread that serves clients. It has a small stack, and a name that
 * `top -H` shows. Whoever starts one joins it.
 */
#ifndef PETSTORE_THREAD_H
#define PETSTORE_THREAD_H

#include <pthread.h>

#define THREAD_STACK_BYTES (1u << 20)

/* @name: 15 characters at most. 0, or the error number of what failed. */
int thread_start(pthread_t *ret, void *(*run)(void *ctx), void *ctx, const char *name);

#endif
