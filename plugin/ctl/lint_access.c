/*
 * lint_access.c -- checks scopes, roles and users of the access file, and the users in the files of
 * passwords and of SCRAM keys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/scram.h"
#include "base/config.h"
#include "ctl/lint.h"
#include "ledger/ledger.h"

#define PAIRS_TRIED 100000000u /* of users, at their client ids: about a second */

/* The file's member @key; the file itself where it has none. */
static const struct config *member_or_file(const struct config *file, const char *key)
{
	const struct config *member = config_member(file, key);

	return member ? member : file;
}

static bool holds(const struct access_principal *principal, unsigned scope)
{
	return principal && (scopeset_has(&principal->full, scope) ||
			     scopeset_has(&principal->own, scope) || principal->rule_count > 0);
}

static bool is_granted(const struct access *access, unsigned scope)
{
	const struct access_principal *principal;

	if (holds(access_unlisted(access), scope) || holds(access_anonymous(access), scope))
		return true;
	for (size_t i = 0; (principal = access_principal(access, i)); i++) {
		if (holds(principal, scope)) /* by topic, too: which is not asked here */
			return true;
	}
	/* Certificates and tokens may bring anything. */
	return access_has_certificates(access) || access_has_issuers(access);
}

static void check_scopes(struct lint *lint, const struct config *file,
			 const struct contract *contract, const struct access *access)
{
	const struct config *roles = member_or_file(file, "roles");

	for (size_t i = 0; i < contract->scope_count; i++)
		if (!is_granted(access, (unsigned)i))
			lint_add_at(lint, LINT_WARNING, roles, "no user has the scope %s",
				    contract->scope[i]);
}

/* Operations that ask each client for a token. */
struct with_token {
	size_t count;
	const struct contract_operation *first;
};

/* An application's operation is two: whoever it is, its counterpart has all of its security. */
static void find_with_token(const struct contract_operation *operation, size_t count,
			    struct with_token *ret)
{
	for (size_t i = 0; i < count; i++) {
		size_t others = operation[i].alternative_count, k = 0;

		while (k < others && operation[i].alternative[k].methods == 1u << LOGIN_TOKEN)
			k++;
		if (k == 0 || k < others || operation[i].party == CONTRACT_IS)
			continue;
		if (ret->count++ == 0)
			ret->first = &operation[i];
	}
}

static void check_tokens(struct lint *lint, const struct contract *contract,
			 const struct access *access)
{
	struct with_token found = { 0, NULL };

	if (access_has_issuers(access))
		return;
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		find_with_token(channel->send, channel->send_count, &found);
		find_with_token(channel->receive, channel->receive_count, &found);
	}
	if (found.count == 0)
		return;
	lint_add_at(
		lint, LINT_WARNING, lint_operation(contract, found.first),
		"asks for a login by token, and the access file has no \"issuers\": nobody may do "
		"it%s; expected \"issuers\", or \"scopes\" in the security scheme, which any "
		"login can have",
		found.count > 1 ? ", nor other such operations" : "");
}

static bool lists(const struct config *list, const char *role)
{
	config_foreach_item(item, list)
		if (config_is(item, role))
			return true;
	return false;
}

/* Somewhere in the file, a list called "roles" or "includes" names it. */
static bool is_used(const struct config *value, const char *role)
{
	config_foreach(child, value) {
		if (child->key &&
		    (strcmp(child->key, "roles") == 0 || strcmp(child->key, "includes") == 0) &&
		    lists(child, role))
			return true;
		if (is_used(child, role))
			return true;
	}
	return false;
}

/* By itself, or by a role that it includes; access_load() has seen that there is no circle. */
static bool grants_something(const struct config *roles, const struct config *role)
{
	if (config_count(config_member(role, "scopes")) > 0 ||
	    config_count(config_member(role, "is")) > 0 ||
	    config_count(config_member(role, "talksTo")) > 0)
		return true;
	config_foreach_item(included, config_member(role, "includes"))
		if (grants_something(roles, config_member(roles, included->text)))
			return true;
	return false;
}

/* Is there a reason for the role other than what it grants? */
static bool restricts(const struct config *role)
{
	return config_member(role, "deny") || config_member(role, "clientIds") ||
	       config_member(role, "limits") || config_member(role, "requires") ||
	       config_member(role, "peer");
}

static void check_roles(struct lint *lint, const struct config *file)
{
	const struct config *roles = config_member(file, "roles");

	config_foreach_member(role, roles) {
		if (!grants_something(roles, role) && !restricts(role))
			lint_add_at(lint, LINT_WARNING, role, "grants nothing");
		if (!is_used(file, role->key))
			lint_add_at(lint, LINT_WARNING, role, "nobody has it");
	}
}

/* Whoever may use another's client id may end its connection and take its session over. */
static void check_client_ids(struct lint *lint, const struct config *ids,
			     const struct access *access)
{
	const struct access_principal *principal;
	const char *first = NULL;
	size_t count = 0;

	for (size_t i = 0; (principal = access_principal(access, i)); i++) {
		if (principal->client_count > 0 || principal->is_disabled)
			continue;
		first = first ? first : principal->name;
		count++;
	}
	if (count > 0)
		lint_add_at(lint, LINT_WARNING, ids,
			    "%zu user%s (%s%s) may use every client id, others' too; expected "
			    "\"clientIds\": [\"{name}\", \"{name}/*\"]",
			    count, count == 1 ? "" : "s", first, count == 1 ? "" : ", ...");
}

/* Whose name may @principal use as its client id, beside its own? @tries counts down. */
static const struct access_principal *
whose_id(const struct access *access, const struct access_principal *principal, size_t *tries)
{
	const struct access_principal *other;

	for (size_t i = 0; *tries > 0 && (other = access_principal(access, i)); i++, --*tries)
		if (other != principal && access_client_ok(principal, other->name))
			return other;
	return NULL;
}

/* Patterns that reach others' ids: "*", or "{name}-*" where one name is the head of another. */
static void check_patterns(struct lint *lint, const struct config *ids, const struct access *access)
{
	const struct access_principal *principal, *other, *victim = NULL;
	const char *first = NULL;
	size_t tries = PAIRS_TRIED;
	size_t count = 0;

	for (size_t i = 0; (principal = access_principal(access, i)); i++) {
		if (principal->client_count == 0 || principal->is_disabled)
			continue;
		other = whose_id(access, principal, &tries);
		if (!other)
			continue;
		victim = victim ? victim : other;
		first = first ? first : principal->name;
		count++;
	}
	if (count > 0)
		lint_add_at(lint, LINT_WARNING, ids,
			    "%zu user%s may use another's name as client id (%s that of %s); "
			    "expected \"clientIds\": [\"{name}\", \"{name}/*\"]",
			    count, count == 1 ? "" : "s", first, victim->name);
	if (tries == 0)
		lint_add_at(lint, LINT_WARNING, ids,
			    "more than %u pairs of users: whether the others may use each other's "
			    "names was not looked at",
			    PAIRS_TRIED);
}

/* Of what the file says itself, each with its place. */
static void check_secrets(struct lint *lint, const char *path, const struct passwords *passwords)
{
	if (passwords->file.warning)
		lint_add(lint, LINT_WARNING, "%s", passwords->file.warning);
	if (passwords->weakness)
		lint_add(lint, LINT_WARNING, "%s", passwords->weakness);
	if (passwords->cost > PASSWORD_STALL_NOTED)
		lint_add(lint, LINT_WARNING,
			 "%s:%" PRIu32 ": the broker serves no client while the password of %s is "
			 "checked, or a wrong one: %" PRIu64 " rounds, expected %u at most%s",
			 path, passwords->costliest->line, passwords->costliest->user,
			 passwords->cost, PASSWORD_STALL_NOTED,
			 passwords->cost > PASSWORD_STALL_MAX
				 ? "; without delayed logins the plugin refuses the file"
				 : "");
}

static void check_passwords(struct lint *lint, const struct files *files, const char *path,
			    const struct config *users, const struct access *access)
{
	bool has_other_ways = access_has_certificates(access) || access_has_issuers(access);
	struct passwords *passwords = NULL;
	struct diag diag;

	if (passwords_load(path, &passwords, &diag)) {
		lint_add(lint, LINT_ERROR, "%s", diag.text);
		return;
	}
	check_secrets(lint, path, passwords);
	config_foreach_member(user, users) {
		const struct access_principal *principal = access_find(access, user->key);
		bool is_bridge = lint_is_bridge_user(&files->broker, user->key);
		bool has_one = credfile_find(&passwords->file, user->key);

		if (!principal || principal->is_disabled)
			continue;
		if (is_bridge && has_one)
			lint_add_at(
				lint, LINT_WARNING, user,
				"is the local_username of a bridge, and has a password in %s: who "
				"knows it publishes as the bridge; expected none",
				path);
		else if (!is_bridge && !has_one && !has_other_ways)
			lint_add_at(lint, LINT_WARNING, user, "has no password in %s", path);
	}
	/* Users that the access file does not know can't connect, unless `default` lets them. */
	for (size_t i = 0; !access_unlisted(access) && i < passwords->file.count; i++)
		if (!access_find(access, passwords->file.entry[i].user))
			lint_add(lint, LINT_WARNING,
				 "%s:%" PRIu32
				 ": user %s is not in the access file and can't connect",
				 path, passwords->file.entry[i].line,
				 passwords->file.entry[i].user);
	passwords_free(passwords);
}

/* The file of SCRAM keys, where the configuration names one. */
void lint_scram(struct lint *lint, const struct files *files)
{
	const char *path = files_option(files, "scram_file");
	struct scram_keys *keys = NULL;
	struct diag diag;

	if (!path)
		return;
	if (scram_load(path, &keys, &diag))
		lint_add(lint, LINT_ERROR, "%s", diag.text);
	else if (keys->file.warning)
		lint_add(lint, LINT_WARNING, "%s", keys->file.warning);
	scram_free(keys);
}

/* Whom the broker keeps out, the entry does not let in. */
static void check_anonymous(struct lint *lint, const struct files *files,
			    const struct config *anonymous)
{
	bool is_let_in = false;

	for (size_t i = 0; i < files->broker.listener_count; i++)
		is_let_in |= files->broker.listener[i].is_there &&
			     files->broker.listener[i].is_anonymous;
	if (anonymous && files->config && !is_let_in)
		lint_add_at(lint, LINT_WARNING, anonymous,
			    "no listener lets clients without a name come; expected "
			    "allow_anonymous true in %s",
			    files->config);
}

void lint_access(struct lint *lint, const struct files *files, const char *passwords,
		 const struct rules *rules)
{
	struct config *file = NULL;
	struct diag diag;

	if (config_load(files->access, files->access, &file, &diag)) {
		lint_add(lint, LINT_ERROR, "%s", diag.text); /* it was good a moment ago */
		return;
	}
	check_scopes(lint, file, rules->contract, rules->access);
	check_tokens(lint, rules->contract, rules->access);
	check_roles(lint, file);
	check_anonymous(lint, files, config_member(file, "anonymous"));
	check_client_ids(lint, member_or_file(file, "clientIds"), rules->access);
	check_patterns(lint, member_or_file(file, "clientIds"), rules->access);
	lint_bridge_users(lint, &files->broker,
			  files->database && ledger_is_shared(files->database), rules->access);
	if (passwords)
		check_passwords(lint, files, passwords, config_member(file, "users"),
				rules->access);
	config_free(file);
}
