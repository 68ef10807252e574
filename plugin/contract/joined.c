/*
 * joined.c -- channels that several documents have: which of them speaks for the channel, what it
 * takes from the others, and what these say in vain.
 */
#include "contract/contract_internal.h"

#include <string.h>

#include "base/suggest.h"

/* The first member of each document, one after the other: @member is one. NULL behind the last. */
static const struct loader_member *next_document(const struct loader *loader,
						 const struct loader_member *member)
{
	const struct loader_document *document = member->document;

	while (member && member->document == document)
		member = loader_member(loader, member->next);
	return member;
}

static bool sends(const struct loader *loader, const struct loader_member *member)
{
	const struct loader_document *document = member->document;

	for (; member && member->document == document; member = loader_member(loader, member->next))
		if (member->has_send)
			return true;
	return false;
}

/* The document whose application publishes there decides, as far as there is one. */
static const struct loader_member *find_speaker(const struct loader *loader,
						const struct loader_member *first)
{
	for (const struct loader_member *member = first; member;
	     member = next_document(loader, member))
		if (sends(loader, member))
			return member;
	return first;
}

static void warn_of(struct loader *loader, const struct config *at, const struct config *ours)
{
	loader_warn(loader, at, NULL,
		    "is not read: %s:%u:%u says otherwise of the same topics, and speaks for them",
		    config_root(ours)->key, ours->line, ours->column);
}

/* What the parameters called @key say that counts for a topic. */
static void compare_parameter(struct loader *loader, const struct config *theirs,
			      const struct config *ours)
{
	theirs = loader_follow(loader, theirs);
	ours = loader_follow(loader, ours);
	config_foreach_member(at, theirs) {
		const struct config *same = config_member(ours, at->key);

		if (suggest_has("enum location x-pattern x-own", at->key) &&
		    (!same || !config_equal(at, same)))
			warn_of(loader, at, same ? same : ours);
	}
}

static void compare_addresses(struct loader *loader, const struct config *theirs,
			      const struct config *ours)
{
	const struct config *at = config_member(theirs, "address");
	const struct config *same = config_member(ours, "address");
	const struct config *parameters = loader_follow(loader, config_member(ours, "parameters"));

	if (strcmp(config_string(at), config_string(same)) != 0)
		loader_warn(loader, at, NULL,
			    "has the topics of \"%s\" at %s:%u:%u, whose names of parameters count",
			    config_string(same), config_root(same)->key, same->line, same->column);
	config_foreach_member(parameter,
			      loader_follow(loader, config_member(theirs, "parameters"))) {
		same = config_member(parameters, parameter->key);
		if (same)
			compare_parameter(loader, parameter, same);
	}
}

/* Takes those extensions of @theirs that neither @ours nor @made has. */
static void take_extensions(struct loader *loader, const struct config *theirs,
			    const struct config *ours, struct draft *made)
{
	config_foreach_member(at, theirs) {
		const struct config *same = config_member(ours, at->key);

		if (!suggest_has(LOADER_EXTENSIONS, at->key))
			continue;
		if (!same)
			same = draft_place_of(draft_get(&loader->drafts, made, at->key));
		if (!same)
			draft_copy(&loader->drafts, made, at);
		else if (strcmp(at->key, "x-entity") == 0)
			(void)config_fail(loader->report, at, NULL, ERR_INVALID,
					  "the state of these topics is declared at %s:%u:%u "
					  "already: expected it in one document",
					  config_root(same)->key, same->line, same->column);
		else if (!config_equal(at, same))
			warn_of(loader, at, same);
	}
}

const struct config *joined_channel(struct loader *loader, unsigned index)
{
	const struct loader_member *first = loader_member(loader, loader->first[index]);
	const struct loader_member *speaker = find_speaker(loader, first);
	struct draft *made;
	const struct config *ret;

	loader->doc = speaker->document;
	if (speaker == first && !next_document(loader, first))
		return first->at;
	made = draft_alias(&loader->drafts, speaker->at);
	for (const struct loader_member *member = first; member;
	     member = next_document(loader, member)) {
		if (member->document == speaker->document)
			continue;
		compare_addresses(loader, member->at, speaker->at);
		take_extensions(loader, member->at, speaker->at, made);
	}
	ret = draft_freeze(&loader->drafts, made, &loader->contract->arena, "joined");
	if (ret)
		loader->at[index] = ret;
	else
		(void)config_nomem(loader->report);
	return ret;
}
