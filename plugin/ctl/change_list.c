#include "ctl/change_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/config.h"

/* A folder of documents is a contract. */
static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int change_list_kind(const char *path, bool *is_contract, struct diag *diag)
{
	struct config *document = NULL;
	bool is_known = is_folder(path);
	int rc = is_known ? 0 : config_load(path, path, &document, diag);

	if (rc == 0)
		*is_contract = is_known || config_member(document, "asyncapi");
	config_free(document);
	return rc;
}

int change_list_open(const char *path, bool is_contract, const struct files *files,
		     struct scene *ret, struct diag *diag)
{
	struct files with = *files;

	if (is_contract)
		with.contract = (struct args_list){ 1, { path } }, with.contract_root = NULL;
	else
		with.access = path;
	with.database = NULL;
	return scene_open(&with, ret, diag);
}

void change_list_add(struct change_list *list, bool is_allowed, const char *who, const char *what,
		     const char *topic, const char *format, ...)
{
	char detail[512];
	va_list args;

	*(is_allowed ? &list->allows : &list->refuses) += 1;
	if (list->limit > 0 && json_array_size(list->rows) >= (size_t)list->limit)
		return;
	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	(void)json_array_append_new(list->rows,
				    json_pack("{s:s, s:s, s:s, s:s, s:s}", "change",
					      is_allowed ? "allows" : "refuses", "who",
					      who ? who : "", "what", what ? what : "", "topic",
					      topic ? topic : "", "detail", detail));
}

void change_list_print(const struct change_list *list, json_t *more, const struct output *output)
{
	static const struct output_column columns[] = {
		{ "change", "now", OUTPUT_BY_WORD },  { "who", "who", OUTPUT_PLAIN },
		{ "what", "what", OUTPUT_PLAIN },     { "topic", "topic", OUTPUT_PLAIN },
		{ "detail", "detail", OUTPUT_PLAIN }, { .key = NULL },
	};
	json_t *whole;

	if (!output->is_json) {
		output_rows(output, list->rows, columns);
		(void)printf("%s%u allowed that was refused, %u refused that was allowed\n",
			     json_array_size(list->rows) ? "\n" : "", list->allows, list->refuses);
		return;
	}
	whole = json_pack("{s:I, s:I, s:O}", "allows", (json_int_t)list->allows, "refuses",
			  (json_int_t)list->refuses, "changes", list->rows);
	if (more)
		(void)json_object_update(whole, more);
	output_json(whole);
	json_decref(whole);
}
