/*
 * access_roles.c -- `roles` of access.json: what each allows and denies, and which it includes.
 * What it says of applications is read by access_grants.c.
 */
#include "access/access_internal.h"
#include "base/commands.h"

#include <string.h>

static const struct config_known role_members[] = {
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "includes", .kind = CONFIG_ARRAY },
	{ .name = "scopes", .kind = CONFIG_ARRAY },
	{ .name = "deny", .kind = CONFIG_ARRAY },
	{ .name = "where", .kind = CONFIG_OBJECT },
	{ .name = "requires" },
	{ .name = "clientIds", .kind = CONFIG_ARRAY },
	{ .name = "limits" },
	{ .name = "is talksTo operations", .kind = CONFIG_ARRAY },
	{ .name = "peer", .kind = CONFIG_BOOLEAN },
	{ .name = "trust", .kind = CONFIG_ARRAY },
};

static bool read_role_name(struct access_reader *reader, const struct config *at, uint32_t *ret)
{
	if (at->kind != CONFIG_STRING)
		return config_fail(&reader->report, at, NULL, ERR_INVALID,
				   "expected a role's name");
	*ret = nametable_find(&reader->access->role_table, at->text, at->count);
	return *ret != NAMETABLE_NONE || config_fail(&reader->report, at, NULL, ERR_INVALID,
						     "there is no role \"%s\"", at->text);
}

void access_read_roles(struct access_reader *reader, const struct config *list,
		       const uint32_t **ret, size_t *ret_count)
{
	uint32_t *role = access_room(reader, list, ACCESS_ROLES_MAX, "roles", sizeof(*role));
	size_t count = 0;

	if (!role)
		return;
	config_foreach_item(at, list) {
		if (!read_role_name(reader, at, &role[count]))
			continue;
		for (size_t k = 0; k < count; k++)
			if (role[k] == role[count])
				(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
						  "the role \"%s\" stands here twice", at->text);
		count++;
	}
	*ret = role;
	*ret_count = count;
}

/* One value of a `where`: a pattern, or a word in braces. */
static void read_value(struct access_reader *reader, const struct config *at,
		       struct access_value *ret)
{
	const char *text = access_text(reader, at);
	size_t len = at->count;

	if (!text)
		return;
	if (strcmp(text, "{name}") == 0) {
		ret->is_name = true;
		return;
	}
	if (len > 2 && text[0] == '{' && text[len - 1] == '}' &&
	    !names_fault(text + 1, len - 2, ACCESS_NAME_MAX)) {
		ret->attribute = access_copy(reader, text + 1, len - 2);
		return;
	}
	if (strpbrk(text, "{}") || !names_pattern_read(text, len, &ret->pattern))
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
				  "expected a value with at most one '*', \"{name}\" or an "
				  "attribute's name in braces");
}

static void read_limit(struct access_reader *reader, const struct config *at,
		       struct access_limit *ret)
{
	struct access_value *value =
		access_room(reader, at, ACCESS_LIST_MAX, "values", sizeof(*value));

	if (!reader->offer->has_param || !reader->offer->has_param(reader->offer->ctx, at->key))
		(void)config_fail(&reader->report, at, NULL, ERR_INVALID,
				  "the contract has no topic parameter of this name");
	ret->param = access_copy(reader, at->key, strlen(at->key));
	if (!value)
		return;
	for (size_t i = 0; i < config_items(at); i++)
		read_value(reader, config_item(at, i), &value[i]);
	ret->value = value;
	ret->value_count = config_items(at);
}

static void read_where(struct access_reader *reader, const struct config *where,
		       struct access_role *role)
{
	struct access_limit *limit;

	if (!where || where->kind != CONFIG_OBJECT)
		return;
	if (where->count == 0)
		(void)config_fail(&reader->report, where, NULL, ERR_INVALID,
				  "expected a topic parameter's name");
	if (role->include_count > 0)
		(void)config_fail(&reader->report, where, NULL, ERR_INVALID,
				  "a role with `where` cannot include others");
	limit = access_room(reader, where, ACCESS_LIST_MAX, "parameters", sizeof(*limit));
	if (!limit)
		return;
	role->rule.limit = limit;
	config_foreach_member(at, where)
		read_limit(reader, at, &limit[role->rule.limit_count++]);
}

/* A command has no topic, so no parameter. */
static void check_commands(struct access_reader *reader, const struct config *where,
			   const struct access_role *role)
{
	struct scopeset all = role->rule.full, commands = { { 0 } };

	if (!where)
		return;
	(void)commands_add(COMMANDS_PREFIX "*", sizeof(COMMANDS_PREFIX), &commands);
	scopeset_merge(&all, &role->rule.denied);
	scopeset_cut(&all, &commands);
	if (scopeset_covers(&(struct scopeset){ { 0 } }, &all))
		return;
	(void)config_fail(&reader->report, where, NULL, ERR_INVALID,
			  "scopes of commands (" COMMANDS_PREFIX
			  "...) are about no topic: expected a role of their own, without `where`");
}

static void read_role(struct access_reader *reader, const struct config *at,
		      struct access_role *role)
{
	static const char *const requirements[] = { "certificate", NULL };
	struct limits limits = { 0 }, *copy;
	unsigned ignored;

	if (!config_check(&reader->report, at, "a role", role_members))
		return;
	access_read_roles(reader, config_member(at, "includes"), &role->include,
			  &role->include_count);
	access_read_scopes(reader, config_member(at, "scopes"), &role->rule.full, &role->rule.own);
	access_read_scopes(reader, config_member(at, "deny"), &role->rule.denied, NULL);
	access_read_grants(reader, at, &role->rule.grants);
	access_read_peer(reader, at, role);
	read_where(reader, config_member(at, "where"), role);
	check_commands(reader, config_member(at, "where"), role);
	role->needs_certificate =
		config_word(&reader->report, at, "requires", requirements, &ignored);
	access_read_clients(reader, config_member(at, "clientIds"), &role->client,
			    &role->client_count);
	if (!limits_read(&reader->report, config_member(at, "limits"), "limits",
			 "messagesPerSecond burst bytesPerSecond subscriptions connectsPerMinute "
			 "topicLevels topicBytes clients",
			 &limits))
		return;
	role->limits = copy = access_take(reader, 1, sizeof(*copy));
	if (copy)
		*copy = limits;
}

/* A walk over roles that include roles: 0 not seen, 1 on the way down, 2 done. */
struct cycle_search {
	struct access_reader *reader;
	const struct config *roles; /* item i is role i */
	unsigned char state[ACCESS_ROLES_MAX];
};

/* Recursion is bounded by the number of roles, since a role on the way down is a cycle. */
static void close_role(struct cycle_search *search, uint32_t index)
{
	struct access_role *role = &search->reader->access->role[index];
	const struct config *includes = config_member(&search->roles->item[index], "includes");

	search->state[index] = 1;
	role->closure.word[index / 64] |= UINT64_C(1) << (index % 64);
	for (size_t i = 0; i < role->include_count; i++) {
		uint32_t next = role->include[i];
		struct access_role *included = &search->reader->access->role[next];

		if (search->state[next] == 1)
			(void)config_fail(
				&search->reader->report, &includes->item[i], NULL, ERR_INVALID,
				"the role \"%s\" includes itself in a circle", included->name);
		if (search->state[next] == 0)
			close_role(search, next);
		for (size_t w = 0; w < ACCESS_ROLES_MAX / 64; w++)
			role->closure.word[w] |= included->closure.word[w];
	}
	search->state[index] = 2;
}

/* The names come first, so that a role can include one that stands below it. */
static bool name_roles(struct access_reader *reader, const struct config *roles)
{
	struct access *access = reader->access;

	access->role = access_room(reader, roles, ACCESS_ROLES_MAX, "roles", sizeof(*access->role));
	if (!access->role)
		return false;
	if (!nametable_init(&access->role_table, &access->arena, config_count(roles)))
		return config_nomem(&reader->report);
	config_foreach_member(at, roles) {
		struct access_role *role = &access->role[access->role_count++];

		role->name = access_name(reader, at);
		if (role->name)
			(void)nametable_put(&access->role_table, role->name, strlen(role->name),
					    (uint32_t)(role - access->role));
	}
	return true;
}

void access_section_roles(struct access_reader *reader, const struct config *roles)
{
	struct access *access = reader->access;
	struct cycle_search search = { .reader = reader, .roles = roles };

	if (!roles || roles->kind != CONFIG_OBJECT || !name_roles(reader, roles))
		return;
	for (uint32_t i = 0; i < access->role_count; i++)
		read_role(reader, &roles->item[i], &access->role[i]);
	for (uint32_t i = 0; i < access->role_count && reader->report.count == 0; i++)
		if (search.state[i] == 0)
			close_role(&search, i);
}
