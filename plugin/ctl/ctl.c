#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>

#include "access/access.h"
#include "gate/rules.h"

int ctl_fail(const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fprintf(stderr, "petstorectl %s: ", name);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	return CTL_FAILED;
}

void ctl_rows(const struct ctl_call *call, json_t *rows, const struct output_column *columns)
{
	output_rows(&call->output, rows, columns);
	if (!call->is_json && json_array_size(rows) == 0)
		(void)ctl_fail(call->name, "none");
}

void ctl_no_user(const struct ctl_call *call, const struct scene *scene, const char *name)
{
	const struct access *access = scene->rules->access;
	const struct access_principal *principal;
	struct suggest suggest = suggest_begin(name);

	for (size_t i = 0; (principal = access_principal(access, i)); i++)
		suggest_add(&suggest, principal->name);
	(void)ctl_fail(call->name, "%s: there is no user \"%s\"%s%s", call->files.access, name,
		       suggest_text(&suggest),
		       access_has_issuers(access) ? "; one who comes with a token has the token's "
						    "roles, which are not known here"
						  : "");
}

enum login_method ctl_login(const char *word)
{
	unsigned method = 0;

	if (word && strcmp(login_method_name(LOGIN_BOTH), word) == 0)
		return LOGIN_BOTH;
	while (word && method < LOGIN_NONE &&
	       strcmp(login_method_name((enum login_method)method), word) != 0)
		method++;
	return word && method < LOGIN_NONE ? (enum login_method)method : GATE_LOGIN_ANY;
}
