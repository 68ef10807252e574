/* access_users.c -- `users` of access.json: each with its roles and attributes. */
#include "access/access_internal.h"

#include <string.h>

static const struct config_known user_members[] = {
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "roles", .kind = CONFIG_ARRAY, .is_required = true },
	{ .name = "attributes", .kind = CONFIG_OBJECT },
	{ .name = "disabled", .kind = CONFIG_BOOLEAN },
	{ .name = NULL },
};

/* An attribute is a string, or a list of them. */
static void read_attribute(struct access_reader *reader, const struct config *at,
			   struct access_attribute *ret)
{
	size_t count = config_items(at);
	const char **value = access_take(reader, count, sizeof(*value));

	ret->name = access_name(reader, at);
	if (!value || (at->kind == CONFIG_ARRAY &&
		       !config_bound(&reader->report, at, 0, ACCESS_LIST_MAX, "values")))
		return;
	for (size_t i = 0; i < count; i++) {
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
	ret->value_count = count;
}

static void read_attributes(struct access_reader *reader, const struct config *attributes,
			    struct access_grant *grant)
{
	struct access_attribute *attribute;

	if (!config_bound(&reader->report, attributes, 0, ACCESS_LIST_MAX, "attributes"))
		return;
	attribute = access_take(reader, config_count(attributes), sizeof(*attribute));
	if (!attribute)
		return;
	grant->attribute = attribute;
	config_foreach_member(at, attributes)
		read_attribute(reader, at, &attribute[grant->attribute_count++]);
}

static void read_user(struct access_reader *reader, const struct config *at,
		      struct access_principal *ret, struct access_user_roles *ret_roles)
{
	struct access_grant grant = { .name = access_name(reader, at) };
	bool is_disabled = false;

	if (!config_check(&reader->report, at, "a user", user_members))
		return;
	access_read_roles(reader, config_member(at, "roles"), &grant.role, &grant.role_count);
	if (config_member(at, "attributes"))
		read_attributes(reader, config_member(at, "attributes"), &grant);
	(void)config_boolean(&reader->report, at, "disabled", &is_disabled);
	if (reader->report.count > 0) /* the file is refused */
		return;
	if (access_grant(reader->access, &reader->access->arena, &grant, ret)) {
		(void)config_nomem(&reader->report);
		return;
	}
	ret->is_disabled = is_disabled;
	*ret_roles = (struct access_user_roles){ .count = grant.role_count, .role = grant.role };
	(void)nametable_put(&reader->access->user_table, ret->name, strlen(ret->name),
			    (uint32_t)(ret - reader->access->user));
}

void access_section_users(struct access_reader *reader, const struct config *users)
{
	struct access *access = reader->access;
	size_t count = config_count(users);
	struct access_user_roles *roles;

	if (!config_bound(&reader->report, users, 0, ACCESS_USERS_MAX, "users"))
		return;
	access->user = access_take(reader, count, sizeof(*access->user));
	roles = access_take(reader, count, sizeof(*roles));
	access->user_role = roles;
	if (!access->user || !roles)
		return;
	if (!nametable_init(&access->user_table, count)) {
		(void)config_nomem(&reader->report);
		return;
	}
	config_foreach_member(at, users) {
		read_user(reader, at, &access->user[access->user_count],
			  &roles[access->user_count]);
		access->user_count++;
	}
}
