/*
 * shapes.c -- which members AsyncAPI's objects have (3.0 and 3.1, whose objects are the same), and
 * the walk that holds a document against this. Our own members are among them. What stands in a
 * schema, an example's payload or a protocol's binding is not looked at here.
 */
#include "base/wordhash.h"
#include "contract/contract_internal.h"

enum shape {
	SHAPE_DOCUMENT = 0,
	SHAPE_INFO,
	SHAPE_CONTACT,
	SHAPE_LICENSE,
	SHAPE_TAG,
	SHAPE_DOCS,
	SHAPE_SERVER,
	SHAPE_VARIABLE,
	SHAPE_CHANNEL,
	SHAPE_PARAMETER,
	SHAPE_MESSAGE,
	SHAPE_MESSAGE_TRAIT,
	SHAPE_CORRELATION,
	SHAPE_EXAMPLE,
	SHAPE_OPERATION,
	SHAPE_OPERATION_TRAIT,
	SHAPE_REPLY,
	SHAPE_REPLY_ADDRESS,
	SHAPE_SCHEME,
	SHAPE_FLOWS,
	SHAPE_FLOW,
	SHAPE_COMPONENTS,
	SHAPES,
};

#define ROWS_MAX 6
#define CHILDREN_MAX 16

/* How a member holds objects of another shape. */
enum holding { HOLDS_ONE = 0, HOLDS_LIST, HOLDS_MAP };

struct child {
	const char *name;
	enum shape shape;
	enum holding holding;
};

struct shape_row {
	const char *noun;
	struct config_known known[ROWS_MAX]; /* as config_check() takes it */
	struct child child[CHILDREN_MAX];    /* a NULL name ends it */
};

#define REQUIRED .is_required = true
#define STRING .kind = CONFIG_STRING
#define TAGS                                                                                       \
	{                                                                                          \
		"tags", SHAPE_TAG, HOLDS_LIST                                                      \
	}
#define DOCS                                                                                       \
	{                                                                                          \
		"externalDocs", SHAPE_DOCS, HOLDS_ONE                                              \
	}

#define MESSAGE_REST                                                                               \
	{ .name = "contentType name title summary description", STRING },                          \
	{                                                                                          \
		.name = "deprecated", .kind = CONFIG_BOOLEAN                                       \
	}
#define MESSAGE_CHILDREN                                                                           \
	TAGS, DOCS, { "correlationId", SHAPE_CORRELATION, HOLDS_ONE },                             \
	{                                                                                          \
		"examples", SHAPE_EXAMPLE, HOLDS_LIST                                              \
	}

/* clang-format off */
static const struct shape_row shapes[SHAPES] = {
	[SHAPE_DOCUMENT] = { "the document",
		{ { .name = "asyncapi id defaultContentType", STRING },
		  { .name = "info", REQUIRED },
		  { .name = "servers channels operations components", .kind = CONFIG_OBJECT },
		  { .name = "x-mode x-limits x-state-machines x-entities x-broker-topics "
			    "x-dead-letter x-perspective x-unlisted" } },
		{ { "info", SHAPE_INFO, HOLDS_ONE }, { "servers", SHAPE_SERVER, HOLDS_MAP },
		  { "channels", SHAPE_CHANNEL, HOLDS_MAP },
		  { "operations", SHAPE_OPERATION, HOLDS_MAP },
		  { "components", SHAPE_COMPONENTS, HOLDS_ONE } } },
	[SHAPE_INFO] = { "info",
		{ { .name = "title", STRING, REQUIRED }, { .name = "version", STRING, REQUIRED },
		  { .name = "description termsOfService", STRING },
		  { .name = "contact license tags externalDocs" } },
		{ { "contact", SHAPE_CONTACT, HOLDS_ONE }, { "license", SHAPE_LICENSE, HOLDS_ONE },
		  TAGS, DOCS } },
	[SHAPE_CONTACT] = { "a contact", { { .name = "name url email", STRING } }, { { .name = NULL } } },
	[SHAPE_LICENSE] = { "a license",
		{ { .name = "name", STRING, REQUIRED }, { .name = "url", STRING } }, { { .name = NULL } } },
	[SHAPE_TAG] = { "a tag",
		{ { .name = "name", STRING, REQUIRED }, { .name = "description", STRING },
		  { .name = "externalDocs" } },
		{ DOCS } },
	[SHAPE_DOCS] = { "externalDocs",
		{ { .name = "url", STRING, REQUIRED }, { .name = "description", STRING } },
		{ { .name = NULL } } },
	[SHAPE_SERVER] = { "a server",
		{ { .name = "host", STRING, REQUIRED }, { .name = "protocol", STRING, REQUIRED },
		  { .name = "protocolVersion pathname title summary description", STRING },
		  { .name = "security", .kind = CONFIG_ARRAY },
		  { .name = "x-enforce", .kind = CONFIG_BOOLEAN },
		  { .name = "variables tags externalDocs bindings" } },
		{ { "variables", SHAPE_VARIABLE, HOLDS_MAP },
		  { "security", SHAPE_SCHEME, HOLDS_LIST }, TAGS, DOCS } },
	[SHAPE_VARIABLE] = { "a server variable",
		{ { .name = "enum examples", .kind = CONFIG_ARRAY },
		  { .name = "default description", STRING } },
		{ { .name = NULL } } },
	[SHAPE_CHANNEL] = { "a channel",
		{ { .name = "address messages parameters bindings tags externalDocs" },
		  { .name = "title summary description", STRING },
		  { .name = "servers", .kind = CONFIG_ARRAY },
		  { .name = "x-mode x-limits x-will x-record x-durability x-consistency "
			    "x-entity x-interval x-time x-unique x-problem-types x-dead-letter" } },
		{ { "messages", SHAPE_MESSAGE, HOLDS_MAP },
		  { "parameters", SHAPE_PARAMETER, HOLDS_MAP }, TAGS, DOCS } },
	[SHAPE_PARAMETER] = { "a parameter",
		{ { .name = "location", STRING }, { .name = "enum", .kind = CONFIG_ARRAY },
		  { .name = "default description", STRING },
		  { .name = "examples", .kind = CONFIG_ARRAY }, { .name = "x-pattern x-own" } },
		{ { .name = NULL } } },
	[SHAPE_MESSAGE] = { "a message",
		{ { .name = "payload headers correlationId tags externalDocs bindings" },
		  MESSAGE_REST, { .name = "examples traits", .kind = CONFIG_ARRAY } },
		{ MESSAGE_CHILDREN, { "traits", SHAPE_MESSAGE_TRAIT, HOLDS_LIST } } },
	[SHAPE_MESSAGE_TRAIT] = { "a message trait",
		{ { .name = "headers correlationId tags externalDocs bindings" }, MESSAGE_REST,
		  { .name = "examples", .kind = CONFIG_ARRAY } },
		{ MESSAGE_CHILDREN } },
	[SHAPE_CORRELATION] = { "a correlation id",
		{ { .name = "location", STRING, REQUIRED }, { .name = "description", STRING } },
		{ { .name = NULL } } },
	[SHAPE_EXAMPLE] = { "a message example",
		{ { .name = "headers", .kind = CONFIG_OBJECT }, { .name = "payload" },
		  { .name = "name summary", STRING } },
		{ { .name = NULL } } },
	[SHAPE_OPERATION] = { "an operation",
		{ { .name = "action", REQUIRED }, { .name = "channel", REQUIRED },
		  { .name = "title summary description", STRING },
		  { .name = "messages security traits", .kind = CONFIG_ARRAY },
		  { .name = "reply bindings tags externalDocs" } },
		{ { "security", SHAPE_SCHEME, HOLDS_LIST }, { "reply", SHAPE_REPLY, HOLDS_ONE },
		  { "traits", SHAPE_OPERATION_TRAIT, HOLDS_LIST }, TAGS, DOCS } },
	[SHAPE_OPERATION_TRAIT] = { "an operation trait",
		{ { .name = "title summary description", STRING },
		  { .name = "security", .kind = CONFIG_ARRAY },
		  { .name = "bindings tags externalDocs" } },
		{ { "security", SHAPE_SCHEME, HOLDS_LIST }, TAGS, DOCS } },
	[SHAPE_REPLY] = { "a reply",
		{ { .name = "address channel" }, { .name = "messages", .kind = CONFIG_ARRAY } },
		{ { "address", SHAPE_REPLY_ADDRESS, HOLDS_ONE } } },
	[SHAPE_REPLY_ADDRESS] = { "a reply's address",
		{ { .name = "location", STRING, REQUIRED }, { .name = "description", STRING } },
		{ { .name = NULL } } },
	[SHAPE_SCHEME] = { "a security scheme",
		{ { .name = "type", STRING, REQUIRED },
		  { .name = "description name in scheme bearerFormat openIdConnectUrl", STRING },
		  { .name = "flows", .kind = CONFIG_OBJECT },
		  { .name = "scopes x-and", .kind = CONFIG_ARRAY } },
		{ { "flows", SHAPE_FLOWS, HOLDS_ONE }, { "x-and", SHAPE_SCHEME, HOLDS_LIST } } },
	[SHAPE_FLOWS] = { "flows",
		{ { .name = "implicit password clientCredentials authorizationCode" } },
		{ { "implicit", SHAPE_FLOW, HOLDS_ONE }, { "password", SHAPE_FLOW, HOLDS_ONE },
		  { "clientCredentials", SHAPE_FLOW, HOLDS_ONE },
		  { "authorizationCode", SHAPE_FLOW, HOLDS_ONE } } },
	[SHAPE_FLOW] = { "a flow",
		{ { .name = "authorizationUrl tokenUrl refreshUrl", STRING },
		  { .name = "availableScopes", .kind = CONFIG_OBJECT } },
		{ { .name = NULL } } },
	[SHAPE_COMPONENTS] = { "components",
		{ { .name = "schemas servers channels operations messages securitySchemes "
			    "serverVariables parameters correlationIds replies replyAddresses "
			    "externalDocs tags operationTraits messageTraits serverBindings "
			    "channelBindings operationBindings messageBindings",
		    .kind = CONFIG_OBJECT } },
		{ { "servers", SHAPE_SERVER, HOLDS_MAP }, { "channels", SHAPE_CHANNEL, HOLDS_MAP },
		  { "operations", SHAPE_OPERATION, HOLDS_MAP },
		  { "messages", SHAPE_MESSAGE, HOLDS_MAP },
		  { "securitySchemes", SHAPE_SCHEME, HOLDS_MAP },
		  { "serverVariables", SHAPE_VARIABLE, HOLDS_MAP },
		  { "parameters", SHAPE_PARAMETER, HOLDS_MAP },
		  { "correlationIds", SHAPE_CORRELATION, HOLDS_MAP },
		  { "replies", SHAPE_REPLY, HOLDS_MAP },
		  { "replyAddresses", SHAPE_REPLY_ADDRESS, HOLDS_MAP },
		  { "externalDocs", SHAPE_DOCS, HOLDS_MAP }, { "tags", SHAPE_TAG, HOLDS_MAP },
		  { "operationTraits", SHAPE_OPERATION_TRAIT, HOLDS_MAP },
		  { "messageTraits", SHAPE_MESSAGE_TRAIT, HOLDS_MAP } } },
};
/* clang-format on */

static size_t known_rows(const struct shape_row *row)
{
	size_t rows = 0;

	while (rows < ROWS_MAX && row->known[rows].name)
		rows++;
	return rows;
}

#define SEEN_MAX 4096u /* a power of two */

/* Members that were held against a shape, or items each of which was. */
struct shape_held {
	const struct config *item;
	unsigned shape; /* of each item: SHAPES more */
};

struct shape_walk {
	struct loader *loader;
	struct shape_held *seen; /* SEEN_MAX of them, each of the last with its hash */
};

/*
 * Was this, which may stand in many places, held against @shape before? A large message that all
 * channels of a large contract share would take minutes.
 */
static bool was_seen(const struct shape_walk *walk, const struct config *value, unsigned shape)
{
	const struct shape_held this = { config_first(value, CONFIG_ANY), shape };
	struct shape_held *seen =
		&walk->seen[wordhash_mix((uintptr_t)this.item + shape, WORDHASH_FACTOR) &
			    (SEEN_MAX - 1)];

	if (!this.item)
		return false;
	if (seen->item == this.item && seen->shape == shape)
		return true;
	*seen = this;
	return false;
}

/* Objects hold each other in a few levels only: no shape is below itself. */
static void check(const struct shape_walk *walk, const struct config *value, enum shape shape)
{
	struct config_report *report = walk->loader->report;
	const struct shape_row *row = &shapes[shape];
	const struct config *at = loader_follow(walk->loader, value);

	if (at && (at != value || at->origin) && was_seen(walk, at, shape))
		return;
	if (!config_check_rows(report, at, row->noun, row->known, known_rows(row)))
		return;
	for (const struct child *child = row->child;
	     child < row->child + CHILDREN_MAX && child->name; child++) {
		const struct config *member = config_member(at, child->name);

		if (child->holding == HOLDS_ONE)
			check(walk, member, child->shape);
		else if (config_expect(report, member,
				       child->holding == HOLDS_MAP ? CONFIG_OBJECT
								   : CONFIG_ARRAY) &&
			 !(member->origin && was_seen(walk, member, SHAPES + child->shape)))
			config_foreach(item, member)
				if (!config_is_full(report))
					check(walk, item, child->shape);
	}
}

void shapes_check(struct loader *loader)
{
	const struct shape_walk walk = { loader, arena_take(&loader->scratch, SEEN_MAX,
							    sizeof(struct shape_held)) };

	if (walk.seen)
		check(&walk, loader->doc->root, SHAPE_DOCUMENT);
	else
		(void)config_nomem(loader->report);
}
