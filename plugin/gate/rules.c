#include "gate/rules.h"

#include <malloc.h>
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

/* The access file has two turns: it says how documents are to be read, and the documents say what
 * it may name. */
static int load_contract(struct rules *rules, const struct rules_files *files, struct diag *diag)
{
	struct access_file *file = NULL;
	int rc = files->access ? access_open(files->access, &file, files->errors, diag) : 0;

	if (rc)
		return rc;
	rc = contract_open(&files->contract, file ? access_applications(file) : NULL,
			   &rules->contract, files->errors, diag);
	if (rc == 0 && file)
		rc = rules_load_access(rules, file, diag);
	access_close(file);
	return rc;
}

static int load_files(struct rules *rules, const struct rules_files *files, struct diag *diag)
{
	int rc = load_contract(rules, files, diag);

	if (rc == 0 && files->password_file)
		rc = passwords_load(files->password_file, &rules->passwords, diag);
	if (rc == 0 && files->scram_file)
		rc = scram_load(files->scram_file, &rules->scram, diag);
	if (rc == 0 && files->crl_file)
		rc = revoked_load(files->crl_file, &rules->revoked, diag);
	return rc;
}

/* That they are too large to be shown is no fault. */
static int keep_documents(struct rules *rules, struct diag *diag)
{
	int rc = documents_make(rules->contract, &rules->documents, diag);

	if (rc != ERR_LIMIT)
		return rc;
	rules_add_warning(rules, diag->text);
	return 0;
}

int rules_load(const struct rules_files *files, struct rules **ret, struct diag *diag)
{
	struct rules *rules = calloc(1, sizeof(*rules));
	int rc = ERR_NOMEM;

	if (rules)
		rules->holders = 1;
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
	if (rc == 0 && !files->keeps_documents)
		rc = keep_documents(rules, diag);
	if (rc == 0 && !files->keeps_documents)
		rc = rules_pack(rules, diag);
	if (rc)
		goto out;
#ifdef __GLIBC__
	malloc_trim(0); /* what loading took and gave back would cost each message's allocations */
#endif
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

static void free_patterns(struct pattern **pattern, size_t count)
{
	for (size_t i = 0; pattern && i < count; i++)
		pattern_free(pattern[i]);
	free(pattern);
}

static void free_channels(struct rules *rules)
{
	struct rules_parts *parts = rules->parts;

	if (!parts->channel)
		return;
	for (size_t i = 0; i < rules->contract->channel_count; i++) {
		const struct contract_channel *channel = &rules->contract->channel[i];
		struct pattern ***own = parts->channel[i].own_pattern;

		free_patterns(parts->channel[i].pattern, channel->param_count);
		for (size_t k = 0; own && k < channel->send_count; k++)
			free_patterns(own[k], channel->param_count);
		free(own);
	}
	free(parts->channel);
}

struct rules *rules_share(struct rules *rules)
{
	rules->holders++;
	return rules;
}

void rules_free(struct rules *rules)
{
	if (!rules || --rules->holders > 0)
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
	documents_free(rules->documents);
	contract_free(rules->contract);
	free(rules);
}
