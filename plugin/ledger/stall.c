#include "ledger/stall.h"

#define MS INT64_C(1000000)

bool stall_look(struct stall *s, uint64_t rounds, int64_t now_ns)
{
	int64_t passed = s->looked_ns ? now_ns - s->looked_ns : 0;

	s->looked_ns = now_ns;
	if (rounds != s->rounds) {
		s->rounds = rounds;
		s->stood_ns = 0;
		return false;
	}
	s->stood_ns += passed < STALL_LOOK_MS * MS ? passed : STALL_LOOK_MS * MS;
	return s->stood_ns > STALL_MS * MS;
}
