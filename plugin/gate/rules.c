#include "gate/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/rules_internal.h"

void rules_add_warning(struct rules *rules, const char *said)
{
	struct rules_parts *parts = rules->parts;
	struct diag line;
	const char *text = line.text;

	(void)snprintf(line.text, sizeof(line.text), "%s", said);
	sources_add_place(&rules->contract->sources, &line);
	for (size_t i = 0; i < parts->warning_count; i++)
		if (strcmp(parts->warning[i], text) == 0)
			return;
	if (parts->warning_count == RULES_WARNINGS_MAX)
		return;
	text = arena_text(&parts->arena, text, strlen(text));
	if (text)
		parts->warning[parts->warning_count++] = text;
}

void rules_add_error(struct rules *rules, int rc, struct diag *text, int *first, struct diag *diag)
{
	sources_add_place(&rules->contract->sources, text);
	if (*first == 0 || rc == ERR_NOMEM)
		*first = diag_set(diag, rc, "%s", text->text);
	if (rules->parts->errors)
		diag_list_add(rules->parts->errors, text->text);
}

static bool has_param(const void *ctx, const char *name)
{
	const struct contract *contract = ctx;

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];

		for (size_t p = 0; p < channel->param_count; p++)
			if (strcmp(channel->param[p].name, name) == 0)
				return true;
	}
	return false;
}

static void add_scopes(const struct contract_operation *operation, size_t count,
		       struct scopeset *set)
{
	for (size_t o = 0; o < count; o++)
		for (size_t i = 0; i < operation[o].alternative_count; i++)
			scopeset_merge(set, &operation[o].alternative[i].scopes);
}

static void add_step_scopes(const struct contract_transitions *machine, struct scopeset *set)
{
	for (size_t i = 0; machine->scope && i < (machine->count + 1) * machine->count; i++)
		if (machine->scope[i])
			scopeset_add(set, machine->scope[i] - 1u);
}

/* Scopes that only put a status right: held for one's own they are good for nothing. */
static struct scopeset find_whole(const struct contract *contract)
{
	struct scopeset whole = { 0 }, others = { 0 };

	for (size_t i = 0; i < contract->channel_count; i++) {
		const struct contract_channel *channel = &contract->channel[i];
		const struct contract_transitions *machine =
			channel->mapping ? channel->mapping->transitions : NULL;

		add_scopes(channel->send, channel->send_count, &others);
		add_scopes(channel->receive, channel->receive_count, &others);
		if (!machine)
			continue;
		add_step_scopes(machine, &others);
		if (machine->correct >= 0)
			scopeset_add(&whole, (unsigned)machine->correct);
	}
	scopeset_remove(&whole, &others);
	return whole;
}

static int load_access(struct rules *rules, const struct rules_files *files, struct diag *diag)
{
	const struct scopeset whole = find_whole(rules->contract);
	const struct access_scopes scopes = { .name = rules->contract->scope,
					      .has_param = has_param,
					      .ctx = rules->contract,
					      .count = rules->contract->scope_count,
					      .whole = &whole };
	const char *text;
	int rc = access_load(files->access, &scopes, &rules->access, files->errors, diag);

	for (size_t i = 0; rc == 0 && (text = access_warning(rules->access, i)); i++)
		rules_add_warning(rules, text);
	return rc;
}

static int load_files(struct rules *rules, const struct rules_files *files, struct diag *diag)
{
	const struct sources_place place = { .path = files->contract,
					     .root = files->contract_root,
					     .schemas = files->contract_schemas };
	int rc;

	rc = contract_open(&place, &rules->contract, files->errors, diag);
	if (rc)
		return rc;
	if (files->access)
		rc = load_access(rules, files, diag);
	if (rc == 0 && files->password_file)
		rc = passwords_load(files->password_file, &rules->passwords, diag);
	if (rc == 0 && files->scram_file)
		rc = scram_load(files->scram_file, &rules->scram, diag);
	if (rc == 0 && files->crl_file)
		rc = revoked_load(files->crl_file, &rules->revoked, diag);
	return rc;
}

int rules_load(const struct rules_files *files, struct rules **ret, struct diag *diag)
{
	struct rules *rules = calloc(1, sizeof(*rules));
	int rc = ERR_NOMEM;

	if (!rules || !(rules->parts = calloc(1, sizeof(*rules->parts)))) {
		(void)diag_nomem(diag);
		goto out;
	}
	rules->parts->errors = files->errors;
	rules->parts->checks_examples = files->checks_examples;
	rc = load_files(rules, files, diag);
	if (rc)
		goto out;
	rc = rules_compile_channels(rules, diag);
	if (rc)
		goto out;
	*ret = rules;
	rules = NULL; /* handed over */
out:
	if (rc && files->errors) /* where it is of another file, or about all of them */
		diag_list_add(files->errors, diag->text);
	rules_free(rules);
	return rc;
}

const char *rules_warning(const struct rules *rules, size_t i)
{
	return i < rules->parts->warning_count ? rules->parts->warning[i] : NULL;
}

bool rules_keeps(const struct rules *rules)
{
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];

		if (channel->mapping || channel->is_recorded)
			return true;
	}
	return false;
}

static void free_channels(struct rules *rules)
{
	struct rules_parts *parts = rules->parts;

	if (!parts->channel)
		return;
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		size_t params = rules->contract->channel[i].param_count;

		for (size_t p = 0; parts->channel[i].pattern && p < params; p++)
			pattern_free(parts->channel[i].pattern[p]);
		free(parts->channel[i].pattern);
	}
	free(parts->channel);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	if (rules->parts) {
		free_channels(rules);
		for (size_t i = 0; i < rules->parts->schema_count; i++)
			schema_free(rules->parts->schema[i]);
		free(rules->parts->schema);
		free(rules->parts->message);
		arena_clear(&rules->parts->arena);
		free(rules->parts);
	}
	revoked_free(rules->revoked);
	scram_free(rules->scram);
	passwords_free(rules->passwords);
	access_free(rules->access);
	contract_free(rules->contract);
	free(rules);
}
