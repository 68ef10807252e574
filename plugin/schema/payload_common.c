/* The functions that both backends share: they check limits and read values by payload_view.h. */
#include "schema/payload.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "schema/payload_backend.h"
#include "schema/payload_view.h"

int payload_parser_new(const struct payload_limits *limits, struct payload_parser **ret,
		       struct diag *diag)
{
	if (limits->max_bytes < 1 || limits->max_bytes > PAYLOAD_MAX_BYTES ||
	    limits->max_depth < 1 || limits->max_depth > PAYLOAD_MAX_DEPTH)
		return diag_set(diag, ERR_LIMIT,
				"a payload may have 1 to %u bytes and 1 to %u levels",
				PAYLOAD_MAX_BYTES, PAYLOAD_MAX_DEPTH);
	return payload_backend_new(limits, ret, diag);
}

bool payload_fits(const struct payload_parser *parser, size_t len, struct payload_error *error)
{
	size_t most = parser->limits.max_bytes;

	if (len <= most)
		return true;
	payload_report(error, PAYLOAD_TOO_LARGE, most, "");
	(void)snprintf(error->text, sizeof(error->text),
		       "the text has %zu bytes, at most %zu are allowed", len, most);
	return false;
}

const struct payload_value *payload_parse(struct payload_parser *parser, const void *text,
					  size_t len, struct payload_error *error)
{
	if (!payload_fits(parser, len, error))
		return NULL;
	return payload_backend_parse(parser, len ? text : "", len, error);
}

bool payload_string(const struct payload_value *value, const char **ret, size_t *ret_len)
{
	if (!value || !view_is(value, VIEW_STRING))
		return false;
	*ret = view_string(value, ret_len);
	return true;
}

/* False where @value is no number. */
static bool read_number(const struct payload_value *value, struct number *ret)
{
	if (!value || !view_is(value, VIEW_NUMBER))
		return false;
	view_number(value, view_kind(value), ret);
	return true;
}

bool payload_integer(const struct payload_value *value, int64_t *ret)
{
	struct number number;

	if (!read_number(value, &number))
		return false;
	if (number.kind == NUMBER_INT) {
		*ret = number.i;
		return true;
	}
	/* 2^63 is a double, INT64_MAX is not. */
	if (number.kind != NUMBER_REAL || number.d < -0x1p63 || number.d >= 0x1p63 ||
	    number.d != trunc(number.d))
		return false;
	*ret = (int64_t)number.d;
	return true;
}

bool payload_number(const struct payload_value *value, double *ret)
{
	struct number number;

	if (!read_number(value, &number))
		return false;
	*ret = number_real(&number);
	return true;
}

bool payload_big(const struct payload_value *value, char room[PAYLOAD_BIG_ROOM], const char **ret,
		 size_t *ret_len)
{
	struct number number;

	if (!read_number(value, &number) ||
	    (number.kind != NUMBER_BIG && number.kind != NUMBER_UINT))
		return false;
	*ret = room;
	if (number.kind == NUMBER_UINT) {
		*ret_len = (size_t)snprintf(room, PAYLOAD_BIG_ROOM, "%" PRIu64, number.u);
	} else {
		*ret = number.big.text;
		*ret_len = number.big.len;
	}
	return true;
}

bool payload_boolean(const struct payload_value *value, bool *ret)
{
	if (!value || !view_is(value, VIEW_BOOLEAN))
		return false;
	*ret = view_is(value, VIEW_TRUE);
	return true;
}

bool payload_is_array(const struct payload_value *value)
{
	return value && view_is(value, VIEW_ARRAY);
}

const struct payload_value *payload_item(const struct payload_value *value, size_t index)
{
	struct view_walk walk;

	if (!payload_is_array(value) || index >= view_size(value))
		return NULL;
	walk = view_walk(value);
	while (index-- > 0)
		(void)view_item(&walk);
	return view_item(&walk);
}
