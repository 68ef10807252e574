/*
 * access_load.c -- access.json as a whole, its names and texts, the words of scopes, and `users`.
 */
#include "access/access_internal.h"
#include "base/commands.h"
#include "base/suggest.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* ---- names and texts -------------------------------------------------------------------- */

void *access_take(struct access_reader *reader, size_t count, size_t size)
{
	void *taken = arena_take(&reader->access->arena, count, size);

	if (!taken)
		(void)config_nomem(&reader->report);
	return taken;
}

void *access_room(struct access_reader *reader, const struct config *list, size_t max,
		  const char *what, size_t size)
{
	size_t count = config_count(list);

	if (count > 0 && !config_bound(&reader->report, list, 0, max, what))
		return NULL;
	return access_take(reader, count > 0 ? count : 1, size);
}

const char *access_copy(struct access_reader *reader, const char *text, size_t len)
{
	const char *copy = arena_text(&reader->access->arena, text, len);

	if (!copy)
		(void)config_nomem(&reader->report);
	return copy;
}

/* A key has no NUL: strlen() tells its length. */
static bool check_name(struct config_report *report, const struct config *at)
{
	const char *fault = names_fault(at->key, strlen(at->key), ACCESS_NAME_MAX);

	return !fault || config_fail(report, at, NULL, ERR_INVALID, "the name %s", fault);
}

const char *access_name(struct access_reader *reader, const struct config *at)
{
	return check_name(&reader->report, at) ? access_copy(reader, at->key, strlen(at->key))
					       : NULL;
}

const char *access_text(struct access_reader *reader, const struct config *at)
{
	if (!at)
		return NULL;
	if (at->kind == CONFIG_STRING && at->count > 0 &&
	    !names_text_fault(at->text, at->count, ACCESS_VALUE_MAX))
		return access_copy(reader, at->text, at->count);
	(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
			  "expected a string of 1 to %u bytes without control characters",
			  ACCESS_VALUE_MAX);
	return NULL;
}

/* ---- words of scopes -------------------------------------------------------------------- */

bool access_scope_add(const struct access *access, const char *word, size_t len,
		      struct scopeset *full, struct scopeset *own)
{
	static const char suffix[] = ":own";
	const size_t suffix_len = sizeof(suffix) - 1;
	uint32_t scope = nametable_find(&access->scope_table, word, len);
	struct scopeset *set = full;
	bool is_found = commands_add(word, len, full);

	if (scope != NAMETABLE_NONE) {
		scopeset_add(full, scope);
		return true;
	}
	if (own && len > suffix_len && memcmp(word + len - suffix_len, suffix, suffix_len) == 0) {
		set = own;
		len -= suffix_len;
		scope = nametable_find(&access->scope_table, word, len);
	}
	if (scope != NAMETABLE_NONE) {
		scopeset_add(set, scope);
		return true;
	}
	if (len == 0 || word[len - 1] != '*' || (len > 1 && word[len - 2] != ':'))
		return is_found;
	for (unsigned i = 0; i < access->scope_count; i++) {
		if (strncmp(access->scope[i], word, len - 1) != 0)
			continue;
		scopeset_add(set, i);
		is_found = true;
	}
	return is_found || len == 1; /* "*" is all scopes, also of a contract that has none */
}

/* Says of a scope's ":own" that it gives nothing. */
static void warn_of_own(struct access_reader *reader, const struct config *at)
{
	struct access *access = reader->access;
	struct diag text;

	if (access->warning_count == ACCESS_WARNINGS_MAX)
		return;
	config_line(&text, at, NULL, "\"%s\" gives nothing: its holder needs the scope in full",
		    at->text);
	access->warning[access->warning_count] = access_copy(reader, text.text, strlen(text.text));
	access->warning_count += access->warning[access->warning_count] != NULL;
}

/* "the contract has no scope ..." */
static void refuse_scope(struct access_reader *reader, const struct config *word, bool is_denial)
{
	const size_t head = sizeof(COMMANDS_PREFIX) - 1;
	struct suggest suggest = suggest_begin(word->text);

	if (strncmp(word->text, COMMANDS_PREFIX, head) == 0)
		for (unsigned i = 0; commands_scope(i); i++)
			suggest_add(&suggest, commands_scope(i));
	(void)config_fail(&reader->report, word, NULL, ERR_INVALID,
			  "the contract has no scope \"%s\"%s%s", word->text,
			  is_denial ? " (a denial is of the whole scope)" : "",
			  strcmp(word->text, "write:control") == 0
				  ? "; commands have scopes of their own: \"control:*\" has all"
				  : suggest_text(&suggest));
}

/* Is it one scope with ":own" behind it, of which only the scope in full is of use? */
static bool is_own_of_whole(const struct access_reader *reader, const struct config *word,
			    const struct scopeset *own)
{
	static const struct scopeset none;

	return reader->offer->whole && !strchr(word->text, '*') && !scopeset_covers(&none, own) &&
	       scopeset_covers(reader->offer->whole, own);
}

void access_read_scopes(struct access_reader *reader, const struct config *list,
			struct scopeset *full, struct scopeset *own)
{
	config_foreach_item(word, list) {
		struct scopeset added = { { 0 } };

		if (word->kind != CONFIG_STRING)
			(void)config_fail(&reader->report, word, NULL, ERR_INVALID,
					  "expected a scope's name");
		else if (!access_scope_add(reader->access, word->text, word->count, full,
					   own ? &added : NULL))
			refuse_scope(reader, word, !own);
		else if (is_own_of_whole(reader, word, &added))
			warn_of_own(reader, word);
		if (own)
			scopeset_merge(own, &added);
	}
}

/* Copies the contract's scopes: the principal's maker needs them after the contract is gone. */
static bool read_contract_scopes(struct access_reader *reader)
{
	struct access *access = reader->access;
	size_t count = reader->offer->count;
	const char **scope;
	struct diag text;

	if (count > SCOPES_MAX) {
		(void)diag_set(&text, 0, "the contract has %zu scopes, at most %u fit", count,
			       SCOPES_MAX);
		return config_add(&reader->report, ERR_LIMIT, text.text);
	}
	scope = access_take(reader, count, sizeof(*scope));
	if (!scope || !nametable_init(&access->scope_table, &access->arena, count))
		return config_nomem(&reader->report);
	for (unsigned i = 0; i < count; i++) {
		const char *name = reader->offer->name[i];

		scope[i] = access_copy(reader, name, strlen(name));
		if (!scope[i])
			return false;
		(void)nametable_put(&access->scope_table, scope[i], strlen(name), i);
	}
	access->scope = scope;
	access->scope_count = count;
	return true;
}

/* ---- users ------------------------------------------------------------------------------- */

static const struct config_known user_members[] = {
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "roles", .kind = CONFIG_ARRAY, .is_required = true },
	{ .name = "attributes", .kind = CONFIG_OBJECT },
	{ .name = "disabled", .kind = CONFIG_BOOLEAN },
};

/* An attribute is a string, or a list of them. */
static void read_attribute(struct access_reader *reader, const struct config *at,
			   struct access_attribute *ret)
{
	const char **value = access_room(reader, at, ACCESS_LIST_MAX, "values", sizeof(*value));

	ret->name = access_name(reader, at);
	if (!value)
		return;
	for (size_t i = 0; i < config_items(at); i++) {
		const struct config *text = config_item(at, i);

		if (text->kind == CONFIG_STRING &&
		    !names_text_fault(text->text, text->count, ACCESS_VALUE_MAX))
			value[i] = access_copy(reader, text->text, text->count);
		else
			(void)config_fail(&reader->report, text, NULL, ERR_INVALID,
					  text == at ? "expected a string or a list of strings"
						     : "expected a string without control "
						       "characters");
	}
	ret->value = value;
	ret->value_count = config_items(at);
}

static void read_attributes(struct access_reader *reader, const struct config *attributes,
			    struct access_basis *basis)
{
	struct access_attribute *attribute =
		access_room(reader, attributes, ACCESS_LIST_MAX, "attributes", sizeof(*attribute));

	if (!attribute)
		return;
	basis->attribute = attribute;
	config_foreach_member(at, attributes)
		read_attribute(reader, at, &attribute[basis->attribute_count++]);
}

static void read_user(struct access_reader *reader, const struct config *at,
		      struct access_principal *ret)
{
	struct access_basis basis = { .name = access_name(reader, at) };
	bool is_disabled = false;

	if (access_is_anonymous_name(reader->access, at->key))
		(void)config_fail(
			&reader->report, at, NULL, ERR_INVALID,
			"with the member `anonymous` this name is that of clients without "
			"one: expected another");
	if (!config_check(&reader->report, at, "a user", user_members))
		return;
	access_read_roles(reader, config_member(at, "roles"), &basis.role, &basis.role_count);
	if (config_member(at, "attributes"))
		read_attributes(reader, config_member(at, "attributes"), &basis);
	(void)config_boolean(&reader->report, at, "disabled", &is_disabled);
	if (reader->report.count > 0) /* the file is refused */
		return;
	if (access_make(reader->access, &reader->access->arena, &basis, ret)) {
		(void)config_nomem(&reader->report);
		return;
	}
	ret->is_disabled = is_disabled;
	ret->has_entry = true;
	(void)nametable_put(&reader->access->user_table, ret->name, strlen(ret->name),
			    (uint32_t)(ret - reader->access->user));
}

static void read_users(struct access_reader *reader, const struct config *users)
{
	struct access *access = reader->access;

	access->user = access_room(reader, users, ACCESS_USERS_MAX, "users", sizeof(*access->user));
	if (!access->user)
		return;
	if (!nametable_init(&access->user_table, &access->arena, config_count(users))) {
		(void)config_nomem(&reader->report);
		return;
	}
	config_foreach_member(at, users)
		read_user(reader, at, &access->user[access->user_count++]);
}

/* ---- the file --------------------------------------------------------------------------- */

static const struct config_known file_members[] = {
	{ .name = "$schema", .kind = CONFIG_STRING },
	{ .name = "applications", .kind = CONFIG_OBJECT }, /* the contract reads its members */
	{ .name = "roles", .kind = CONFIG_OBJECT, .is_required = true },
	{ .name = "clientIds", .kind = CONFIG_ARRAY },
	{ .name = "users", .kind = CONFIG_OBJECT, .is_required = true },
	{ .name = "default anonymous", .kind = CONFIG_OBJECT },
	{ .name = "certificates", .kind = CONFIG_ARRAY },
	{ .name = "issuers", .kind = CONFIG_ARRAY },
};

/* Roles and client ids are read first: the principals are made of them. */
static void read_file(struct access_reader *reader, const struct config *root)
{
	struct access *access = reader->access;

	if (!config_check(&reader->report, root, "the file", file_members))
		return;
	access_section_roles(reader, config_member(root, "roles"));
	access_read_clients(reader, config_member(root, "clientIds"), &access->client,
			    &access->client_count);
	access_section_others(reader, root); /* a user can't have the name of the nameless */
	read_users(reader, config_member(root, "users"));
	access_section_certificates(reader, config_member(root, "certificates"));
	access_section_issuers(reader, config_member(root, "issuers"));
}

static int build(const struct config *root, const char *folder, const struct access_offer *offer,
		 struct config_report report, struct access **ret)
{
	struct access_reader reader = { .folder = folder,
					.offer = offer,
					.report = report,
					.access = calloc(1, sizeof(*reader.access)) };

	if (!reader.access) {
		(void)config_nomem(&reader.report);
		return reader.report.rc;
	}
	reader.access->holders = 1;
	if (read_contract_scopes(&reader))
		read_file(&reader, root);
	if (reader.report.rc)
		access_free(reader.access);
	else
		*ret = reader.access;
	return reader.report.rc;
}

int access_parse(const char *name, const char *folder, const char *text, size_t len,
		 const struct access_offer *offer, struct access **ret, struct diag *diag)
{
	struct config *root = NULL;
	int rc = config_parse(name, text, len, &root, diag);

	if (rc == 0)
		rc = build(root, folder, offer, (struct config_report){ .diag = diag }, ret);
	config_free(root);
	return rc;
}

/* What was read and not yet judged. */
struct access_file {
	struct config *root;
	char *path;         /* changed by dirname() */
	const char *folder; /* of it; in @path */
};

int access_open(const char *path, struct access_file **ret, struct diag_list *all,
		struct diag *diag)
{
	struct access_file *file = calloc(1, sizeof(*file));
	int rc;

	if (!file || !(file->path = strdup(path)))
		rc = diag_nomem(diag);
	else
		rc = config_load(path, path, &file->root, diag);
	if (rc) {
		if (all)
			diag_list_add(all, diag->text);
		access_close(file);
		return rc;
	}
	file->folder = dirname(file->path);
	*ret = file;
	return 0;
}

const struct config *access_applications(const struct access_file *file)
{
	return config_member(file->root, "applications");
}

int access_users(const struct access_file *file, const struct config **ret, struct diag *diag)
{
	struct config_report report = { .diag = diag };
	const struct config *users = config_member(file->root, "users");

	(void)config_check(&report, file->root, "the file", file_members);
	if (report.rc == 0)
		(void)config_bound(&report, users, 0, ACCESS_USERS_MAX, "users");
	config_foreach_member(user, users)
		if (!check_name(&report, user))
			break;
	if (report.rc == 0)
		*ret = users;
	return report.rc;
}

int access_build(const struct access_file *file, const struct access_offer *offer,
		 struct access **ret, struct diag_list *all, struct diag *diag)
{
	return build(file->root, file->folder, offer,
		     (struct config_report){ .diag = diag, .all = all }, ret);
}

void access_close(struct access_file *file)
{
	if (!file)
		return;
	config_free(file->root);
	free(file->path);
	free(file);
}

int access_load(const char *path, const struct access_offer *offer, struct access **ret,
		struct diag_list *all, struct diag *diag)
{
	struct access_file *file = NULL;
	int rc = access_open(path, &file, all, diag);

	if (rc == 0)
		rc = access_build(file, offer, ret, all, diag);
	access_close(file);
	return rc;
}
