/*
 * access_others.c -- `default` and `anonymous` of access.json: who is let in without an entry in
 * `users`.
 */
#include "access/access_internal.h"

#include <string.h>

static const struct config_known entry_members[] = {
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "roles", .kind = CONFIG_ARRAY, .is_required = true },
};

/* The principal of the entry @at, called @name, in the access object's memory; NULL: there is none.
 */
static struct access_principal *read_entry(struct access_reader *reader, const struct config *at,
					   const char *name)
{
	struct access_basis basis = { .name = name };
	struct access_principal *ret;

	if (!at || !config_check(&reader->report, at, "the entry", entry_members))
		return NULL;
	access_read_roles(reader, config_member(at, "roles"), &basis.role, &basis.role_count);
	if (reader->report.count > 0) /* the file is refused */
		return NULL;
	ret = access_take(reader, 1, sizeof(*ret));
	if (ret && access_make(reader->access, &reader->access->arena, &basis, ret))
		(void)config_nomem(&reader->report);
	return ret;
}

/* Any client id would be another's, too: who proved nothing gets its own. */
static void bind_clients(struct access_principal *anonymous)
{
	static const char *const own[] = { "{name}", "{name}/*" };

	if (anonymous->client_count > 0)
		return;
	anonymous->client = own;
	anonymous->client_count = sizeof(own) / sizeof(*own);
}

void access_section_others(struct access_reader *reader, const struct config *root)
{
	struct access *access = reader->access;

	access->unlisted = read_entry(reader, config_member(root, "default"), "");
	access->anonymous = read_entry(reader, config_member(root, "anonymous"), ACCESS_ANONYMOUS);
	if (!access->anonymous)
		return;
	access->anonymous->is_anonymous = true;
	bind_clients(access->anonymous);
}

bool access_is_anonymous_name(const struct access *access, const char *name)
{
	return access->anonymous && strcmp(name, ACCESS_ANONYMOUS) == 0;
}

const struct access_principal *access_anonymous(const struct access *access)
{
	return access ? access->anonymous : NULL;
}

const struct access_principal *access_unlisted(const struct access *access)
{
	return access->unlisted;
}

int access_default(struct access *access, const char *name, struct access_principal **ret,
		   struct diag *diag)
{
	const struct names_template whole = {
		.count = 1, .part[0] = { .literal = { name, strlen(name) }, .source = -1 }
	};
	struct access_holder *holder;
	int rc;

	if (!access->unlisted)
		return diag_set(diag, ERR_INVALID, "the user has no entry in the access file");
	rc = access_holder_new(access, "login", &whole, NULL, 0, &holder, diag);
	if (rc)
		return rc;
	holder->basis.role = access->unlisted->role_number;
	holder->basis.role_count = access->unlisted->role_count;
	return access_holder_end(holder, 0, ret, diag);
}
