/*
 * init_texts.c -- what petstorectl init writes for people: a configuration, a document for notices,
 * and commands to paste into a shell.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/init_documents.h"

/* ---- the configuration ------------------------------------------------------------------ */

void init_texts_conf(const struct init_setting *setting, FILE *file)
{
	const char *folder = setting->folder->path;
	const struct passwd *who = getpwuid(geteuid());

	(void)fprintf(file,
		      "# Made by petstorectl init, to try a contract on this machine. Options:\n"
		      "# man mosquitto_petstore.\n\n"
		      "plugin %s\n",
		      setting->plugin);
	for (size_t i = 0; i < setting->document_count; i++)
		(void)fprintf(file, "plugin_opt_contract %s\n", setting->document[i]);
	if (setting->has_notices)
		(void)fprintf(file, "plugin_opt_contract %s/" INIT_NOTICES "\n", folder);
	if (setting->root[0])
		(void)fprintf(file, "plugin_opt_contract_root %s\n", setting->root);
	(void)fprintf(file,
		      "plugin_opt_access %s/" INIT_ACCESS "\n"
		      "plugin_opt_password_file %s/" INIT_PASSWORDS "\n"
		      "plugin_opt_database %s/petstore.db\n\n"
		      "allow_anonymous false\n"
		      "check_retain_source false\n",
		      folder, folder, folder);
	if (who)
		(void)fprintf(file, "# for a start as root\nuser %s\n", who->pw_name);
	(void)fprintf(file,
		      "\n# Plain MQTT for this machine only: passwords cross it in the clear. For "
		      "others use TLS.\n"
		      "listener %ld 127.0.0.1\n\n"
		      "persistence true\n"
		      "persistence_location %s/\n"
		      "max_queued_messages 10000\n\n"
		      "log_dest stderr\n"
		      "log_timestamp_format %%Y-%%m-%%dT%%H:%%M:%%S\n"
		      "log_type error\n"
		      "log_type warning\n"
		      "log_type notice\n"
		      "log_type information\n",
		      setting->args->port, folder);
}

/* ---- the document for notices ----------------------------------------------------------- */

void init_texts_notices(FILE *file)
{
	(void)fputs("# Where the broker says why a message was refused: each user gets its own.\n"
		    "# Who holds read:refusals (\"scopes\" of a role in access.json) gets those of "
		    "all.\n"
		    "asyncapi: 3.0.0\n"
		    "info: { title: Notices of refusals, version: 1.0.0 }\n"
		    "x-perspective: client\n"
		    "channels:\n"
		    "  refusals:\n"
		    "    address: refusals/{principal}/{clientId}\n"
		    "    parameters:\n"
		    "      principal: { x-own: principal }\n"
		    "      clientId: {}\n"
		    "    messages:\n"
		    "      refusal:\n"
		    "        contentType: application/json\n"
		    "        payload: { type: object }\n"
		    "operations:\n"
		    "  receiveRefusals:\n"
		    "    action: receive\n"
		    "    channel: { $ref: '#/channels/refusals' }\n"
		    "    security: [{ $ref: '#/components/securitySchemes/readRefusals' }]\n"
		    "components:\n"
		    "  securitySchemes:\n"
		    "    readRefusals:\n"
		    "      type: oauth2\n"
		    "      flows: {}\n"
		    "      scopes: [read:refusals]\n",
		    file);
}

/* ---- commands --------------------------------------------------------------------------- */

/* @text as one word of a shell. */
static void put_word(FILE *file, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_./:@%+,";

	if (*text && strspn(text, plain) == strlen(text)) {
		(void)fputs(text, file);
		return;
	}
	(void)fputc('\'', file);
	for (; *text; text++)
		if (*text == '\'')
			(void)fputs("'\\''", file);
		else
			(void)fputc(*text, file);
	(void)fputc('\'', file);
}

static void put_file(const struct init_setting *setting, FILE *file, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 64, setting->folder->path, name);
	put_word(file, path);
}

static void put_tool(const struct init_setting *setting, FILE *file, const char *rest)
{
	(void)fputs("  ", file);
	put_word(file, setting->tool);
	(void)fputs(rest, file);
}

static void put_client(const struct init_setting *setting, FILE *file, const char *program,
		       const struct init_account *account)
{
	(void)fprintf(file, "  %s -h 127.0.0.1 -p %ld -V 5 -u %s -P %s -i %s/%s -q 1", program,
		      setting->args->port, account->name, account->password, account->name,
		      strcmp(program, "mosquitto_sub") == 0 ? "sub" : "pub");
}

/* All that the account may receive; where it may not ask for all at once, its notices. */
static void put_subscribe(const struct init_setting *setting, const struct init_trials *trials,
			  FILE *file, const struct init_account *account)
{
	put_client(setting, file, "mosquitto_sub", account);
	if (init_trials_may_receive(trials, account, "#"))
		(void)fputs(" -v -t '#'\n", file);
	else
		(void)fprintf(file, " -v -t '" CONTRACT_NOTICES "/%s/+'\n", account->name);
}

/* Publishes the trial's @payload as @account, who need not be the one that may. */
static void put_publish(const struct init_setting *setting, FILE *file,
			const struct init_trial *trial, const struct init_account *account,
			const char *payload)
{
	put_client(setting, file, "mosquitto_pub", account);
	if (trial->qos > 1)
		(void)fprintf(file, " -q %u", trial->qos);
	if (trial->is_retained)
		(void)fputs(" -r", file);
	(void)fputs(" -t ", file);
	put_word(file, trial->topic);
	(void)fputs(" -m ", file);
	put_word(file, payload);
	(void)fputc('\n', file);
}

static void put_listening(const struct init_setting *setting, const struct init_trials *trials,
			  FILE *file)
{
	const struct init_account *reader = trials->trial[0].subscriber,
				  *publisher = trials->trial[0].publisher;

	if (reader && reader != publisher) {
		(void)fprintf(file, "\nIn another terminal, as %s, see what it receives:\n",
			      reader->name);
		put_subscribe(setting, trials, file, reader);
	}
	if (!setting->hears && !init_trials_may_receive(trials, publisher, "#"))
		return;
	(void)fprintf(file, "\nIn another %s, as %s, see what it receives%s:\n",
		      reader && reader != publisher ? "one" : "terminal", publisher->name,
		      setting->hears ? ", and why a message of its own was refused" : "");
	put_subscribe(setting, trials, file, publisher);
}

static void put_trial(const struct init_setting *setting, FILE *file,
		      const struct init_trial *trial)
{
	const struct init_account *reader = trial->subscriber;

	(void)fprintf(file, "\nAccepted%s%s:\n", reader ? ", and delivered to " : "",
		      reader ? reader->name : "");
	put_publish(setting, file, trial, trial->publisher, trial->valid);
	if (trial->invalid) {
		(void)fprintf(file, "\n%s (%s):\n",
			      trial->is_observed ? "Reported, and let pass (x-mode)" : "Refused",
			      reason_code(trial->why));
		put_publish(setting, file, trial, trial->publisher, trial->invalid);
	}
}

/* The same message from the other side, which may only receive it. */
static void put_wrong_side(const struct init_setting *setting, FILE *file,
			   const struct init_trial *trial)
{
	if (!trial->subscriber || trial->subscriber == trial->publisher || trial->is_observed)
		return;
	(void)fprintf(file, "\nRefused: %s receives this, and does not send it:\n",
		      trial->subscriber->name);
	put_publish(setting, file, trial, trial->subscriber, trial->valid);
}

void init_texts_commands(const struct init_setting *setting, const struct init_trials *trials,
			 FILE *file)
{
	(void)fputs("Start the broker (Ctrl-C ends it):\n  mosquitto -c ", file);
	put_file(setting, file, INIT_CONF);
	(void)fputc('\n', file);
	if (trials->count == 0)
		(void)fputs("\nNo message to try was found: it takes a topic, a parameter with a "
			    "pattern may need\n\"examples\" (in 2.x in its schema), and so may a "
			    "message.\n",
			    file);
	else
		put_listening(setting, trials, file);
	for (size_t i = 0; i < trials->count; i++)
		put_trial(setting, file, &trials->trial[i]);
	if (trials->count > 0)
		put_wrong_side(setting, file, &trials->trial[0]);
	(void)fputs("\nWhat a user may do, and what was refused:\n", file);
	put_tool(setting, file, " may ");
	(void)fprintf(file, "%s --config ",
		      setting->accounts->account[setting->accounts->count - 1].name);
	put_file(setting, file, INIT_CONF);
	(void)fputc('\n', file);
	put_tool(setting, file, " refusals --config ");
	put_file(setting, file, INIT_CONF);
	(void)fputc('\n', file);
}
