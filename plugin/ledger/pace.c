#include "ledger/pace.h"

#define MS INT64_C(1000000)

static void become_slow(struct pace *p, int64_t took_ns)
{
	if (!atomic_load(&p->is_slow))
		atomic_store(&p->worst_ns, took_ns);
	atomic_store(&p->is_slow, true);
}

void pace_add(struct pace *p, int64_t began_ns, int64_t ended_ns)
{
	int64_t took = ended_ns - began_ns;

	if (took < PACE_SLOW_MS * MS)
		return;
	atomic_fetch_add(&p->slow_syncs, 1);
	if (ended_ns - p->second_ns > 1000 * MS) {
		p->second_ns = began_ns;
		p->spent_ns = 0;
	}
	p->spent_ns += took;
	if (p->spent_ns >= PACE_SHARE_MAX_MS * MS)
		become_slow(p, took);
}

void pace_begin(struct pace *p, int64_t now_ns)
{
	p->began_ns = now_ns;
	atomic_store(&p->under_way_ns, now_ns);
}

void pace_end(struct pace *p, int64_t now_ns, bool is_good)
{
	int64_t took = now_ns - p->began_ns;

	atomic_store(&p->under_way_ns, 0);
	if (took >= PACE_SLOW_MS * MS)
		atomic_fetch_add(&p->slow_syncs, 1);
	if (took >= PACE_SYNC_MAX_MS * MS)
		become_slow(p, took);
	/* Those from before it was slow say nothing. */
	if (took >= PACE_SLOW_MS * MS || !is_good || !atomic_load(&p->is_slow))
		p->quick = 0;
	else
		p->quick++;
	if (p->quick >= PACE_QUICK) {
		atomic_store(&p->is_slow, false);
		p->quick = 0;
	}
}

bool pace_must_probe(const struct pace *p)
{
	return atomic_load(&p->is_slow);
}

bool pace_is_slow(const struct pace *p, int64_t now_ns)
{
	int64_t since = atomic_load(&p->under_way_ns);

	return atomic_load(&p->is_slow) || (since != 0 && now_ns - since >= PACE_SYNC_MAX_MS * MS);
}

int64_t pace_took_ns(const struct pace *p, int64_t now_ns)
{
	int64_t since = atomic_load(&p->under_way_ns);

	return atomic_load(&p->is_slow) || since == 0 ? atomic_load(&p->worst_ns) : now_ns - since;
}
