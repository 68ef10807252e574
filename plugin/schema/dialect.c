#include "schema/dialect.h"

#include <string.h>

#include "schema/uri.h"

/* A chain of metaschemas that describe each other; longer ones are taken for a circle. */
#define MAX_CHAIN 8u

#define VOCABULARY_ALL                                                                             \
	(VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED |                        \
	 VOCABULARY_VALIDATION | VOCABULARY_METADATA | VOCABULARY_CONTENT)

/* By enum schema_dialect. Whether format is an assertion, an option of schema_compile() says. */
static const struct {
	const char *name;
	const char *uri;
	unsigned vocabularies;
} standards[] = {
	[SCHEMA_UNSAID] = { "unsaid", "https://json-schema.org/draft/2020-12/schema",
			    VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_DRAFT_04] = { "draft 04", "http://json-schema.org/draft-04/schema",
			      VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_DRAFT_06] = { "draft 06", "http://json-schema.org/draft-06/schema",
			      VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_DRAFT_07] = { "draft 07", "http://json-schema.org/draft-07/schema",
			      VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_DRAFT_2019_09] = { "draft 2019-09", "https://json-schema.org/draft/2019-09/schema",
				   VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_DRAFT_2020_12] = { "draft 2020-12", "https://json-schema.org/draft/2020-12/schema",
				   VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_V1] = { "draft v1", "https://json-schema.org/v1",
			VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_ASYNCAPI] = { "AsyncAPI's Schema Object",
			      "http://asyncapi.com/definitions/3.0.0/schema.json",
			      VOCABULARY_ALL | VOCABULARY_FORMAT },
	[SCHEMA_OPENAPI_30] = { "OpenAPI 3.0's Schema Object",
				"https://spec.openapis.org/oas/v3.0.3#schema-object",
				VOCABULARY_ALL | VOCABULARY_FORMAT },
};

#define STANDARD_COUNT (sizeof(standards) / sizeof(standards[0]))

const char *schema_dialect_name(enum schema_dialect dialect)
{
	return standards[dialect].name;
}

const char *dialect_uri(enum schema_dialect dialect)
{
	return standards[dialect].uri;
}

/* An empty fragment names the same as none. */
static size_t bare_length(const char *uri)
{
	size_t len = strlen(uri);

	return len > 0 && uri[len - 1] == '#' ? len - 1 : len;
}

bool dialect_same_uri(const char *a, const char *b)
{
	size_t len = bare_length(a);

	return len == bare_length(b) && strncmp(a, b, len) == 0;
}

enum schema_dialect dialect_of_uri(const char *uri)
{
	for (unsigned i = SCHEMA_UNSAID + 1; i < STANDARD_COUNT; i++)
		if (dialect_same_uri(uri, standards[i].uri))
			return (enum schema_dialect)i;
	return SCHEMA_UNSAID;
}

static int read_vocabularies(const struct resource *metaschema, struct dialect *dialect,
			     struct diag *diag)
{
	json_t *map = json_object_get(metaschema->node, "$vocabulary");
	const char *uri;
	json_t *is_required;

	if (dialect_in(dialect, IN_LONE_REF) || !json_is_object(map))
		return 0; /* what the draft itself has */
	dialect->vocabularies = VOCABULARY_CORE;
	json_object_foreach(map, uri, is_required) {
		unsigned bit = vocabulary_find(uri);

		if (bit == 0 && json_is_true(is_required))
			return document_fail(
				diag, ERR_INVALID, metaschema, metaschema->pointer, "$vocabulary",
				"the vocabulary \"%s\" is required but not known", uri);
		dialect->vocabularies |= bit;
	}
	return 0;
}

static struct known_dialect *find_known(const struct schema_set *set, const char *uri)
{
	struct known_dialect *known = set->dialects;

	while (known && !dialect_same_uri(uri, known->uri))
		known = known->next;
	return known;
}

/* The dialect of a custom metaschema: that of its own metaschema, with its $vocabulary. */
static int read_custom(struct schema_set *set, const char *uri, unsigned chain, struct dialect *ret,
		       struct diag *diag);

static int find_dialect(struct schema_set *set, const char *uri, unsigned chain,
			struct known_dialect **ret, struct diag *diag)
{
	struct known_dialect *known = find_known(set, uri);
	enum schema_dialect standard = known ? SCHEMA_UNSAID : dialect_of_uri(uri);
	struct dialect dialect = { standard, standards[standard].vocabularies };
	int rc = 0;

	if (known) {
		*ret = known;
		return 0;
	}
	if (standard == SCHEMA_UNSAID)
		rc = read_custom(set, uri, chain, &dialect, diag);
	if (rc != 0)
		return rc;
	known = arena_alloc(&set->arena, sizeof(*known));
	if (!known)
		return diag_nomem(diag);
	*known = (struct known_dialect){ .next = set->dialects, .dialect = dialect };
	known->uri = arena_text(&set->arena, uri, bare_length(uri));
	if (!known->uri)
		return diag_nomem(diag);
	set->dialects = known;
	*ret = known;
	return 0;
}

static int read_custom(struct schema_set *set, const char *uri, unsigned chain, struct dialect *ret,
		       struct diag *diag)
{
	struct resource *metaschema = NULL;
	struct known_dialect *base = NULL;
	const json_t *schema;
	char *bare = NULL;
	int rc = uri_resolve(&set->arena, "", uri, &bare);

	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	if (rc == 0)
		rc = document_find(set, NULL, NULL, bare, &metaschema, NULL);
	if (rc != 0 || chain >= MAX_CHAIN)
		return diag_set(diag, ERR_INVALID,
				"\"%s\" is not known (expected the URI of draft 04, 06, 07, "
				"2019-09, 2020-12 or v1, or of a metaschema of ours)",
				uri);
	schema = json_object_get(metaschema->node, "$schema");
	rc = find_dialect(
		set, json_is_string(schema) ? json_string_value(schema) : metaschema->dialect_uri,
		chain + 1, &base, diag);
	if (rc != 0)
		return rc;
	*ret = base->dialect;
	return read_vocabularies(metaschema, ret, diag);
}

int dialect_find_known(struct schema_set *set, const char *uri, struct known_dialect **ret,
		       struct diag *diag)
{
	return find_dialect(set, uri, 0, ret, diag);
}

int dialect_find(struct schema_set *set, const char *uri, const struct dialect **ret,
		 struct diag *diag)
{
	struct known_dialect *known = NULL;
	int rc = find_dialect(set, uri, 0, &known, diag);

	if (rc == 0)
		*ret = &known->dialect;
	return rc;
}
