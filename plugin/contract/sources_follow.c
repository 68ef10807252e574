/*
 * sources_follow.c -- where a $ref leads: to a value of a file, through the references that stand
 * on the way.
 */
#include "contract/sources_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"

/* References that are being followed: each led to the next. */
struct chain {
	struct sources *set;
	struct config_report *report;
	const struct config *ref[SOURCES_FOLLOW_MAX];
	unsigned count;
	unsigned hops; /* that were made, those included that are behind us */
};

static const struct config *resolve(struct chain *chain, const struct config *ref);

/* ---- what is wrong ---------------------------------------------------------------------- */

/* Says that the @first reference of the chain leads to itself, and which way. */
static void fail_circle(struct chain *chain, unsigned first)
{
	char way[DIAG_MAX / 2] = "";
	size_t used = 0;

	for (unsigned i = first; i <= chain->count && used < sizeof(way); i++) {
		const struct config *ref = chain->ref[i < chain->count ? i : first];

		used += (size_t)snprintf(way + used, sizeof(way) - used, "%s%s",
					 i > first ? " -> " : "", ref->text);
	}
	(void)config_fail(chain->report, chain->ref[0], NULL, ERR_INVALID,
			  "references lead in a circle: %s", way);
}

/* Puts @ref at the end of the chain; false, with a fault, where that can't lead anywhere. */
static bool enter(struct chain *chain, const struct config *ref)
{
	for (unsigned i = 0; i < chain->count; i++) {
		if (chain->ref[i] == ref) {
			fail_circle(chain, i);
			return false;
		}
	}
	if (chain->count == SOURCES_FOLLOW_MAX || chain->hops == SOURCES_HOPS_MAX)
		return config_fail(chain->report, chain->count > 0 ? chain->ref[0] : ref, NULL,
				   ERR_LIMIT, "more than %u references that lead to each other",
				   chain->hops == SOURCES_HOPS_MAX ? SOURCES_HOPS_MAX
								   : SOURCES_FOLLOW_MAX);
	chain->hops++;
	chain->ref[chain->count++] = ref;
	return true;
}

/* ---- from a pointer to a value ---------------------------------------------------------- */

static const struct config *child(const struct config *at, const char *token)
{
	size_t i = 0;

	if (!at || at->kind != CONFIG_ARRAY)
		return config_member(at, token);
	return jsonpointer_index(token, at->count, &i) ? &at->item[i] : NULL;
}

/* @at, or what it refers to at last, where it is a reference; NULL: that leads nowhere. */
static const struct config *behind(struct chain *chain, const struct config *at)
{
	while (at && config_string(config_member(at, "$ref")))
		at = resolve(chain, config_member(at, "$ref"));
	return at;
}

/* One step: @at's child, or that of what @at refers to. */
static const struct config *step(struct chain *chain, const struct config *at, const char *token)
{
	unsigned count = chain->count;
	const struct config *found;

	if (!config_string(config_member(at, "$ref")) || strcmp(token, "$ref") == 0)
		return child(at, token);
	found = child(behind(chain, at), token);
	chain->count = count;
	/* In a schema of a newer draft, members beside a $ref count. */
	return found ? found : child(at, token);
}

static const struct config *walk(struct chain *chain, const struct config *root,
				 const char *pointer)
{
	char token[JSONPOINTER_TOKEN_MAX];

	while (root && *pointer == '/') {
		if (!jsonpointer_next(&pointer, token, sizeof(token)))
			return NULL;
		root = step(chain, root, token);
	}
	return *pointer ? NULL : root;
}

/* The value that the fragment @pointer, whose percent signs are decoded, names in @file. */
static const struct config *find_value(struct chain *chain, const struct sources_file *file,
				       const char *pointer, const struct config *ref)
{
	unsigned before = chain->report->count;
	const struct config *found;
	size_t count = 0;

	if (*pointer && *pointer != '/') {
		(void)config_fail(chain->report, ref, NULL, ERR_INVALID,
				  "expected a JSON Pointer behind the #");
		return NULL;
	}
	for (const char *at = pointer; *at; at++)
		count += *at == '/';
	if (count > SOURCES_TOKENS_MAX) {
		(void)config_fail(chain->report, ref, NULL, ERR_LIMIT,
				  "a JSON Pointer of more than %u steps", SOURCES_TOKENS_MAX);
		return NULL;
	}
	found = walk(chain, file->root, pointer);
	if (!found && file->root != file->original && chain->report->count == before)
		found = walk(chain, file->original, pointer);
	if (!found && chain->report->count == before)
		(void)config_fail(chain->report, ref, NULL, ERR_INVALID, "there is no \"%s\"",
				  ref->text);
	return found;
}

/* Follows @ref, which stays on the chain. */
static const struct config *resolve(struct chain *chain, const struct config *ref)
{
	char pointer[SOURCES_URI_MAX + 1] = "";
	const struct sources_file *file;
	const char *text = NULL;

	if (!config_text(chain->report, ref, NULL, SOURCES_URI_MAX, &text) || !enter(chain, ref))
		return NULL;
	file = sources_open_reference(chain->set, ref, text, chain->report);
	if (!file)
		return NULL;
	text = strchr(text, '#');
	if (text)
		memcpy(pointer, text + 1, strlen(text + 1) + 1);
	if (sources_decode(pointer))
		return find_value(chain, file, pointer, ref);
	(void)config_fail(chain->report, ref, NULL, ERR_INVALID, "expected %%XX behind each %%");
	return NULL;
}

const struct config *sources_resolve(struct sources *sources, const struct config *ref,
				     struct config_report *report)
{
	struct chain chain = { .set = sources, .report = report };

	return resolve(&chain, ref);
}

const struct config *sources_at(struct sources *sources, const struct sources_file *file,
				const char *pointer)
{
	struct config_report unused = { .rc = 0 };
	struct chain chain = { .set = sources, .report = &unused };

	return walk(&chain, file->root, pointer);
}

/* ---- references as such ----------------------------------------------------------------- */

static void warn_siblings(struct sources *sources, const struct config *at)
{
	if (!sources->warn)
		return;
	config_foreach_member(member, at)
		if (strcmp(member->key, "$ref") != 0)
			sources->warn(sources->warn_ctx, member,
				      "is ignored, since it stands beside a $ref");
}

const struct config *sources_follow(struct sources *sources, const struct config *at)
{
	struct chain chain = { .set = sources, .report = sources->report };

	while (config_member(at, "$ref")) {
		warn_siblings(sources, at);
		at = resolve(&chain, config_member(at, "$ref"));
	}
	return at;
}

/* Does the $ref @ref name something by a URI that no document here is known by? */
static bool is_foreign(const struct sources *sources, const struct config *ref)
{
	const char *text = config_string(ref);

	return text && sources_has_scheme(text) &&
	       !sources_find_known(sources, NULL, text, strcspn(text, "#"));
}

const struct config *sources_follow_schema(struct sources *sources, const struct config *at)
{
	struct chain chain = { .set = sources, .report = sources->report };

	while (config_member(at, "$ref") && config_count(at) == 1 &&
	       !is_foreign(sources, config_member(at, "$ref")))
		at = resolve(&chain, config_member(at, "$ref"));
	return at;
}
