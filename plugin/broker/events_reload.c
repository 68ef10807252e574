/*
 * events_reload.c -- the rules loaded from the files that the options name, and swapped whole.
 */
#include "broker/events.h"

#include "broker/own_messages.h"

#include <inttypes.h>

#include "base/clock.h"

/* A message that the contract allows must fit the journal, or it could never be kept. */
static int check_journal(const struct options *options, const struct rules *rules,
			 struct diag *diag)
{
	size_t least = ledger_journal_least(rules->payload_max);

	if (!options->database || (uint64_t)options->journal_size >= least)
		return 0;
	return diag_set(diag, ERR_INVALID,
			"plugin_opt_journal_size: %lld is too small for the payloadBytes of %zu in "
			"%s: expected at least %zu",
			(long long)options->journal_size, rules->payload_max,
			options->contract.item[0], least);
}

static int check_stall(const struct plugin *plugin, const struct rules *rules, struct diag *diag)
{
	if (plugin->broker.complete_login || !rules->passwords ||
	    rules->passwords->cost <= PASSWORD_STALL_MAX)
		return 0;
	return diag_set(diag, ERR_LIMIT,
			"%s: the password of %s takes as long as %" PRIu64
			" rounds of PBKDF2 to check, expected %u at most: the broker would serve "
			"nobody meanwhile",
			plugin->options.password_file, rules->passwords->costliest->user,
			rules->passwords->cost, PASSWORD_STALL_MAX);
}

int events_load_rules(struct plugin *plugin, struct rules **ret, struct diag *diag)
{
	const struct options_list *documents = &plugin->options.contract;
	struct rules_files files = { .contract = { .count = documents->count,
						   .path = (const char *const *)documents->item,
						   .root = plugin->options.contract_root,
						   .schemas = plugin->options.contract_schemas },
				     .access = plugin->options.access,
				     .password_file = plugin->options.password_file,
				     .scram_file = plugin->options.scram_file,
				     .crl_file = plugin->options.crl_file,
				     .errors = &plugin->faults };
	struct rules *rules = NULL;
	int rc;

	plugin->faults.count = 0;
	rc = rules_load(&files, &rules, diag);

	if (rc == 0 && !plugin->options.database && rules_keeps(rules)) {
		rc = diag_set(diag, ERR_INVALID,
			      "plugin_opt_database: is missing, and %s keeps messages",
			      documents->item[0]);
	}
	if (rc == 0)
		rc = own_messages_check(rules, diag);
	if (rc == 0)
		rc = check_journal(&plugin->options, rules, diag);
	if (rc == 0)
		rc = check_stall(plugin, rules, diag);
	if (rc) {
		rules_free(rules);
		return rc;
	}
	*ret = rules;
	return 0;
}

void events_log_faults(const struct plugin *plugin)
{
	for (unsigned i = 1; i < plugin->faults.count; i++)
		broker_log(BROKER_ERROR, "%s", plugin->faults.line[i].text);
}

#define WARNINGS_LOGGED 20u

/* The log is read line by line: where there are many warnings it says where to find the rest. */
static void log_warnings(const struct rules *rules)
{
	size_t all = 0;

	while (rules_warning(rules, all))
		all++;
	for (size_t i = 0; i < all && i < WARNINGS_LOGGED; i++)
		broker_log(BROKER_WARNING, "%s", rules_warning(rules, i));
	if (all > WARNINGS_LOGGED)
		broker_log(BROKER_WARNING,
			   "%zu more warnings about the contract: petstorectl lint lists them",
			   all - WARNINGS_LOGGED);
}

void events_log_rules(const struct plugin *plugin, const char *verb)
{
	const struct rules *rules = plugin->rules;
	const char *outdated =
		rules->revoked ? revoked_warning(rules->revoked, clock_unix_ms()) : NULL;

	if (outdated)
		broker_log(BROKER_WARNING, "%s", outdated);
	if (rules->passwords && rules->passwords->file.warning)
		broker_log(BROKER_WARNING, "%s", rules->passwords->file.warning);
	if (rules->passwords && rules->passwords->weakness)
		broker_log(BROKER_WARNING, "%s", rules->passwords->weakness);
	if (rules->passwords && !plugin->broker.complete_login &&
	    rules->passwords->cost > PASSWORD_STALL_NOTED)
		broker_log(
			BROKER_WARNING,
			"%s: the broker serves no client while a password is checked, and a wrong "
			"one takes as long as the costliest, of %s: %" PRIu64 " rounds",
			plugin->options.password_file, rules->passwords->costliest->user,
			rules->passwords->cost);
	if (rules->has_property_rules && !plugin->broker.properties.is_there)
		broker_log(BROKER_WARNING,
			   "this broker exports nothing that reads MQTT 5 properties: rules about "
			   "them are not checked for clients of MQTT 5");
	log_warnings(rules);
	broker_log(BROKER_INFO,
		   "%s contract %s %s from %s: %zu channels, %zu users with a password", verb,
		   rules->contract->title, rules->contract->version,
		   plugin->options.contract.item[0], rules->contract->channel_count,
		   rules->passwords ? rules->passwords->file.count : 0);
	for (size_t i = 1; i < rules->contract->application_count; i++)
		broker_log(BROKER_INFO, "with %s %s from %s", rules->contract->application[i].title,
			   rules->contract->application[i].version,
			   rules->contract->application[i].file);
}

/* Puts new rules in force, whole or not at all. */
static int replace_rules(struct plugin *plugin, struct diag *diag)
{
	struct rules *rules = NULL;
	struct gate gate = { 0 };
	struct settings settings;
	int rc = events_load_rules(plugin, &rules, diag);

	if (rc == 0)
		rc = gate_init(&gate, rules, plugin->ledger, diag);
	if (rc == 0)
		rc = feed_read(plugin->feed, &settings, &plugin->faults, diag);
	if (rc == 0)
		rc = feed_use(plugin->feed, rules, diag);
	if (rc == 0 && plugin->ledger) {
		rc = ledger_replan(plugin->ledger, &rules->contract->plan, diag);
		if (rc) /* its channels go with the rules that are freed below */
			diag_ignore(feed_use(plugin->feed, plugin->rules, NULL));
	}
	if (rc) {
		gate_clear(&gate);
		rules_free(rules);
		return rc;
	}
	gate_clear(&plugin->gate);
	rules_free(plugin->rules);
	plugin->gate = gate;
	plugin->rules = rules;
	plugin->generation++;
	plugin->rules_ms = clock_unix_ms();
	shares_expire(plugin->shares);
	notify_use(&plugin->notify, rules);
	feed_set(plugin->feed, &settings);
	return 0;
}

int events_reload(struct plugin *plugin, struct diag *diag)
{
	int rc = replace_rules(plugin, diag);

	feed_reloaded(plugin->feed, rc == 0);
	if (rc == 0) {
		events_log_rules(plugin, "reloaded");
		return 0;
	}
	broker_log(BROKER_ERROR, "reload failed, nothing was changed: %s", diag->text);
	events_log_faults(plugin);
	return rc;
}

/*
 * Always answers SUCCESS: a broker of 2.0 would lose its other plugins' configuration over an
 * error, one of 2.1 would exit.
 */
int events_on_reload(int event_id, void *event_data, void *userdata)
{
	struct plugin *plugin = userdata;
	struct diag diag;

	(void)event_id;
	(void)event_data; /* its options are always empty */
	events_settle(plugin);
	/* Once a listener, where 2.1 was told to use the plugin by listeners. */
	if (plugin->reloading.is_active && plugin->has_ticked)
		return MOSQ_ERR_SUCCESS;
	plugin->reloading.is_active = true;
	plugin->reloading.count++;
	diag_init(&diag);
	diag_ignore(events_reload(plugin, &diag));
	return MOSQ_ERR_SUCCESS;
}
