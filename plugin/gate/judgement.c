#include "gate/judgement.h"

#include <stdio.h>
#include <string.h>

bool judgement_observe(struct judgement *j)
{
	struct decision *d = j->decision;

	if (!d->is_observed) {
		j->gate->first.reason = d->reason;
		j->gate->first.error = d->error;
		memcpy(j->gate->first.current_status, d->current_status, sizeof(d->current_status));
	}
	d->is_observed = true;
	d->error.instance[0] = d->error.schema[0] = d->error.keyword[0] = d->error.message[0] = 0;
	d->current_status[0] = '\0';
	return true;
}

bool judgement_failed(struct judgement *j, enum gate_step step, enum contract_group group)
{
	j->decision->failed |= 1u << step;
	return j->mode[group] == CONTRACT_OBSERVE && judgement_observe(j);
}

bool judgement_refuse(struct judgement *j, enum reason reason, const char *format, ...)
{
	char text[2 * sizeof(j->decision->error.message)];
	va_list args;

	j->decision->reason = reason;
	if (j->request->action == GATE_DELIVER)
		return false;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_escape(j->decision->error.message, sizeof(j->decision->error.message), text,
		    strlen(text));
	return false;
}

void judgement_point(struct judgement *j, const char *pointer, const char *keyword)
{
	struct schema_error *error = &j->decision->error;

	(void)snprintf(error->instance, sizeof(error->instance), "%s", pointer);
	(void)snprintf(error->keyword, sizeof(error->keyword), "%s", keyword);
}

void judgement_point_member(struct judgement *j, const char *member, const char *keyword)
{
	char pointer[sizeof(j->decision->error.instance)];

	(void)snprintf(pointer, sizeof(pointer), "/%s", member);
	judgement_point(j, pointer, keyword);
}

bool judgement_lack(struct judgement *j, const char *table)
{
	return judgement_refuse(j, REASON_STORE_UNAVAILABLE,
				"the table %s is not ready yet, try again later", table);
}

bool judgement_look(struct judgement *j, const struct entity *entity, const char *id, size_t len,
		    struct ledger_state *ret)
{
	const char *table;

	/* No entity has a longer id, and none will: permission_params() refuses its messages. */
	if (len > ENTITY_ID_MAX || (!j->gate->ledger && !j->gate->look)) {
		memset(ret, 0, sizeof(*ret));
		return true;
	}
	if (!j->gate->ledger)
		return j->gate->look(j->gate->look_ctx, entity, id, len, ret) ||
		       judgement_refuse(j, REASON_STORE_UNAVAILABLE,
					"the store can't be asked now");
	if (ledger_look(j->gate->ledger, entity->index, id, len, ret, NULL) == 0)
		return true;
	table = ledger_lacks(j->gate->ledger, entity->index, ENTITY_COLUMNS_MAX);
	if (table)
		return judgement_lack(j, table);
	return judgement_refuse(j, REASON_STORE_UNAVAILABLE, "the store can't be asked now");
}
