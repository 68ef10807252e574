#include "ctl/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"

void lint_add(struct lint *lint, enum lint_level level, const char *format, ...)
{
	char raw[DIAG_MAX], text[DIAG_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	diag_escape(text, sizeof(text), raw, strlen(raw));
	*(level == LINT_ERROR ? &lint->errors : &lint->warnings) += 1;
	(void)json_array_append_new(
		lint->findings, json_pack("{s:s, s:s}", "level",
					  level == LINT_ERROR ? "error" : "warning", "text", text));
}

bool lint_lists(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *each = json_string_value(json_array_get(list, i));

		if (each && strcmp(each, name) == 0)
			return true;
	}
	return false;
}
