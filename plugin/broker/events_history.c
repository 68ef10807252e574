#include "broker/events_history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "broker/events_later.h"
#include "monitor/hour.h"

/* Some 15,000 numbers become JSON on the answers' thread, out of a copy. */
struct history {
	struct hour *hour;
	uint64_t first; /* row */
	int64_t now_ns, unix_ms;
};

static void drop(void *ctx)
{
	struct history *history = ctx;

	hour_free(history->hour);
	free(history);
}

static void run(void *ctx, const atomic_bool *is_ending, struct control_answer *ret)
{
	const struct history *history = ctx;

	(void)is_ending; /* it takes milliseconds */
	ret->data = hour_json(history->hour, history->first, history->now_ns, history->unix_ms);
}

/* False: @text is no "next" that was given. */
static bool read_row(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && !*end;
}

void events_history(struct plugin *plugin, const struct mosquitto *client,
		    const struct control_members *members, struct control_answer *ret)
{
	struct answers_job job = {
		.run = run, .drop = drop, .line = ANSWERS_LOOKUPS, .is_packed = members->is_gzip
	};
	struct history *history;
	uint64_t first = 0;

	if (members->after && !read_row(members->after, &first)) {
		(void)diag_set(&ret->diag, ERR_INVALID, "after: is none that was given");
		return;
	}
	history = calloc(1, sizeof(*history));
	if (!history || hour_copy(feed_hour(plugin->feed), &history->hour, &ret->diag)) {
		free(history);
		return;
	}
	history->first = first;
	history->now_ns = clock_mono_ns();
	history->unix_ms = clock_unix_ms();
	job.ctx = history;
	events_later_take(plugin, client, members, &job, ret);
}
