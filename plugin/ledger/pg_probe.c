/* pg_probe.c -- how long the smallest commit takes, measured on this broker's own row. */
#include "ledger/pg_store_internal.h"

#include "base/clock.h"

int pg_store_probe(struct store *base, unsigned count, uint64_t *ret_us, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	int rc = 0;

	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		int64_t began_ns = clock_mono_ns();

		rc = pg_store_exec(store,
				   "UPDATE brokers SET seen_at = seen_at WHERE name = $1 AND "
				   "instance = $2",
				   &params, NULL, "cannot measure a commit", diag);
		ret_us[i] = (uint64_t)(clock_mono_ns() - began_ns) / 1000;
	}
	return rc;
}
