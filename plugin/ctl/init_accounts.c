#include "ctl/init_accounts.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>

#include "access/password.h"
#include "base/ascii.h"
#include "base/random.h"

#define RANDOM_BYTES 12u
#define COUNTERPART "-counterpart"

/* ---- names ------------------------------------------------------------------------------ */

static bool is_taken(const struct init_accounts *accounts, const char *name)
{
	for (size_t i = 0; i < accounts->count; i++)
		if (strcmp(accounts->account[i].name, name) == 0)
			return true;
	return false;
}

/* "Streetlights MQTT API" becomes "streetlights-mqtt-api"; @ret has @cap bytes. */
static void write_slug(const char *text, char *ret, size_t cap)
{
	size_t len = 0;

	for (; *text && len + 1 < cap; text++) {
		if (ascii_is_digit(*text))
			ret[len++] = *text;
		else if (ascii_is_alpha(*text))
			ret[len++] = (char)(*text | 0x20);
		else if (len > 0 && ret[len - 1] != '-')
			ret[len++] = '-';
	}
	while (len > 0 && ret[len - 1] == '-')
		len--;
	ret[len] = '\0';
}

/* A name of which neither the user nor its counterpart is there yet. */
static void name_application(const struct init_accounts *accounts,
			     const struct contract_application *application, char *ret)
{
	char base[INIT_NAME_MAX - sizeof(COUNTERPART) - 4],
		other[INIT_NAME_MAX + sizeof(COUNTERPART)];

	write_slug(application->title[0] ? application->title : application->name, base,
		   sizeof(base));
	if (!base[0])
		(void)snprintf(base, sizeof(base), "application");
	(void)snprintf(ret, INIT_NAME_MAX + 1, "%s", base);
	(void)snprintf(other, sizeof(other), "%s" COUNTERPART, ret);
	for (unsigned n = 2; is_taken(accounts, ret) || is_taken(accounts, other); n++) {
		(void)snprintf(ret, INIT_NAME_MAX + 1, "%s-%u", base, n);
		(void)snprintf(other, sizeof(other), "%s" COUNTERPART, ret);
	}
}

/* ---- what they hold --------------------------------------------------------------------- */

bool init_accounts_is_of(const struct init_account *account,
			 const struct contract_operation *operation)
{
	return operation->party == account->party &&
	       (account->party == CONTRACT_ANYBODY ||
		operation->application == account->application);
}

/* Scopes of the operation, and of the steps that its messages may take. */
static void add_scopes(struct init_account *account, const struct contract_operation *operation)
{
	for (size_t i = 0; i < operation->alternative_count; i++)
		scopeset_merge(&account->scopes, &operation->alternative[i].scopes);
}

static void add_steps(struct init_account *account, const struct contract_channel *channel)
{
	const struct contract_transitions *machine =
		channel->mapping ? channel->mapping->transitions : NULL;

	for (int from = -1; machine && from < (int)machine->count; from++)
		for (int to = 0; to < (int)machine->count; to++)
			if (contract_step_scope(machine, from, to) >= 0)
				scopeset_add(&account->scopes,
					     (unsigned)contract_step_scope(machine, from, to));
}

static void find_scopes(struct init_account *account, const struct contract *contract)
{
	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		for (size_t k = 0; k < channel->send_count; k++)
			if (init_accounts_is_of(account, &channel->send[k])) {
				add_scopes(account, &channel->send[k]);
				add_steps(account, channel);
			}
		for (size_t k = 0; k < channel->receive_count; k++)
			if (init_accounts_is_of(account, &channel->receive[k]))
				add_scopes(account, &channel->receive[k]);
	}
}

static int add(struct init_accounts *accounts, const struct contract *contract, const char *name,
	       enum contract_party party, unsigned application, struct diag *diag)
{
	struct init_account *ret = &accounts->account[accounts->count];
	unsigned char bytes[RANDOM_BYTES];
	int rc = random_bytes(bytes, sizeof(bytes), diag);

	if (rc)
		return rc;
	*ret = (struct init_account){ .party = party, .application = application };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret->password + 2 * i, 3, "%02x", bytes[i]);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	find_scopes(ret, contract);
	accounts->count++;
	return 0;
}

int init_accounts_make(const struct contract *contract, struct init_accounts *ret,
		       struct diag *diag)
{
	char name[INIT_NAME_MAX + 1], other[INIT_NAME_MAX + sizeof(COUNTERPART)];
	bool has_clients = false;
	int rc = 0;

	ret->count = 0;
	for (size_t i = 0; i < contract->application_count; i++)
		has_clients = has_clients || contract->application[i].is_client;
	if (has_clients)
		rc = add(ret, contract, "client", CONTRACT_ANYBODY, 0, diag);
	for (size_t i = 0; rc == 0 && i < contract->application_count; i++) {
		if (contract->application[i].is_client)
			continue;
		name_application(ret, &contract->application[i], name);
		(void)snprintf(other, sizeof(other), "%s" COUNTERPART, name);
		rc = add(ret, contract, name, CONTRACT_IS, (unsigned)i, diag);
		if (rc == 0)
			rc = add(ret, contract, other, CONTRACT_TALKS, (unsigned)i, diag);
	}
	return rc;
}

/* ---- files ------------------------------------------------------------------------------ */

static json_t *scopes_json(const struct init_account *account, const struct contract *contract)
{
	json_t *list = json_array();

	for (size_t i = 0; i < contract->scope_count; i++)
		if (scopeset_has(&account->scopes, (unsigned)i))
			(void)json_array_append_new(list, json_string(contract->scope[i]));
	return list;
}

static json_t *role_json(const struct init_account *account, const struct contract *contract)
{
	const struct contract_application *application =
		&contract->application[account->application];
	const bool is = account->party == CONTRACT_IS;
	json_t *role = json_object(), *scopes = scopes_json(account, contract);

	if (account->party == CONTRACT_ANYBODY) {
		(void)json_object_set_new(role, "description",
					  json_string("May do all that clients do."));
	} else {
		(void)json_object_set_new(
			role, "description",
			json_sprintf(is ? "Is %s." : "Talks to %s.", application->title));
		(void)json_object_set_new(role, is ? "is" : "talksTo",
					  json_pack("[s]", application->name));
	}
	if (account->party == CONTRACT_ANYBODY || json_array_size(scopes) > 0)
		(void)json_object_set(role, "scopes", scopes);
	json_decref(scopes);
	return role;
}

int init_accounts_write_access(const struct init_accounts *accounts,
			       const struct contract *contract, FILE *file, struct diag *diag)
{
	(void)fputs("{\n  \"clientIds\": [\"{name}\", \"{name}/*\"],\n  \"roles\": {\n", file);
	for (size_t i = 0; i < accounts->count; i++) {
		json_t *role = role_json(&accounts->account[i], contract);
		int rc;

		(void)fprintf(file, "    \"%s\": ", accounts->account[i].name);
		rc = role ? json_dumpf(role, file, 0) : -1;
		json_decref(role);
		if (rc)
			return diag_nomem(diag);
		(void)fputs(i + 1 < accounts->count ? ",\n" : "\n", file);
	}
	(void)fputs("  },\n  \"users\": {\n", file);
	for (size_t i = 0; i < accounts->count; i++)
		(void)fprintf(file, "    \"%s\": { \"roles\": [\"%s\"] }%s\n",
			      accounts->account[i].name, accounts->account[i].name,
			      i + 1 < accounts->count ? "," : "");
	(void)fputs("  }\n}\n", file);
	return 0;
}

void init_accounts_write_credentials(const struct init_accounts *accounts, FILE *file)
{
	for (size_t i = 0; i < accounts->count; i++)
		(void)fprintf(file, "%s %s\n", accounts->account[i].name,
			      accounts->account[i].password);
}

int init_accounts_write_passwords(const struct init_accounts *accounts, FILE *file,
				  struct diag *diag)
{
	static const struct password_cost cost = { .kind = PASSWORD_PBKDF2,
						   .iterations = PASSWORD_ITERATIONS_NEW };
	char stored[PASSWORD_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < accounts->count; i++) {
		const struct init_account *account = &accounts->account[i];

		rc = password_make(&cost, account->password, strlen(account->password), stored,
				   diag);
		if (rc == 0)
			(void)fprintf(file, "%s:%s\n", account->name, stored);
	}
	return rc;
}
