/* import_check.c -- checks a row against the contract and the database, and adds it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "ctl/import.h"

void import_fault(struct import *import, const char *format, ...)
{
	struct diag diag;
	va_list args;

	if (import->faults++ >= IMPORT_FAULTS_MAX)
		return;
	va_start(args, format);
	(void)diag_vset(&diag, ERR_INVALID, format, args);
	va_end(args);
	(void)ctl_fail(import->call->name, "%s:%lu: %s", import->path, import->line, diag.text);
}

/* ---- the contract -------------------------------------------------------------------------- */

static bool is_listed(const struct contract_param *param, const char *id)
{
	for (size_t i = 0; i < param->value_count; i++)
		if (strcmp(param->value[i], id) == 0)
			return true;
	return param->value_count == 0;
}

/* Can the id stand in the topics of @channel? */
static bool is_taken(const struct import *import, const struct contract_channel *channel,
		     const char *id, size_t len)
{
	const struct rules_channel *more = &import->rules->channel[channel->index];
	const unsigned param = channel->mapping->param;
	int64_t work = PATTERN_MAX_WORK;

	return is_listed(&channel->param[param], id) &&
	       (!more->pattern || !more->pattern[param] ||
		pattern_search(more->pattern[param], id, len, &work) == PATTERN_YES);
}

static bool is_of_some_topic(const struct import *import, const struct entity *entity,
			     const char *id, size_t len)
{
	const struct contract *contract = import->rules->contract;

	for (size_t i = 0; i < contract->channel_count; i++)
		if (contract->channel[i].mapping &&
		    contract->channel[i].mapping->entity == entity &&
		    is_taken(import, &contract->channel[i], id, len))
			return true;
	return false;
}

static bool is_text(const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		size_t n = utf8_length((const unsigned char *)text, (size_t)(end - text));

		if (n == 0 || *text == '\0')
			return false;
		text += n;
	}
	return true;
}

static bool check_id(struct import *import, const struct import_row *row)
{
	const struct ledger_write *write = &row->write;
	char id[ENTITY_ID_MAX + 1], shown[100];

	if (!write->id || write->id_len == 0) {
		import_fault(import, "expected an id");
		return false;
	}
	(void)diag_name(shown, sizeof(shown), write->id, write->id_len);
	if (write->id_len > ENTITY_ID_MAX || !is_text(write->id, write->id_len)) {
		import_fault(import, "id %s: expected UTF-8 of 1 to %u bytes", shown,
			     ENTITY_ID_MAX);
		return false;
	}
	memcpy(id, write->id, write->id_len);
	id[write->id_len] = '\0';
	if (!strpbrk(id, "/+#") && is_of_some_topic(import, row->entity, id, write->id_len))
		return true;
	import_fault(import, "id %s: no topic of %s can have it", shown, row->entity->table);
	return false;
}

/* The names of the statuses in @slot, in @ret; is @value one of them? */
static bool has_status(const struct import *import, const struct entity *entity, unsigned slot,
		       const struct value *value, char ret[SUGGEST_LIST_MAX])
{
	const struct contract *contract = import->rules->contract;
	size_t used = 0;
	bool has = false;

	ret[0] = '\0';
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_mapping *mapping = contract->channel[i].mapping;

		if (!mapping || mapping->entity != entity || !mapping->transitions ||
		    mapping->slot != slot)
			continue;
		for (size_t k = 0; k < mapping->transitions->count; k++) {
			const char *status = mapping->transitions->status[k];
			size_t len = mapping->transitions->status_len[k];

			has |= len == value->len && memcmp(status, value->text, len) == 0;
			if (!suggest_has(ret, status) && used + len + 2 < SUGGEST_LIST_MAX)
				used += (size_t)sprintf(ret + used, "%s%s", used ? " " : "",
							status);
		}
	}
	return has;
}

static bool check_status(struct import *import, const struct import_row *row,
			 const struct value *value, unsigned slot)
{
	char names[SUGGEST_LIST_MAX], list[SUGGEST_LIST_MAX], shown[100];
	struct suggest suggest;

	if (has_status(import, row->entity, slot, value, names))
		return true;
	(void)diag_name(shown, sizeof(shown), value->text, value->len);
	suggest = suggest_begin(shown);
	suggest_add(&suggest, names);
	import_fault(import, "%s: expected %s, not %s%s", row->entity->column[value->column].name,
		     suggest_list(names, list), shown, suggest_text(&suggest));
	return false;
}

/* Texts, statuses and the owner; and there is a status where the entity has one. */
static bool check_values(struct import *import, const struct import_row *row)
{
	const struct ledger_write *write = &row->write;
	bool has_status_now = row->entity->slot_count == 0;

	for (size_t i = 0; i < write->value_count; i++) {
		const struct value *value = &write->value[i];
		int slot = entity_slot(row->entity, value->column);

		if (value->type == VALUE_TEXT && !is_text(value->text, value->len)) {
			import_fault(import, "%s: expected UTF-8 without a NUL",
				     row->entity->column[value->column].name);
			return false;
		}
		if (slot >= 0 && !check_status(import, row, value, (unsigned)slot))
			return false;
		has_status_now |= slot >= 0;
	}
	if (!has_status_now) {
		import_fault(import, "expected a status: %s",
			     row->entity->column[row->entity->slot[0]].name);
		return false;
	}
	if (!write->owner || (write->owner_len > 0 && write->owner_len <= ENTITY_OWNER_MAX &&
			      is_text(write->owner, write->owner_len)))
		return true;
	import_fault(import, "owner: expected UTF-8 of 1 to %u bytes", ENTITY_OWNER_MAX);
	return false;
}

/* ---- the database -------------------------------------------------------------------------- */

static bool is_same(const char *known, const char *text, size_t len)
{
	return strlen(known) == len && memcmp(known, text, len) == 0;
}

/*
 * What the entity has already is not what the row says. False where it says the same, or the entity
 * has nothing there yet. *is_new: there is something to be written.
 */
static bool differs(struct import *import, const struct import_row *row, const char *name,
		    const char *known, const char *text, size_t len, bool *is_new)
{
	char shown[100], had[100], id[100];

	if (is_same(known, text, len))
		return false;
	*is_new = true;
	if (!known[0] || import->is_replacing)
		return false;
	import_fault(import, "%s: its %s is %s already, not %s (--replace takes this one)",
		     diag_name(id, sizeof(id), row->write.id, row->write.id_len), name,
		     diag_name(had, sizeof(had), known, strlen(known)),
		     diag_name(shown, sizeof(shown), text, len));
	return true;
}

/* 1: the row is to be written; 0: it is a fault, or the entity is as it says. */
static int compare(struct import *import, const struct import_row *row)
{
	const struct ledger_write *write = &row->write;
	struct ledger_state state;
	bool is_new = false;
	int rc = adoption_find(import->adoption, row->entity->index, write->id, write->id_len,
			       &state, &import->call->diag);

	if (rc)
		return rc;
	if (!state.is_known)
		return 1;
	if (write->owner &&
	    differs(import, row, "owner", state.owner, write->owner, write->owner_len, &is_new))
		return 0;
	for (size_t i = 0; i < write->value_count; i++) {
		const struct value *value = &write->value[i];
		int slot = entity_slot(row->entity, value->column);

		if (slot >= 0 && differs(import, row, row->entity->column[value->column].name,
					 state.status[slot], value->text, value->len, &is_new))
			return 0;
	}
	import->unchanged += !is_new;
	return is_new;
}

int import_put(struct import *import, const struct import_row *row)
{
	struct diag *diag = &import->call->diag, why;
	unsigned long before;
	int rc;

	if (!check_id(import, row) || !check_values(import, row))
		return 0;
	rc = import_ids_add(&import->ids, row, import->line, &before, diag);
	if (rc) {
		diag_prefix(diag, "%s:%lu", import->path, import->line);
		return rc;
	}
	if (before) {
		import_fault(import, "the same id as in line %lu", before);
		return 0;
	}
	rc = compare(import, row);
	if (rc <= 0)
		return rc;
	rc = adoption_add(import->adoption, &row->write, &why);
	if (rc == ERR_INVALID || rc == ERR_LIMIT) {
		import_fault(import, "%s", why.text);
		return 0;
	}
	if (rc)
		*diag = why;
	import->adopted += rc == 0;
	return rc;
}
