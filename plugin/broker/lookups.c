#include "broker/lookups_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/store.h"
#include "report/rowjson.h"

#define APPLICATION "mosquitto_petstore lookups"

int lookups_new(const char *place, struct lookups **ret, struct diag *diag)
{
	struct lookups *lookups = calloc(1, sizeof(*lookups));

	if (!lookups)
		return diag_nomem(diag);
	if (seal_init(&lookups->seal, diag)) {
		free(lookups);
		return ERR_IO;
	}
	lookups->place = place ? strdup(place) : NULL;
	if (place && !lookups->place) {
		free(lookups);
		return diag_nomem(diag);
	}
	*ret = lookups;
	return 0;
}

void lookups_rest(struct lookups *lookups)
{
	query_close(lookups->query);
	lookups->query = NULL;
}

void lookups_free(struct lookups *lookups)
{
	if (!lookups)
		return;
	lookups_rest(lookups);
	seal_clear(&lookups->seal);
	free(lookups->place);
	free(lookups);
}

/* ---- failures ------------------------------------------------------------------------------ */

bool lookups_fail(struct lookup *lookup, const char *code, const char *format, ...)
{
	va_list args;

	lookup->ret->code = code;
	va_start(args, format);
	(void)diag_vset(&lookup->ret->diag, ERR_INVALID, format, args);
	va_end(args);
	return false;
}

/* Who asks need not know where the database is; the log says it. */
bool lookups_fail_read(struct lookup *lookup, int rc, const struct diag *diag)
{
	lookup->is_failed = true;
	if (rc == ERR_NOMEM)
		return false;
	if (rc == ERR_LIMIT)
		return lookups_fail(lookup, CONTROL_TOO_LARGE,
				    "it takes longer than %u ms to look there: ask for less",
				    LOOKUPS_MS);
	lookup->is_unread = true;
	lookup->ret->note = *diag;
	if (rc == ERR_BUSY)
		return lookups_fail(lookup, CONTROL_BUSY, "the database is busy now: try again");
	return lookups_fail(lookup, CONTROL_NO_DATABASE, "the database can't be read now");
}

bool lookups_fail_scope(struct lookup *lookup, const struct contract_operation *operation,
			const char *what)
{
	const struct contract *contract = lookup->who.rules->contract;
	const char *scope = "";

	for (size_t i = 0; operation && operation->alternative_count > 0 && !scope[0] &&
			   i < contract->scope_count;
	     i++)
		if (scopeset_has(&operation->alternative->scopes, (unsigned)i))
			scope = contract->scope[i];
	(void)snprintf(lookup->ret->scope, sizeof(lookup->ret->scope), "%s", scope);
	return lookups_fail(lookup, CONTROL_NO_SCOPE, "%s may not read %s%s%s",
			    lookup->who.principal->name, what,
			    scope[0] ? " without the scope " : "", scope);
}

/* ---- reading ------------------------------------------------------------------------------- */

bool lookups_is_enough(const struct lookup *lookup)
{
	return clock_mono_ns() >=
	       lookup->until_ns - INT64_C(1000000) * (LOOKUPS_MS - LOOKUPS_ENOUGH_MS);
}

bool lookups_read(struct lookup *lookup, const struct query_wanted *wanted, query_visit *visit,
		  void *ctx)
{
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = query_rows(lookup->query, wanted, visit, ctx, &diag);
	if (rc == 0)
		return !lookup->is_failed;
	return lookups_fail_read(lookup, rc, &diag);
}

static bool on_any(const struct query_row *row, void *ctx)
{
	(void)row;
	*(bool *)ctx = true;
	return false;
}

bool lookups_is_many(struct lookup *lookup, const struct query_wanted *wanted, bool *ret)
{
	struct query_wanted beyond = *wanted;

	beyond.limit = 1;
	beyond.skip = LOOKUPS_FEW;
	*ret = false;
	return lookups_read(lookup, &beyond, on_any, ret);
}

/* Of a text of a row that is too large: so short that no row is, whatever has to be escaped. */
#define SHORT_TEXT 64u

/* False: memory ran out. */
static bool shorten(json_t *row)
{
	for (void *at = json_object_iter(row); at; at = json_object_iter_next(row, at)) {
		const json_t *value = json_object_iter_value(at);
		const struct query_cell cell = { .type = VALUE_TEXT,
						 .text = json_string_value(value),
						 .len = json_string_length(value) };
		bool is_cut;

		if (json_is_string(value) && !entity_is_own_column(json_object_iter_key(at)) &&
		    json_object_iter_set_new(row, at, rowjson_cell(&cell, SHORT_TEXT, &is_cut)))
			return false;
	}
	return true;
}

size_t lookups_fit(json_t *row, size_t most)
{
	size_t bytes = row ? json_dumpb(row, NULL, 0, JSON_COMPACT) + 1 : 0;

	if (bytes <= most)
		return bytes;
	return shorten(row) ? json_dumpb(row, NULL, 0, JSON_COMPACT) + 1 : 0;
}

bool lookups_add_take(struct lookup *lookup, json_t *row)
{
	size_t bytes = lookups_fit(row, LOOKUPS_BYTES_MAX);

	if (bytes == 0)
		lookup->is_failed = true;
	if (bytes == 0 || json_array_size(lookup->rows) >= lookup->limit ||
	    lookup->bytes + bytes > LOOKUPS_BYTES_MAX) {
		if (bytes > LOOKUPS_BYTES_MAX)
			lookup->is_failed = !lookups_fail(lookup, CONTROL_TOO_LARGE,
							  "a row is larger than an answer may be");
		json_decref(row);
		return false;
	}
	lookup->bytes += bytes;
	if (json_array_append_new(lookup->rows, row))
		lookup->is_failed = true;
	return !lookup->is_failed;
}

size_t lookups_range(const char *column, const char *prefix, char *end,
		     struct query_filter filter[LOOKUPS_RANGE])
{
	size_t len = strlen(prefix);

	filter[0] = (struct query_filter){ column, QUERY_BEGINS, prefix };
	filter[1] = (struct query_filter){ column, QUERY_FROM, prefix };
	if (len == 0 || prefix[len - 1] < ' ' || prefix[len - 1] > '}')
		return 2; /* where a character of several bytes ends there is no simple end */
	memcpy(end, prefix, len + 1);
	end[len - 1]++;
	filter[2] = (struct query_filter){ column, QUERY_BELOW, end };
	return 3;
}

bool lookups_time(struct lookup *lookup, const char *name, const char *text, char *ret)
{
	int64_t ms;

	if (!clock_parse(text, strlen(text), &ms))
		return lookups_fail(lookup, NULL, "%s: expected a time (RFC 3339)", name);
	(void)clock_print(ms, ret);
	return true;
}

bool lookups_is_place(struct lookup *lookup, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!text || (len > 0 && len < 20 &&
		      strspn(text + (text[0] == '-'), "0123456789") + (text[0] == '-') == len))
		return true;
	return lookups_fail(lookup, NULL, "after: is none that was given");
}

json_t *lookups_page(const struct lookup *lookup, const char *name)
{
	return json_pack("{sO so}", name, lookup->rows, "next",
			 lookup->next[0] ? json_string(lookup->next) : json_null());
}

/* ---- the job ------------------------------------------------------------------------------- */

static lookups_answer *const answers[] = {
	[CONTROL_LIST_ENTITIES] = lookups_list_entities,
	[CONTROL_GET_ENTITY] = lookups_get_entity,
	[CONTROL_LIST_EVENTS] = lookups_list_events,
	[CONTROL_LIST_REFUSALS] = lookups_list_refusals,
	[CONTROL_COUNT_REFUSALS] = lookups_count_refusals,
};

bool lookups_has(enum control_command command)
{
	return command < sizeof(answers) / sizeof(answers[0]) && answers[command];
}

static bool open_query(struct lookup *lookup)
{
	struct lookups *lookups = lookup->lookups;
	struct diag diag;
	int rc;

	if (!lookups->place)
		return lookups_fail(lookup, CONTROL_NO_DATABASE, "the broker keeps no database");
	diag_init(&diag);
	rc = lookups->query ? 0
			    : query_open_bounded(lookups->place, APPLICATION, LOOKUPS_MS,
						 &lookups->query, &diag);
	/* Of a file that may pass; a server that is not there is away. */
	if (rc)
		return lookups_fail_read(lookup,
					 rc == ERR_BUSY && !store_is_conninfo(lookups->place)
						 ? ERR_BUSY
					 : rc == ERR_NOMEM ? rc
							   : ERR_IO,
					 &diag);
	lookup->query = lookups->query;
	query_bound(lookup->query, lookup->until_ns, lookup->is_ending);
	return true;
}

/* Answers, by a connection that is there or is made. */
static void answer(struct lookup *lookup)
{
	lookup->is_failed = lookup->is_unread = false;
	lookup->bytes = 0;
	lookup->next[0] = '\0';
	lookup->rows = json_array();
	lookup->owner = calloc(LOOKUPS_OWNERS, sizeof(*lookup->owner));
	if (lookup->rows && lookup->owner && open_query(lookup))
		lookup->ret->data = answers[lookup->command](lookup);
	free(lookup->owner);
	lookup->owner = NULL;
	json_decref(lookup->rows);
	lookup->rows = NULL;
	if (!lookup->ret->data)
		lookups_rest(lookup->lookups); /* it may be the connection's fault */
	else
		query_bound(lookup->query, 0, NULL);
}

/* A connection that was left open may have been lost since: then it is tried by a new one. */
static void run(void *ctx, const atomic_bool *is_ending, struct control_answer *ret)
{
	struct lookup *lookup = ctx;
	bool was_open = lookup->lookups->query;

	lookup->ret = ret;
	lookup->is_ending = is_ending;
	lookup->until_ns = clock_mono_ns() + INT64_C(1000000) * LOOKUPS_MS;
	lookup->limit = lookup->members.limit ? lookup->members.limit : LOOKUPS_PAGE;
	lookup->asks = (struct gate_request){ .action = GATE_DELIVER,
					      .is_settled = true,
					      .method = lookup->who.method,
					      .port = lookup->who.port,
					      .client_id = lookup->who.client_id };
	if (gate_init(&lookup->gate, lookup->who.rules, NULL, &ret->diag))
		return;
	lookup->gate.look = lookups_look;
	lookup->gate.look_ctx = lookup;
	answer(lookup);
	if (lookup->is_unread && was_open && !lookups_is_enough(lookup)) {
		*ret = (struct control_answer){ .data = NULL };
		answer(lookup);
	}
	gate_clear(&lookup->gate);
}

static void drop(void *ctx)
{
	struct lookup *lookup = ctx;

	events_later_drop_who(&lookup->who);
	free(lookup->texts);
	free(lookup);
}

/* Copies the texts of @members, whose pointers are those of @lookup's then. False: no memory. */
static bool copy_members(struct lookup *lookup, const struct control_members *members)
{
	const char **text[] = {
		&lookup->members.entity, &lookup->members.status, &lookup->members.owner,
		&lookup->members.id,     &lookup->members.topic,  &lookup->members.prefix,
		&lookup->members.reason, &lookup->members.client, &lookup->members.principal,
		&lookup->members.by,     &lookup->members.since,  &lookup->members.until,
		&lookup->members.after,
	};
	size_t count = sizeof(text) / sizeof(text[0]), size = 1;
	char *at;

	lookup->members = *members;
	lookup->members.name = NULL;
	lookup->members.correlation = NULL;
	for (size_t i = 0; i < count; i++)
		size += *text[i] ? strlen(*text[i]) + 1 : 0;
	at = lookup->texts = malloc(size);
	for (size_t i = 0; at && i < count; i++) {
		const char *from = *text[i];

		if (!from)
			continue;
		*text[i] = at;
		at = stpcpy(at, from) + 1;
	}
	return lookup->texts != NULL;
}

int lookups_job_take(struct lookups *lookups, struct later_who *who, enum control_command command,
		     const struct control_members *members, struct answers_job *ret)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup) {
		events_later_drop_who(who);
		return ERR_NOMEM;
	}
	lookup->lookups = lookups;
	lookup->who = *who;
	*who = (struct later_who){ .rules = NULL };
	lookup->command = command;
	if (!copy_members(lookup, members)) {
		drop(lookup);
		return ERR_NOMEM;
	}
	*ret = (struct answers_job){
		.run = run, .drop = drop, .ctx = lookup, .is_packed = members->is_gzip
	};
	return 0;
}
