#include "schema/metaschema.h"

#include <string.h>

#include "base/embed.h"

EMBED(text_04, "plugin/schema/metaschema/draft-04.json");
EMBED(text_06, "plugin/schema/metaschema/draft-06.json");
EMBED(text_07, "plugin/schema/metaschema/draft-07.json");
EMBED(text_2019_schema, "plugin/schema/metaschema/2019-09/schema.json");
EMBED(text_2019_core, "plugin/schema/metaschema/2019-09/core.json");
EMBED(text_2019_applicator, "plugin/schema/metaschema/2019-09/applicator.json");
EMBED(text_2019_validation, "plugin/schema/metaschema/2019-09/validation.json");
EMBED(text_2019_metadata, "plugin/schema/metaschema/2019-09/meta-data.json");
EMBED(text_2019_format, "plugin/schema/metaschema/2019-09/format.json");
EMBED(text_2019_content, "plugin/schema/metaschema/2019-09/content.json");
EMBED(text_2020_schema, "plugin/schema/metaschema/2020-12/schema.json");
EMBED(text_2020_core, "plugin/schema/metaschema/2020-12/core.json");
EMBED(text_2020_applicator, "plugin/schema/metaschema/2020-12/applicator.json");
EMBED(text_2020_unevaluated, "plugin/schema/metaschema/2020-12/unevaluated.json");
EMBED(text_2020_validation, "plugin/schema/metaschema/2020-12/validation.json");
EMBED(text_2020_metadata, "plugin/schema/metaschema/2020-12/meta-data.json");
EMBED(text_2020_format, "plugin/schema/metaschema/2020-12/format-annotation.json");
EMBED(text_2020_assertion, "plugin/schema/metaschema/2020-12/format-assertion.json");
EMBED(text_2020_content, "plugin/schema/metaschema/2020-12/content.json");
EMBED(text_v1, "plugin/schema/metaschema/v1.json");

#define OLD "http://json-schema.org/"
#define NEW "https://json-schema.org/"
#define META_2019 NEW "draft/2019-09/meta/"
#define META_2020 NEW "draft/2020-12/meta/"

const char *metaschema_text(const char *uri, size_t *len)
{
	static const struct {
		const char *uri;
		const char *text;
		const char *end;
	} rows[] = {
		{ OLD "draft-04/schema", text_04, text_04_end },
		{ OLD "draft-06/schema", text_06, text_06_end },
		{ OLD "draft-07/schema", text_07, text_07_end },
		{ NEW "draft/2019-09/schema", text_2019_schema, text_2019_schema_end },
		{ META_2019 "core", text_2019_core, text_2019_core_end },
		{ META_2019 "applicator", text_2019_applicator, text_2019_applicator_end },
		{ META_2019 "validation", text_2019_validation, text_2019_validation_end },
		{ META_2019 "meta-data", text_2019_metadata, text_2019_metadata_end },
		{ META_2019 "format", text_2019_format, text_2019_format_end },
		{ META_2019 "content", text_2019_content, text_2019_content_end },
		{ NEW "draft/2020-12/schema", text_2020_schema, text_2020_schema_end },
		{ META_2020 "core", text_2020_core, text_2020_core_end },
		{ META_2020 "applicator", text_2020_applicator, text_2020_applicator_end },
		{ META_2020 "unevaluated", text_2020_unevaluated, text_2020_unevaluated_end },
		{ META_2020 "validation", text_2020_validation, text_2020_validation_end },
		{ META_2020 "meta-data", text_2020_metadata, text_2020_metadata_end },
		{ META_2020 "format-annotation", text_2020_format, text_2020_format_end },
		{ META_2020 "format-assertion", text_2020_assertion, text_2020_assertion_end },
		{ META_2020 "content", text_2020_content, text_2020_content_end },
		{ NEW "v1", text_v1, text_v1_end },
	};

	if (strncmp(uri, OLD, 7) != 0 && strncmp(uri, NEW, 8) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].uri, uri) == 0) {
			*len = (size_t)(rows[i].end - rows[i].text);
			return rows[i].text;
		}
	return NULL;
}
