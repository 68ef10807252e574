#include "learn/traffic_rows.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf8.h"
#include "ledger/pg.h"
#include "ledger/query.h"
#include "ledger/store.h"

static const char beginning[] = "SQLite format 3"; /* and a NUL */

static bool is_sqlite(const char *path)
{
	char head[sizeof(beginning)];
	struct stat st;
	bool is_file = strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
	FILE *file = is_file ? fopen(path, "r") : NULL;
	bool is_one = file && fread(head, 1, sizeof(head), file) == sizeof(head) &&
		      memcmp(head, beginning, sizeof(head)) == 0;

	if (file)
		(void)fclose(file);
	return is_one;
}

bool traffic_rows_are_in(const char *place)
{
	return store_is_conninfo(place) || is_sqlite(place);
}

struct traffic_rows {
	const char *place; /* as it is shown */
	traffic_visit *visit;
	void *ctx;
	struct traffic_passed *passed;
	int rc;
};

static const char *text_of(const struct query_row *row, const char *name, size_t *len)
{
	const struct query_cell *cell = query_cell(row, name);

	*len = cell && cell->type == VALUE_TEXT ? cell->len : 0;
	return cell && cell->type == VALUE_TEXT ? cell->text : NULL;
}

static int64_t integer_of(const struct query_row *row, const char *name, int64_t otherwise)
{
	const struct query_cell *cell = query_cell(row, name);

	return cell && cell->type == VALUE_INTEGER ? cell->integer : otherwise;
}

static bool is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);

		if (n == 0 || code == 0)
			return false;
		i += n;
	}
	return true;
}

static bool is_publish(const struct query_row *row)
{
	size_t len;
	const char *action = text_of(row, "action", &len);

	/* Another broker's step came before it, and the contract may not have both. */
	if (integer_of(row, "overruled", 0) != 0)
		return false;
	return !action || (len == 7 && memcmp(action, "publish", 7) == 0 &&
			   integer_of(row, "observed", 0) == 1);
}

/* A query_visit. */
static bool take_row(const struct query_row *row, void *ctx)
{
	struct traffic_rows *rows = ctx;
	struct traffic_place place = { rows->place, (uint64_t)integer_of(row, "seq", 0) };
	struct traffic_message message = { .qos = (unsigned)integer_of(row, "qos", 0) };
	const char *when;
	size_t len;

	if (!is_publish(row)) {
		rows->passed->refused++;
		return true;
	}
	message.topic = text_of(row, "topic", &message.topic_len);
	message.payload = text_of(row, "payload", &message.len);
	message.bytes = (size_t)integer_of(row, "payload_bytes", (int64_t)message.len);
	if (message.bytes != message.len || !message.topic) {
		rows->passed->cut++;
		return true;
	}
	message.is_binary = !is_text(message.payload, message.len);
	message.is_retained = integer_of(row, "retained", 0) == 1;
	message.is_will = integer_of(row, "will", 0) == 1;
	message.publisher = text_of(row, "publisher", &message.publisher_len);
	if (!message.publisher)
		message.publisher = text_of(row, "principal", &message.publisher_len);
	if (message.publisher_len == 0)
		message.publisher = NULL;
	when = text_of(row, "received_at", &len);
	if (!when)
		when = text_of(row, "time", &len);
	message.second = when ? traffic_second(when, len) : 0;
	rows->rc = rows->visit(rows->ctx, &message, &place);
	return rows->rc == 0;
}

int traffic_rows_read(const char *place, traffic_visit *visit, void *ctx,
		      struct traffic_passed *passed, struct diag *diag)
{
	static const char *const tables[] = { "events", "refusals" };
	char shown[PG_SHOWN_MAX];
	struct traffic_rows rows = { place, visit, ctx, passed, 0 };
	struct query *query = NULL;
	int rc = query_open(place, &query, diag);

	if (store_is_conninfo(place))
		rows.place = pg_shown(place, shown);
	for (size_t i = 0; rc == 0 && rows.rc == 0 && i < 2; i++) {
		const struct query_wanted wanted = { .table = tables[i], .order = "seq" };

		if (query_has(query, tables[i]))
			rc = query_rows(query, &wanted, take_row, &rows, diag);
	}
	query_close(query);
	return rows.rc ? rows.rc : rc;
}
