/* pg_engine.c -- the PostgreSQL engine: the table of its functions. */
#include "ledger/pg_check.h"
#include "ledger/pg_step.h"
#include "ledger/pg_reader.h"
#include "ledger/pg_store_internal.h"

_Static_assert(STORE_SHOWN_MAX >= PG_SHOWN_MAX, "what is shown fits");

/* A server keeps its own memory, its log and its files: these have nothing to do. */
static void set_patience(struct store *store, unsigned busy_ms)
{
	(void)store;
	(void)busy_ms;
}

static int set_cache(struct store *store, unsigned mib, struct diag *diag)
{
	(void)store;
	(void)mib;
	(void)diag;
	return 0;
}

static int checkpoint(struct store *store, uint64_t wal_bytes_max, struct diag *diag)
{
	(void)store;
	(void)wal_bytes_max;
	(void)diag;
	return 0;
}

static int nothing(struct store *store, struct diag *diag)
{
	(void)store;
	(void)diag;
	return 0;
}

static void leave_empty(struct store *store)
{
	pg_lease_refuse(pg_store_of(store));
}

static enum store_fault fault(const struct store *store)
{
	return ((const struct pg_store *)store)->fault;
}

static void set_clock(struct store *store, int64_t believed_ms)
{
	pg_store_of(store)->clock_ms = believed_ms;
}

static void set_on_wait(struct store *base, void (*on_wait)(void *ctx), void *ctx)
{
	struct pg_store *store = pg_store_of(base);

	store->on_wait = on_wait;
	store->ctx = ctx;
	if (store->pg)
		pg_set_on_wait(store->pg, on_wait, ctx);
}

static void set_waiting(struct store *store, const struct store_waiting *waiting)
{
	pg_store_of(store)->waiting = *waiting;
}

static uint64_t signed_step(const struct store *store)
{
	return (uint64_t) - ((const struct pg_store *)store)->strict;
}

const struct store_engine store_postgres = {
	.name = "PostgreSQL",
	.is_shared = true,
	.shown = pg_shown,
	.check_text = pg_check,
	.open = pg_store_open,
	.close = pg_store_close,
	.set_patience = set_patience,
	.set_cache = set_cache,
	.look = pg_store_look,
	.upgrade = pg_store_upgrade,
	.inspect = pg_store_inspect,
	.peek = pg_store_peek,
	.set_ring = pg_store_set_ring,
	.check = pg_store_check,
	.set_on_wait = set_on_wait,
	.set_waiting = set_waiting,
	.signed_step = signed_step,
	.line = pg_store_line,
	.leave_empty = leave_empty,
	.fault = fault,
	.let_go = nothing,
	.check_anew = nothing,
	.plan = pg_store_plan,
	.names_load = pg_store_names_load,
	.begin = pg_store_begin,
	.apply = pg_store_apply,
	.flush = pg_store_flush,
	.held = pg_store_held,
	.commit = pg_store_commit,
	.rollback = pg_store_rollback,
	.trim = pg_store_trim,
	.trim_retained = pg_store_trim_retained,
	.clock = pg_store_clock,
	.set_clock = set_clock,
	.refuse = pg_store_refuse,
	.letter = pg_store_letter,
	.resent = pg_store_resent,
	.trim_letters = pg_store_trim_letters,
	.alert = pg_store_alert,
	.trim_refusals = pg_store_trim_refusals,
	.checkpoint = checkpoint,
	.ids = pg_store_ids,
	.load_unique = pg_store_load_unique,
	.reader_open = pg_reader_open,
	.reader_use = pg_reader_use,
	.reader_close = pg_reader_close,
	.reader_find = pg_reader_find,
	.reader_letter = pg_reader_letter,
	.reader_last = pg_reader_last,
	.reader_unchanged = pg_reader_unchanged,
	.reader_visit = pg_reader_visit,
	.reader_visit_each = pg_reader_visit_each,
	.reader_resent = pg_reader_resent,
	.step = pg_step_commit,
	.step_find = pg_step_find,
	.step_last = pg_step_last,
	.probe = pg_store_probe,
	.reader_live = pg_reader_live,
};
