#include "report/decisionid.h"

#define COUNT_BITS 20
#define INSTANCE_BITS 12

void decisionid_init(struct decisionid *ids, uint32_t seed)
{
	*ids = (struct decisionid){ .instance = seed & ((1u << INSTANCE_BITS) - 1) };
}

/* The 8 characters of 40 bits, the highest first. */
static void print(uint64_t bits, char *ret)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

	for (int i = 7; i >= 0; i--, bits >>= 5)
		ret[i] = digits[bits & 31];
}

char *decisionid_next(struct decisionid *ids, int64_t now_ms, char ret[DECISIONID_TEXT])
{
	uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 0;
	uint64_t low;

	if (now > ids->ms) {
		ids->ms = now;
		ids->count = 0;
	} else if (++ids->count >> COUNT_BITS) {
		ids->ms++; /* ahead of the clock for a moment: what counts is the order */
		ids->count = 0;
	}
	/* 48 + 20 + 12 bits in two halves of 40: the time's last 8 begin the second. */
	low = (ids->ms & 0xff) << (COUNT_BITS + INSTANCE_BITS) |
	      (uint64_t)ids->count << INSTANCE_BITS | ids->instance;
	print(ids->ms >> 8, ret);
	print(low, ret + 8);
	ret[16] = '\0';
	return ret;
}
