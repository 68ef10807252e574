/*
 * joined.c -- channels that several documents have: which of them speaks for the channel, what it
 * takes from the others, and what these say in vain.
 */
#include "contract/contract_internal.h"

#include <stdlib.h>
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

/* What they say of a parameter that counts for a topic. @channel: ours, where we say nothing. */
static void compare_parameter(struct loader *loader, const struct config *theirs,
			      const struct config *ours, const struct config *channel)
{
	theirs = loader_follow(loader, theirs);
	ours = loader_follow(loader, ours);
	config_foreach_member(at, theirs) {
		const struct config *same = config_member(ours, at->key);

		if (suggest_has("location x-own", at->key) && (!same || !config_equal(at, same)))
			warn_of(loader, at, same ? same : ours ? ours : channel);
	}
}

/* The next parameter of an address: its name begins at *@at, which is moved behind it. */
static size_t next_param(const char **at, const char **name)
{
	size_t len;

	*at += strcspn(*at, "{");
	if (!**at)
		return 0;
	*name = ++*at;
	len = strcspn(*at, "}");
	*at += len;
	return len;
}

/* The number of the parameter of @address that is called so; -1: none is. */
static int find_param(const char *address, const char *name, size_t len)
{
	const char *other;
	size_t other_len;

	for (int i = 0; (other_len = next_param(&address, &other)) > 0; i++)
		if (other_len == len && memcmp(other, name, len) == 0)
			return i;
	return -1;
}

static const struct contract_alias *find_alias(const struct contract_channel *channel,
					       const char *name, size_t len)
{
	for (size_t i = 0; i < channel->alias_count; i++)
		if (strlen(channel->alias[i].name) == len &&
		    memcmp(channel->alias[i].name, name, len) == 0)
			return &channel->alias[i];
	return NULL;
}

/* What an access file says of a parameter, it may say by any document's name of it. */
static void add_alias(struct loader *loader, struct contract_channel *channel,
		      const struct config *at, const char *name, size_t len, unsigned param)
{
	struct contract_alias *alias = (struct contract_alias *)channel->alias;
	const struct contract_alias *known = find_alias(channel, name, len);

	if (known && known->param != param)
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "\"%.*s\" is another level of the same topics in a document "
				  "before: expected another name",
				  (int)len, name);
	if (known)
		return;
	if (!alias)
		channel->alias = alias = loader_take(loader, CONTRACT_ALIASES_MAX, sizeof(*alias));
	if (!alias)
		return;
	if (channel->alias_count == CONTRACT_ALIASES_MAX) {
		(void)config_fail(loader->report, at, NULL, ERR_LIMIT,
				  "the documents have more than %u other names for the parameters "
				  "of these topics",
				  CONTRACT_ALIASES_MAX);
		return;
	}
	alias[channel->alias_count].name = arena_text(&loader->contract->arena, name, len);
	alias[channel->alias_count].param = param;
	if (alias[channel->alias_count].name)
		channel->alias_count++;
	else
		(void)config_nomem(loader->report);
}

/* Names of parameters may differ, but one name may not mean two levels of a topic. */
static void compare_names(struct loader *loader, struct contract_channel *channel,
			  const struct config *at, const struct config *ours)
{
	const char *theirs = config_string(at), *name;
	size_t len;

	for (unsigned i = 0; (len = next_param(&theirs, &name)) > 0; i++) {
		int same = find_param(config_string(ours), name, len);

		if (same < 0)
			add_alias(loader, channel, at, name, len, i);
		else if ((unsigned)same != i)
			(void)config_fail(loader->report, at, NULL, ERR_INVALID,
					  "\"%.*s\" is another level of the same topics at "
					  "%s:%u:%u: expected another name",
					  (int)len, name, config_root(ours)->key, ours->line,
					  ours->column);
	}
}

/* The member of @parameters with a name of @len bytes. */
static const struct config *find_parameter(const struct config *parameters, const char *name,
					   size_t len)
{
	config_foreach_member(at, parameters)
		if (strlen(at->key) == len && memcmp(at->key, name, len) == 0)
			return at;
	return NULL;
}

/* Parameters of one level, whatever each document calls it. */
static void compare_parameters(struct loader *loader, const struct config *theirs,
			       const struct config *ours)
{
	const struct config *their_list =
		loader_follow(loader, config_member(theirs, "parameters"));
	const struct config *our_list = loader_follow(loader, config_member(ours, "parameters"));
	const char *their_at = config_string(config_member(theirs, "address")), *their_name;
	const char *our_at = config_string(config_member(ours, "address")), *our_name;
	size_t their_len, our_len;

	while ((their_len = next_param(&their_at, &their_name)) > 0 &&
	       (our_len = next_param(&our_at, &our_name)) > 0)
		compare_parameter(loader, find_parameter(their_list, their_name, their_len),
				  find_parameter(our_list, our_name, our_len), ours);
}

static void compare_addresses(struct loader *loader, struct contract_channel *channel,
			      const struct config *theirs, const struct config *ours)
{
	compare_names(loader, channel, config_member(theirs, "address"),
		      config_member(ours, "address"));
	compare_parameters(loader, theirs, ours);
}

/* What loader->doc says of the channel @ours, there or of all of its channels. */
static const struct config *find_said(const struct loader *loader, const struct config *ours,
				      const char *key)
{
	const struct config *same = config_member(ours, key);

	if (!same && suggest_has("x-limits x-dead-letter", key))
		same = config_member(loader->doc->root, key);
	return same;
}

/* Takes those extensions of @theirs that neither @ours nor @made has; x-mode is joined_mode()'s. */
static void take_extensions(struct loader *loader, const struct config *theirs,
			    const struct config *ours, struct draft *made)
{
	config_foreach_member(at, theirs) {
		const struct config *same = find_said(loader, ours, at->key);

		if (!suggest_has(LOADER_EXTENSIONS, at->key) || strcmp(at->key, "x-mode") == 0)
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
	struct contract_channel *channel = &loader->channel[index];
	struct draft *made;
	const struct config *ret;

	loader->doc = speaker->document;
	channel->name = loader->doc->channels->item[speaker - loader->doc->member].key;
	if (speaker == first && !next_document(loader, first))
		return first->at;
	made = draft_alias(&loader->drafts, speaker->at);
	for (const struct loader_member *member = first; member;
	     member = next_document(loader, member)) {
		if (member->document == speaker->document)
			continue;
		compare_addresses(loader, channel, member->at, speaker->at);
		take_extensions(loader, member->at, speaker->at, made);
	}
	ret = draft_freeze(&loader->drafts, made, &loader->contract->arena, "joined");
	if (ret)
		loader->at[index] = ret;
	else
		(void)config_nomem(loader->report);
	return ret;
}

/* ---- modes ------------------------------------------------------------------------------ */

/* What the document of @member says of its topics' modes. */
static void mode_of(struct loader *loader, const struct loader_member *member,
		    enum contract_mode ret[CONTRACT_GROUPS])
{
	memcpy(ret, member->document->defaults.mode, CONTRACT_GROUPS * sizeof(*ret));
	channels_load_mode(loader, member->at, ret);
}

/* Warns of each document that says less than @channel has. */
static void warn_of_modes(struct loader *loader, const struct contract_channel *channel,
			  const struct loader_member *member)
{
	enum contract_mode its[CONTRACT_GROUPS];

	for (; member; member = next_document(loader, member)) {
		mode_of(loader, member, its);
		if (memcmp(its, channel->mode, sizeof(its)) != 0)
			loader_warn(loader, member->at, NULL,
				    "another document's x-mode of the same topics is stricter: the "
				    "strictest holds");
	}
}

void joined_mode(struct loader *loader, struct contract_channel *channel)
{
	const struct loader_member *first = loader_member(loader, loader->first[channel->index]);
	enum contract_mode its[CONTRACT_GROUPS];

	if (!next_document(loader, first))
		return;
	for (const struct loader_member *member = first; member;
	     member = next_document(loader, member)) {
		if (member->document == loader->doc)
			continue;
		mode_of(loader, member, its);
		for (unsigned group = 0; group < CONTRACT_GROUPS; group++)
			if (its[group] < channel->mode[group])
				channel->mode[group] = its[group];
	}
	if (loader->report->count == 0)
		warn_of_modes(loader, channel, first);
}

/* ---- parameters of operations ----------------------------------------------------------- */

static int compare_values(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The parameter's values in the order of strcmp(); NULL: memory ran out. */
static const char **sort_values(struct loader *loader, const struct contract_param *param)
{
	const char **ret = arena_take(&loader->scratch, param->value_count, sizeof(*ret));

	if (!ret) {
		(void)config_nomem(loader->report);
		return NULL;
	}
	for (size_t i = 0; i < param->value_count; i++)
		ret[i] = param->value[i];
	qsort(ret, param->value_count, sizeof(*ret), compare_values);
	return ret;
}

/* Have they the same values, in whatever order? */
static bool is_same_list(struct loader *loader, const struct contract_param *a,
			 const struct contract_param *b)
{
	const char **ours, **theirs;

	if (a->value_count != b->value_count)
		return false;
	ours = a->value_count > 0 ? sort_values(loader, a) : NULL;
	theirs = ours ? sort_values(loader, b) : NULL;
	for (size_t i = 0; theirs && i < a->value_count; i++)
		if (strcmp(ours[i], theirs[i]) != 0)
			return false;
	return true;
}

/* Do the two list and match the same? */
static bool is_same(struct loader *loader, const struct contract_param *a,
		    const struct contract_param *b)
{
	if (!a->pattern != !b->pattern || (a->pattern && strcmp(a->pattern, b->pattern) != 0))
		return false;
	return is_same_list(loader, a, b);
}

static bool are_same(struct loader *loader, const struct contract_param *a,
		     const struct contract_param *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_same(loader, &a[i], &b[i]))
			return false;
	return true;
}

/* The send operations of the document that is read have its own parameters, @param. */
static void own_params(struct loader *loader, struct contract_channel *channel,
		       const struct contract_param *param)
{
	/* Ours: made by operations_load(). */
	struct contract_operation *send = (struct contract_operation *)channel->send;

	for (size_t i = 0; i < channel->send_count; i++) {
		if (send[i].application != loader->doc->application)
			continue;
		send[i].param = param;
		channel->has_own_params = channel->has_choosy_params = true;
	}
}

void joined_params(struct loader *loader, struct contract_channel *channel)
{
	const struct loader_document *speaker = loader->doc;

	for (const struct loader_member *member =
		     loader_member(loader, loader->first[channel->index]);
	     member; member = next_document(loader, member)) {
		struct contract_channel theirs = { .name = channel->name };

		loader->doc = member->document;
		if (loader->doc == speaker)
			continue;
		theirs.address = address_load(loader, member->at, false);
		if (theirs.address)
			address_load_params(loader, member->at, &theirs);
		if (theirs.param_count == channel->param_count &&
		    !are_same(loader, channel->param, theirs.param, channel->param_count))
			own_params(loader, channel, theirs.param);
	}
	loader->doc = (struct loader_document *)speaker;
}
