/*
 * sources_made.c -- schemas that were merged of several places: each is a document of its own.
 */
#include <stdio.h>
#include <string.h>

#include "base/draft.h"
#include "contract/sources.h"

/* A "schema" may be below several members of its owner. */
static bool is_same(const struct sources_made *made, const struct config *root,
		    const struct config *owner)
{
	return made->root == root ||
	       (owner && made->owner == owner && root->key && strcmp(root->key, "schema") != 0 &&
		strcmp(made->root->key, root->key) == 0);
}

const char *sources_made_uri(struct sources *sources, const struct config *root,
			     const struct config *owner)
{
	struct sources_made *made = sources->made;
	char uri[32];

	if (draft_is_original(root))
		return sources_uri(sources, root);
	while (made && !is_same(made, root, owner))
		made = made->next;
	if (made)
		return made->uri;
	(void)snprintf(uri, sizeof(uri), SOURCES_MADE "%zu", sources->made_count);
	made = arena_alloc(sources->arena, sizeof(*made));
	if (made)
		made->uri = made->name = arena_text(sources->arena, uri, strlen(uri));
	if (!made || !made->uri) {
		(void)config_nomem(sources->report);
		return NULL;
	}
	made->root = root;
	made->owner = owner;
	made->next = sources->made;
	sources->made = made;
	sources->made_count++;
	return made->uri;
}
