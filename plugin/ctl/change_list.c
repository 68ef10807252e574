#include "ctl/change_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonfile.h"
#include "ctl/output.h"

int change_list_open(const char *path, const struct files *files, struct scene *ret,
		     struct diag *diag)
{
	struct files with = *files;
	json_t *document = NULL;
	int rc = jsonfile_load(path, &document, diag);

	if (rc)
		return rc;
	if (json_object_get(document, "asyncapi"))
		with.contract = path;
	else
		with.access = path;
	json_decref(document);
	with.database = NULL;
	return scene_open(&with, ret, diag);
}

void change_list_add(struct change *change, bool is_allowed, const char *who, const char *what,
		     const char *topic, const char *format, ...)
{
	char detail[512];
	va_list args;

	*(is_allowed ? &change->allows : &change->refuses) += 1;
	if (change->limit > 0 && json_array_size(change->rows) >= (size_t)change->limit)
		return;
	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	(void)json_array_append_new(change->rows,
				    json_pack("{s:s, s:s, s:s, s:s, s:s}", "change",
					      is_allowed ? "allows" : "refuses", "who",
					      who ? who : "", "what", what ? what : "", "topic",
					      topic ? topic : "", "detail", detail));
}

void change_list_print(const struct change *change, bool is_json)
{
	static const struct output_column columns[] = {
		{ "change", "now" },  { "who", "who" },       { "what", "what" },
		{ "topic", "topic" }, { "detail", "detail" }, { NULL, NULL },
	};
	json_t *whole;

	if (!is_json) {
		output_print(change->rows, columns);
		(void)printf("%s%u allowed that was refused, %u refused that was allowed\n",
			     json_array_size(change->rows) ? "\n" : "", change->allows,
			     change->refuses);
		return;
	}
	whole = json_pack("{s:I, s:I, s:O}", "allows", (json_int_t)change->allows, "refuses",
			  (json_int_t)change->refuses, "changes", change->rows);
	(void)output_print_json(whole);
	json_decref(whole);
}
