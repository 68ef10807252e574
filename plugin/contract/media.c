#include "contract/media.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"

#define TYPE_MAX 128u /* bytes of a type without its parameters; no longer one is known */

/* ---- the parts of a media type ------------------------------------------------------------ */

/* "type/subtype" in small letters, without spaces and parameters; false: it is none, or too long.
 */
static bool take_type(const char *text, char ret[TYPE_MAX])
{
	size_t len;

	text += strspn(text, " \t");
	len = strcspn(text, "; \t");
	if (len == 0 || len >= TYPE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
	ret[len] = '\0';
	return strchr(ret, '/') && ret[0] != '/' && ret[len - 1] != '/';
}

/* The value of parameter "version", without quotes, in small letters; "": there is none. */
static void take_version(const char *text, char ret[TYPE_MAX])
{
	ret[0] = '\0';
	while ((text = strchr(text, ';'))) {
		size_t len;

		text++;
		text += strspn(text, " \t");
		if (strncasecmp(text, "version", strlen("version")) != 0)
			continue;
		text += strlen("version");
		text += strspn(text, " \t");
		if (*text != '=')
			continue;
		text++;
		text += strspn(text, " \t\"");
		len = strcspn(text, "; \t\"");
		if (len >= TYPE_MAX)
			return;
		for (size_t i = 0; i < len; i++)
			ret[i] = (char)tolower((unsigned char)text[i]);
		ret[len] = '\0';
		return;
	}
}

static bool begins(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

static bool ends(const char *text, const char *tail)
{
	size_t len = strlen(text), tail_len = strlen(tail);

	return len > tail_len && strcmp(text + len - tail_len, tail) == 0;
}

/* ---- payloads ----------------------------------------------------------------------------- */

static const char json_types[] = "application/json text/json text/x-json application/x-json";
static const char binary_types[] =
	"application/octet-stream application/cbor application/msgpack application/x-msgpack "
	"application/vnd.msgpack application/gzip application/zip application/zstd "
	"application/pdf application/senml+cbor application/x-tar application/ogg";
/* A message in these is described by their own languages, if by any. */
static const char *const binary_trees[] = { "image/", "audio/", "video/", "font/", "model/", NULL };

bool media_format(const char *type, enum contract_format *ret)
{
	char name[TYPE_MAX];

	if (!take_type(type, name))
		return false;
	if (suggest_has(json_types, name) || ends(name, "+json"))
		*ret = CONTRACT_JSON;
	else if (begins(name, "text/") && !ends(name, "/xml") && !ends(name, "+xml"))
		*ret = CONTRACT_TEXT;
	else if (suggest_has(binary_types, name) || ends(name, "+cbor"))
		*ret = CONTRACT_BINARY;
	else
		*ret = CONTRACT_OPAQUE;
	for (const char *const *tree = binary_trees; *tree; tree++)
		if (begins(name, *tree) && *ret == CONTRACT_OPAQUE)
			*ret = CONTRACT_BINARY;
	return true;
}

bool media_is_cloudevents(const char *type)
{
	char name[TYPE_MAX];

	return take_type(type, name) && strcmp(name, "application/cloudevents+json") == 0;
}

/* ---- schemas ------------------------------------------------------------------------------ */

static const struct {
	const char *names;    /* types, with spaces between them */
	const char *versions; /* heads of versions that are meant; "": also none */
	enum contract_dialect dialect;
} dialects[] = {
	{ "application/vnd.aai.asyncapi application/vnd.aai.asyncapi+json "
	  "application/vnd.aai.asyncapi+yaml",
	  "2. 3.", CONTRACT_ASYNCAPI },
	{ "application/schema+json application/schema+yaml", "draft-04", CONTRACT_DRAFT_04 },
	{ "application/schema+json application/schema+yaml", "draft-06", CONTRACT_DRAFT_06 },
	{ "application/schema+json application/schema+yaml", "draft-07", CONTRACT_DRAFT_07 },
	{ "application/schema+json application/schema+yaml", "draft-2019-09 2019-09",
	  CONTRACT_DRAFT_2019_09 },
	{ "application/schema+json application/schema+yaml", "draft-2020-12 2020-12",
	  CONTRACT_DRAFT_2020_12 },
	{ "application/vnd.oai.openapi application/vnd.oai.openapi+json "
	  "application/vnd.oai.openapi+yaml",
	  "3.0", CONTRACT_OPENAPI_30 },
	/* Its schemas are of draft 2020-12. */
	{ "application/vnd.oai.openapi application/vnd.oai.openapi+json "
	  "application/vnd.oai.openapi+yaml",
	  "3.1", CONTRACT_DRAFT_2020_12 },
};

static bool has_head(const char *heads, const char *version)
{
	while (*heads) {
		size_t len = strcspn(heads, " ");

		if (strncmp(heads, version, len) == 0)
			return true;
		heads += len + strspn(heads + len, " ");
	}
	return false;
}

bool media_dialect(const char *type, enum contract_dialect *ret)
{
	char name[TYPE_MAX], version[TYPE_MAX];

	if (!take_type(type, name))
		return false;
	take_version(type, version);
	for (size_t i = 0; i < sizeof(dialects) / sizeof(*dialects); i++)
		if (suggest_has(dialects[i].names, name) &&
		    (has_head(dialects[i].versions, version) ||
		     (!version[0] && dialects[i].dialect == CONTRACT_ASYNCAPI))) {
			*ret = dialects[i].dialect;
			return true;
		}
	/* What draft it is says the schema itself, or nothing does. */
	if (!version[0] && begins(name, "application/schema+")) {
		*ret = CONTRACT_UNSAID;
		return true;
	}
	return false;
}
