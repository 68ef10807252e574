#include "access/derivations.h"

#define SECOND_MS 1000
#define NS_PER_MS INT64_C(1000000)

/* Of @ms milliseconds. */
static int64_t share(const struct derivations *derivations, int64_t ms)
{
	return ms * NS_PER_MS / 100 * derivations->percent;
}

static int64_t refill(int64_t left, int64_t more, int64_t most)
{
	return left + more < most ? left + more : most;
}

void derivations_init(struct derivations *derivations, unsigned percent)
{
	*derivations = (struct derivations){ .percent = percent };
	derivations->left_ns = share(derivations, SECOND_MS);
	derivations->suspects_left_ns = derivations->left_ns / DERIVATIONS_SUSPECTS;
}

bool derivations_may(struct derivations *derivations, bool is_suspect, int64_t now_ms)
{
	int64_t most = share(derivations, SECOND_MS);
	int64_t passed = now_ms - derivations->filled_ms;
	int64_t more;

	/* One derivation is what may be owed: a minute pays for any that a file may ask for. */
	if (passed > 60 * SECOND_MS)
		passed = 60 * SECOND_MS;
	more = share(derivations, passed);
	derivations->filled_ms = now_ms;
	derivations->left_ns = refill(derivations->left_ns, more, most);
	derivations->suspects_left_ns =
		refill(derivations->suspects_left_ns, more / DERIVATIONS_SUSPECTS,
		       most / DERIVATIONS_SUSPECTS);
	return derivations->left_ns > 0 && (!is_suspect || derivations->suspects_left_ns > 0);
}

void derivations_spent(struct derivations *derivations, bool is_suspect, int64_t took_ns)
{
	derivations->left_ns -= took_ns;
	if (is_suspect)
		derivations->suspects_left_ns -= took_ns;
}
