#include "base/portions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"

void portions_init(struct portions *portions, uint64_t max)
{
	memset(portions, 0, sizeof(*portions));
	portions->max = max;
}

const char *portions_name(const struct who *who, char *net)
{
	if (who->is_proved)
		return who->principal;
	(void)peer_print_net(who->address, net);
	return net;
}

/* ---- whose portion ------------------------------------------------------------------------- */

static void turn(struct portions *portions, struct portion *portion)
{
	if (portion->period == portions->period)
		return;
	portion->is_excess = portion->refused > 0 && portion->period == portions->period - 1;
	portion->taken = portion->refused = 0;
	portion->period = portions->period;
}

/* Does an entry have nothing to say any more, so that another owner may have it? */
static bool is_idle(const struct portions *portions, const struct portion *portion)
{
	bool is_excess = portion->refused > 0 && portion->period == portions->period - 1;

	return !portion->is_used ||
	       (portion->held == 0 && portion->period != portions->period && !is_excess);
}

static bool is_of(const struct portion *portion, const char *name, bool is_proved)
{
	return portion->is_used && portion->is_proved == is_proved &&
	       strncmp(portion->name, name, PORTIONS_NAME_MAX - 1) == 0;
}

static struct portion *find(struct portions *portions, const struct who *owner)
{
	char net[PEER_NET_MAX];
	const char *name = portions_name(owner, net);
	size_t first = owner->is_proved ? 0 : PORTIONS_OWNERS - PORTIONS_UNPROVED;
	struct portion *free = NULL;

	for (size_t i = 0; i < PORTIONS_OWNERS; i++) {
		struct portion *portion = &portions->portion[i];

		if (is_of(portion, name, owner->is_proved))
			return portion;
		if (i >= first && !free && is_idle(portions, portion))
			free = portion;
	}
	if (!free)
		return &portions->other[owner->is_proved];
	*free = (struct portion){ .is_used = true,
				  .is_proved = owner->is_proved,
				  .period = portions->period };
	(void)snprintf(free->name, sizeof(free->name), "%s", name);
	return free;
}

/* ---- taking ------------------------------------------------------------------------------ */

static bool is_within(uint64_t taken, uint64_t cost, uint64_t bound)
{
	return taken + cost <= bound || (taken == 0 && bound > 0);
}

static bool may_take(const struct portions *portions, const struct portion *portion, bool is_proved,
		     uint64_t cost)
{
	uint64_t left = portions->max - portions->taken;

	if (cost > left)
		return false;
	if (!is_proved && !is_within(portions->by_unproved, cost, portions->max / 2))
		return false;
	if (portion->is_excess && (!is_within(portions->by_excess, cost, portions->max / 2) ||
				   !is_within(portion->taken, cost, portions->max / 8 + 1)))
		return false;
	return is_within(portion->taken, cost, left);
}

bool portions_take(struct portions *portions, const struct who *owner, uint64_t cost,
		   int64_t period)
{
	struct portion *portion;

	if (portions->period != period) {
		portions->period = period;
		portions->taken = portions->by_unproved = portions->by_excess = 0;
	}
	portion = find(portions, owner);
	turn(portions, portion);
	if (!may_take(portions, portion, owner->is_proved, cost)) {
		portion->refused++;
		portion->held++;
		portions->held++;
		return false;
	}
	portion->taken += cost;
	portions->taken += cost;
	portions->by_unproved += owner->is_proved ? 0 : cost;
	portions->by_excess += portion->is_excess ? cost : 0;
	return true;
}

void portions_lose(struct portions *portions, uint64_t count)
{
	portions->held += count;
}

/* ---- what was held back
 * ----------------------------------------------------------------------------- */

static struct portion *worst_of(struct portions *portions)
{
	struct portion *worst = NULL;

	for (size_t i = 0; i < PORTIONS_OWNERS; i++)
		if (portions->portion[i].held > (worst ? worst->held : 0))
			worst = &portions->portion[i];
	return worst;
}

bool portions_held(struct portions *portions, struct portions_held *ret)
{
	struct portion *worst;

	if (portions->held == 0)
		return false;
	ret->count = portions->held;
	ret->named = 0;
	while (ret->named < PORTIONS_WORST && (worst = worst_of(portions))) {
		memcpy(ret->worst[ret->named].name, worst->name, sizeof(worst->name));
		ret->worst[ret->named].is_proved = worst->is_proved;
		ret->worst[ret->named].count = worst->held;
		ret->named++;
		worst->held = 0;
	}
	for (size_t i = 0; i < PORTIONS_OWNERS; i++)
		portions->portion[i].held = 0;
	portions->other[0].held = portions->other[1].held = 0;
	portions->held = 0;
	return true;
}

static size_t add(char *ret, size_t used, const char *what, const char *name, uint64_t count)
{
	int n = snprintf(ret + used, PORTIONS_TEXT_MAX - used, "%s%s%s %" PRIu64, used ? ", " : "",
			 what, name, count);

	return n > 0 && (size_t)n < PORTIONS_TEXT_MAX - used ? used + (size_t)n : used;
}

char *portions_print(const struct portions_held *held, char *ret)
{
	uint64_t others = held->count;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < held->named; i++) {
		const char *name = held->worst[i].name;
		bool is_proved = held->worst[i].is_proved;
		char escaped[120];

		diag_name(escaped, sizeof(escaped), name, strlen(name));
		used = add(ret, used, is_proved ? "of user " : "from ",
			   name[0] ? escaped : "a local socket", held->worst[i].count);
		others -= held->worst[i].count;
	}
	if (others > 0)
		(void)add(ret, used, "of others", "", others);
	return ret;
}
