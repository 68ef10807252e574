/*
 * ledger_others.c -- what other brokers of the same database did: memory follows it.
 *
 * A message that comes over a bridge is known here before the database has it, and from the
 * database again a moment later. Both are compared by the entity's revision. What a broker says of
 * it is its own count until the database has settled it, so a difference is never taken for a
 * fault: what may be wrong is dropped, and read again.
 */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger_internal.h"
#include "ledger/pg_watch.h"

struct others_kept ledger_kept(const struct ledger *l)
{
	return l->others.kept;
}

int ledger_watch(struct ledger *l, struct diag *diag)
{
	struct others_broker known[OTHERS_BROKERS_MAX];
	int rc = pg_watch_new(&l->place, &l->others.watch, diag);
	size_t count = rc ? 0 : pg_watch_brokers(l->others.watch, known, OTHERS_BROKERS_MAX);

	for (size_t i = 0; i < count; i++) {
		struct ledger_origin *origin = &l->others.origin[l->others.origins++];

		(void)strcpy(origin->name, known[i].name); /* of one length */
		origin->applied = origin->began_applied = known[i].applied;
		origin->strict = origin->began_strict = known[i].strict;
	}
	return rc;
}

/* ---- what was heard ------------------------------------------------------------------------ */

static struct ledger_origin *find_origin(const struct ledger *l, const char *broker)
{
	for (unsigned i = 0; i < l->others.origins; i++)
		if (strcmp(l->others.origin[i].name, broker) == 0)
			return (struct ledger_origin *)&l->others.origin[i];
	return NULL;
}

static void see(struct ledger *l, const struct others_news *news)
{
	struct ledger_origin *origin = find_origin(l, news->origin);

	if (!origin && l->others.origins < OTHERS_BROKERS_MAX) {
		origin = &l->others.origin[l->others.origins++];
		(void)strcpy(origin->name, news->origin); /* the watch has no longer ones */
	}
	if (origin)
		*(news->sequence < 0 ? &origin->strict : &origin->applied) = news->sequence;
}

bool ledger_next_other(struct ledger *l, struct others_news *ret)
{
	if (!l->others.watch || !ledger_catch_up(l) || !pg_watch_next(l->others.watch, ret))
		return false;
	if (ret->kind == OTHERS_SEEN)
		see(l, ret);
	else if (ret->kind == OTHERS_LOST)
		state_forget_all(l->state);
	return true;
}

bool ledger_has_heard(const struct ledger *l, const char *broker, int64_t sequence)
{
	const struct ledger_origin *origin = find_origin(l, broker);

	return origin && (sequence < 0 ? origin->strict <= sequence : origin->applied >= sequence);
}

bool ledger_is_hearing(const struct ledger *l)
{
	return l->others.watch && pg_watch_is_hearing(l->others.watch, clock_mono_ns());
}

bool ledger_is_since_start(const struct ledger *l, const char *broker, int64_t sequence)
{
	const struct ledger_origin *origin = find_origin(l, broker);

	return !origin ||
	       (sequence < 0 ? sequence < origin->began_strict : sequence > origin->began_applied);
}

/* ---- whose name is it? --------------------------------------------------------------------- */

static bool is_known(const struct ledger *l, const char *broker)
{
	struct others_broker known[OTHERS_BROKERS_MAX];
	size_t count;

	if (strcmp(broker, l->broker) == 0 || find_origin(l, broker))
		return true;
	/* One that has just come, and has carried nothing yet. */
	count = pg_watch_brokers(l->others.watch, known, OTHERS_BROKERS_MAX);
	for (size_t i = 0; i < count; i++)
		if (strcmp(known[i].name, broker) == 0)
			return true;
	return false;
}

static bool is_stranger(const struct ledger *l, const char *broker, int64_t now_ms)
{
	for (unsigned i = 0; i < OTHERS_STRANGERS; i++) {
		const struct ledger_stranger *stranger = &l->others.stranger[i];

		if (strcmp(stranger->name, broker) == 0 &&
		    now_ms - stranger->asked_ms < OTHERS_STRANGER_MS)
			return true;
	}
	return false;
}

static void remember_stranger(struct ledger *l, const char *broker, int64_t now_ms)
{
	struct ledger_stranger *stranger =
		&l->others.stranger[l->others.next_stranger++ % OTHERS_STRANGERS];

	(void)strcpy(stranger->name, broker); /* its length was looked at */
	stranger->asked_ms = now_ms;
}

/* Whoever brings many names must not keep the broker's thread waiting for the database. */
static bool may_ask(struct ledger *l, int64_t now_ms)
{
	if (now_ms - l->others.asked_ms >= OTHERS_STRANGER_MS) {
		l->others.asked_ms = now_ms;
		l->others.asked = 0;
	}
	return l->others.asked++ < OTHERS_ASKED_MAX;
}

int ledger_find_broker(struct ledger *l, const char *broker, struct diag *diag)
{
	int64_t now_ms = clock_mono_ns() / 1000000;
	int rc;

	if (!l->others.watch || strlen(broker) >= OTHERS_NAME_MAX)
		return 0;
	if (is_known(l, broker))
		return 1;
	if (is_stranger(l, broker, now_ms))
		return 0;
	if (!may_ask(l, now_ms))
		return diag_set(diag, ERR_BUSY, "too many names of brokers that are not known");
	rc = pg_watch_find(store_reader_live(l->reader), broker, diag);
	if (rc == 0)
		remember_stranger(l, broker, now_ms);
	return rc;
}

/* ---- figures and bans ---------------------------------------------------------------------- */

size_t ledger_brokers(const struct ledger *l, struct others_broker *ret, size_t max)
{
	return l->others.watch ? pg_watch_brokers(l->others.watch, ret, max) : 0;
}

void ledger_share_ban(struct ledger *l, const struct others_ban *ban)
{
	if (l->others.watch)
		pg_watch_ban(l->others.watch, ban);
}

/* ---- memory -------------------------------------------------------------------------------- */

void ledger_heard_of(struct ledger *l, unsigned entity, const char *id, size_t id_len,
		     uint64_t revision)
{
	const struct state_facts *facts;

	if (!ledger_catch_up(l) || ledger_set_key(l, entity, id, id_len, NULL) != 0)
		return;
	idfilter_add(l->idfilter, &l->key);
	facts = state_find(l->state, &l->key);
	if (!facts || (!state_is_pinned(l->state, facts) && facts->is_known &&
		       facts->revision >= revision && revision > 0))
		return;
	state_forget(l->state, &l->key);
}

void ledger_heard_unique(struct ledger *l, const char *publisher, uint64_t unique)
{
	if (ledger_catch_up(l))
		accepted_add(&l->unique, wordhash(l->seed, publisher, strlen(publisher)), unique,
			     l->last_seq);
}

void ledger_heard_digest(struct ledger *l, uint64_t sender, uint64_t digest)
{
	/* The first number: whoever comes here had it accepted before. */
	if (ledger_catch_up(l))
		accepted_add(&l->accepted, sender, digest, 1);
}

/* Has memory the status that @write says, where it says one? */
static bool says_the_same(const struct ledger *l, const struct ledger_write *write,
			  const struct state_facts *facts)
{
	const struct entity *entity = l->entity[write->entity].entity;

	for (size_t i = 0; i < write->value_count; i++) {
		const struct value *value = &write->value[i];
		int slot = entity_slot(entity, value->column);

		if (slot >= 0 &&
		    (value->type != VALUE_TEXT || strlen(facts->status[slot]) != value->len ||
		     memcmp(facts->status[slot], value->text, value->len) != 0))
			return false;
	}
	return true;
}

static void copy_if_short(char *ret, size_t max, const char *text, size_t len)
{
	if (len > max)
		return;
	if (len > 0)
		memcpy(ret, text, len);
	ret[len] = '\0';
}

/* Memory has all that came before @write. */
static void take_over(struct ledger *l, const struct ledger_write *write, uint64_t revision,
		      struct state_facts *facts)
{
	const struct entity *entity = l->entity[write->entity].entity;

	facts->is_known = true;
	facts->revision = revision;
	memset(facts->mark, 0, sizeof(facts->mark)); /* what was said last is read again */
	memset(facts->last, 0, sizeof(facts->last));
	if (write->owner && !facts->owner[0])
		copy_if_short(facts->owner, ENTITY_OWNER_MAX, write->owner, write->owner_len);
	for (size_t i = 0; i < write->value_count; i++) {
		const struct value *value = &write->value[i];
		int slot = entity_slot(entity, value->column);

		if (value->type != VALUE_TEXT)
			continue;
		if (slot >= 0)
			copy_if_short(facts->status[slot], ENTITY_STATUS_MAX, value->text,
				      value->len);
		if ((int)value->column == entity->link_column)
			copy_if_short(facts->link, ENTITY_ID_MAX, value->text, value->len);
	}
}

static enum others_meeting follow(struct ledger *l, const struct ledger_write *write,
				  uint64_t revision, struct state_facts *facts)
{
	bool is_kept = facts != &l->scratch;
	bool is_pinned = is_kept && state_is_pinned(l->state, facts);
	bool is_next = revision == facts->revision + 1;

	idfilter_add(l->idfilter, &l->key);
	if (is_kept && !is_pinned && is_next)
		take_over(l, write, revision, facts);
	else
		state_forget(l->state, &l->key); /* there is a gap, or once it is settled */
	return is_pinned ? OTHERS_CONTENDED : OTHERS_NEWER;
}

enum others_meeting ledger_meet(struct ledger *l, const struct ledger_write *write,
				uint64_t revision, bool is_heard)
{
	struct state_facts *facts;

	if (ledger_find_facts(l, write->entity, write->id, write->id_len, &facts, NULL) != 0)
		return OTHERS_UNKNOWN;
	if (revision > facts->revision && !is_heard)
		return follow(l, write, revision, facts);
	return (revision >= facts->revision || revision == 0) && says_the_same(l, write, facts)
		       ? OTHERS_SAME
		       : OTHERS_OLDER;
}
