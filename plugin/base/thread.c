#include "base/thread.h"

#include <sched.h>
#include <signal.h>

/* Linux has it for all; where it is not to be had, all goes on as without. */
static void make_patient(pthread_t thread)
{
	struct sched_param param;
	int policy;

	if (pthread_getschedparam(thread, &policy, &param) == 0 && policy == SCHED_OTHER)
		(void)pthread_setschedparam(thread, SCHED_BATCH, &param);
}

int thread_start(pthread_t *ret, void *(*run)(void *ctx), void *ctx, const char *name)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int error = pthread_attr_init(&attributes);

	if (error)
		return error;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGBUS); /* of the thread's own making: see base/mapguard.h */
	error = pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	if (!error)
		error = pthread_sigmask(SIG_SETMASK, &all, &before); /* which a thread inherits */
	if (!error) {
		error = pthread_create(ret, &attributes, run, ctx);
		if (!error) {
			(void)pthread_setname_np(*ret, name); /* a name is a help, no more */
			make_patient(*ret);
		}
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	(void)pthread_attr_destroy(&attributes);
	return error;
}
