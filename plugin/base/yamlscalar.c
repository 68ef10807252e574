#include "base/yamlscalar.h"

#include <string.h>

#include "base/yamlcore.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

/* The name of a tag of YAML's own; NULL: it is another. */
const char *yamlscalar_tag(const yaml_char_t *tag)
{
	size_t len = strlen(TAG_PREFIX);

	return strncmp((const char *)tag, TAG_PREFIX, len) == 0 ? (const char *)tag + len : NULL;
}

int yamlscalar_fail_tag(struct configbuild *build, const yaml_char_t *tag,
			struct configbuild_place place)
{
	return configbuild_fail(build, place, ERR_INVALID,
				"the tag \"%s\" is not known here, or not of such a value: "
				"expected !!str, !!int, !!float, !!bool, !!null, !!map or !!seq",
				(const char *)tag);
}

bool yamlscalar_is_plain(const yaml_event_t *event)
{
	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* What the text is, after its tag and quotes. -1: the tag does not fit it. */
int yamlscalar_kind(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	const yaml_char_t *tag = event->data.scalar.tag;
	enum yamlcore_kind kind = yamlcore_kind(text, len);
	const char *name;
	bool fits;

	if (!tag)
		return yamlscalar_is_plain(event) ? (int)kind : YAMLCORE_STRING;
	name = yamlscalar_tag(tag);
	if (strcmp((const char *)tag, "!") == 0 || (name && strcmp(name, "str") == 0))
		return YAMLCORE_STRING;
	if (!name)
		return -1;
	if (strcmp(name, "float") == 0 && kind == YAMLCORE_DECIMAL)
		return YAMLCORE_FLOAT;
	fits = strcmp(name, "null") == 0    ? kind == YAMLCORE_NULL
	       : strcmp(name, "bool") == 0  ? kind == YAMLCORE_TRUE || kind == YAMLCORE_FALSE
	       : strcmp(name, "int") == 0   ? kind >= YAMLCORE_DECIMAL && kind <= YAMLCORE_HEX
	       : strcmp(name, "float") == 0 ? kind == YAMLCORE_FLOAT || kind == YAMLCORE_INF
					    : false;
	return fits ? (int)kind : -1;
}

/* 0o17 or 0xff; a number that int64_t can't hold becomes a double. */
static int add_bits(struct configbuild *build, const char *text, unsigned bits,
		    struct configbuild_place place)
{
	struct config value = { .kind = CONFIG_INTEGER };
	double real = 0;
	bool is_big = false;

	for (text += 2; *text; text++) {
		int digit = *text <= '9' ? *text - '0' : (*text | 0x20) - 'a' + 10;

		real = real * (1 << bits) + digit;
		is_big = is_big || value.integer > (INT64_MAX - digit) >> bits;
		if (!is_big)
			value.integer = (value.integer << bits) + digit;
	}
	if (is_big) {
		value.kind = CONFIG_REAL;
		value.real = real;
	}
	if (real > 1e300)
		return configbuild_fail(build, place, ERR_LIMIT, "a number that is too large");
	return configbuild_value(build, &value, place);
}

int yamlscalar_add(struct configbuild *build, const yaml_event_t *event,
		   struct configbuild_place place)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	int kind = yamlscalar_kind(event);
	struct config value = { .kind = CONFIG_STRING };

	switch (kind) {
	case YAMLCORE_NULL:
		value.kind = CONFIG_NULL;
		break;
	case YAMLCORE_TRUE:
	case YAMLCORE_FALSE:
		value.kind = CONFIG_BOOLEAN;
		value.boolean = kind == YAMLCORE_TRUE;
		break;
	case YAMLCORE_DECIMAL:
	case YAMLCORE_FLOAT:
		return configbuild_number(build, text, len, kind == YAMLCORE_FLOAT, place);
	case YAMLCORE_OCTAL:
	case YAMLCORE_HEX:
		return add_bits(build, text, kind == YAMLCORE_HEX ? 4 : 3, place);
	case YAMLCORE_INF:
		return configbuild_fail(build, place, ERR_INVALID,
					"JSON has no number %s: quote it if it is a text", text);
	case YAMLCORE_STRING:
		value.text = text;
		value.count = (uint32_t)len;
		break;
	default:
		return yamlscalar_fail_tag(build, event->data.scalar.tag, place);
	}
	return configbuild_value(build, &value, place);
}
