#include "broker/events_whoami.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/commands.h"
#include "base/clock.h"
#include "base/percent.h"
#include "base/version.h"

static json_t *texts(const char *const *text, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++)
		if (json_array_append_new(list, json_string(text[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *moment(int64_t unix_ms)
{
	char text[CLOCK_TEXT_MAX];

	return unix_ms ? json_string(clock_print(unix_ms, text)) : json_null();
}

/* The contract's scopes in @set, and those of commands. */
static json_t *scopes(const struct contract *contract, const struct scopeset *set)
{
	json_t *list = json_array();
	int rc = 0;

	for (unsigned i = 0; i < contract->scope_count; i++)
		if (scopeset_has(set, i))
			rc |= json_array_append_new(list, json_string(contract->scope[i]));
	for (unsigned i = 0; commands_scope(i); i++)
		if (scopeset_has(set, SCOPES_MAX + i))
			rc |= json_array_append_new(list, json_string(commands_scope(i)));
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *attributes(const struct access_principal *principal)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < principal->attribute_count; i++)
		if (json_object_set_new(object, principal->attribute[i].name,
					texts(principal->attribute[i].value,
					      principal->attribute[i].value_count))) {
			json_decref(object);
			return NULL;
		}
	return object;
}

/* What its roles say that it is or talks to, on some topics or all. */
static json_t *applications(const struct rules *rules, const struct access_principal *principal)
{
	json_t *list = json_array();
	const struct access_grant *grant;
	struct grantset all;
	int rc = 0;

	access_all_grants(principal, &all);
	for (unsigned i = 0; (grant = access_grant(rules->access, i)); i++)
		if (grantset_has(&all, i))
			rc |= json_array_append_new(
				list,
				json_pack("{s:s, s:s, s:o}", "name",
					  rules->contract->application[grant->application].name,
					  "side", grant->is_counterpart ? "talksTo" : "is",
					  "operations",
					  grant->operation_count
						  ? texts(grant->operation, grant->operation_count)
						  : json_null()));
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *commands(const struct access_principal *principal)
{
	json_t *list = json_pack("[ss]", "whoami", "contract");
	int rc = 0;

	for (unsigned i = 0; list && commands_scope(i); i++)
		if (!access_lacks(principal, commands_name(i)))
			rc |= json_array_append_new(list, json_string(commands_name(i)));
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* The topic of the notices to this client alone. */
static json_t *notices(const struct contract *contract, const struct session *session)
{
	char principal[PERCENT_LEVEL_MAX + 1], client[PERCENT_LEVEL_MAX + 1];

	if (!contract->notices || percent_level(session->name, principal) == 0 ||
	    percent_level(session->client_id, client) == 0)
		return json_null();
	return json_sprintf(CONTRACT_NOTICES "/%s/%s", principal, client);
}

/*
 * Another one after each reload: what a console was told of the contract is to be asked for anew,
 * also where the accounts alone are others. Says nothing of documents that the client may not see.
 */
static json_t *digest(const struct plugin *plugin)
{
	const struct documents *documents = plugin->rules->documents;
	char text[DOCUMENTS_DIGEST + 24], ret[DOCUMENTS_DIGEST];
	int len = snprintf(text, sizeof(text), "%s %" PRId64, documents ? documents->digest : "",
			   plugin->rules_ms);

	return documents_digest(text, (size_t)len, ret) ? json_string(ret) : NULL;
}

static json_t *contract_facts(const struct plugin *plugin)
{
	const struct contract *contract = plugin->rules->contract;

	return json_pack("{ss ss so sI sI so}", "title", contract->title, "version",
			 contract->version, "digest", digest(plugin), "documents",
			 (json_int_t)contract->application_count, "channels",
			 (json_int_t)contract->channel_count, "loaded", moment(plugin->rules_ms));
}

/* The members about the broker to @ret; takes nothing. */
static int add_broker(const struct plugin *plugin, json_t *ret)
{
	json_t *broker = json_pack("{ss? ss ss}", "name", plugin->host[0] ? plugin->host : NULL,
				   "version", plugin->broker.has_quota_code ? "2.1" : "2.0",
				   "plugin", PETSTORE_VERSION);

	return json_object_set_new(ret, "broker", broker) |
	       json_object_set_new(ret, "contract", contract_facts(plugin)) |
	       json_object_set_new(ret, "modes", events_modes(plugin)) |
	       json_object_set_new(ret, "time", moment(clock_unix_ms()));
}

json_t *events_whoami(struct plugin *plugin, const struct mosquitto *client)
{
	struct session *session = events_session(plugin, client);
	const struct access_principal *principal = events_actor(plugin, client, session);
	const struct contract *contract = plugin->rules->contract;
	struct access_held held;
	json_t *ret;

	if (!session || !access_may_ask(principal))
		return NULL;
	held = (struct access_held){ principal->full, principal->own };
	if (principal->rule_count > 0)
		access_hold(principal, NULL, 0, true, &held);
	ret = json_pack(
		"{ss ss ss so so so so so so so sb so}", "principal", session->name, "clientId",
		session->client_id, "method", login_method_name(session->method), "roles",
		texts(principal->role, principal->role_count), "scopes",
		scopes(contract, &held.full), "own", scopes(contract, &held.own), "attributes",
		attributes(principal), "applications", applications(plugin->rules, principal),
		"commands", commands(principal), "notices", notices(contract, session), "isPeer",
		principal->is_peer, "expires", moment(session->expires_ms));
	if (ret && add_broker(plugin, ret)) {
		json_decref(ret);
		return NULL;
	}
	return ret;
}
