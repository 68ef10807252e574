#include "ledger/settle.h"

#include <string.h>

static bool is_same(const struct record_text *a, const struct record_text *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

struct record_text settle_status(const struct record *record, uint32_t column)
{
	for (size_t i = 0; i < record->value_count; i++)
		if (record->value[i].column == column && record->value[i].type == VALUE_TEXT)
			return (struct record_text){ record->value[i].text, record->value[i].len };
	return (struct record_text){ NULL, 0 };
}

/* A journal has the owner only where none was known when the step was decided. */
static bool is_others(const struct record *record, const struct settle_stands *stands)
{
	return record->owner.len > 0 && stands->owner.len > 0 &&
	       !is_same(&record->owner, &stands->owner);
}

enum settle settle_step(const struct record *record, const struct entity_steps *steps,
			const struct settle_stands *stands, enum settle_resend resend,
			enum settle_lack lack)
{
	struct record_text to;
	bool has_moved, is_repeat, lacks_steps;

	if (record->before_column == 0 || record->is_adopted || record->is_taken_over)
		return SETTLE_APPLIED;
	to = settle_status(record, record->before_column);
	has_moved = !is_same(&record->before, &stands->status);
	is_repeat = !has_moved && is_same(&to, &stands->status) && !record->is_unrecorded;
	if (is_repeat && resend == SETTLE_UNASKED)
		return SETTLE_ASK;
	if (!has_moved && (record->is_correction || !is_others(record, stands)))
		return is_repeat && resend == SETTLE_RESEND ? SETTLE_DROPPED : SETTLE_APPLIED;
	lacks_steps = record->revision > stands->revision + 1;
	if (lack == SETTLE_MAY_COME && lacks_steps)
		return SETTLE_WAITS;
	if (record->is_correction)
		return SETTLE_APPLIED;
	if (resend == SETTLE_UNASKED)
		return SETTLE_ASK;
	if (resend == SETTLE_RESEND)
		return SETTLE_DROPPED;
	if (is_others(record, stands))
		return SETTLE_OVERRULED;
	if (is_same(&to, &stands->status))
		return SETTLE_KEPT;
	if (entity_has_step(steps, stands->status.text, stands->status.len, to.text, to.len))
		return SETTLE_APPLIED;
	if (lack != SETTLE_LOST || !lacks_steps)
		return SETTLE_OVERRULED;
	return entity_leads(steps, stands->status.text, stands->status.len, to.text, to.len)
		       ? SETTLE_APPLIED
		       : SETTLE_OVERRULED;
}
