/*
 * petstorectl version: which build this is, and of what.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/version.h"
#include "ctl/ctl.h"
#include "schema/payload.h"

static int run(struct ctl_call *call)
{
	char pcre2[64] = "";
	json_t *all;

	(void)pcre2_config(PCRE2_CONFIG_VERSION, pcre2); /* the answer is its length */
	pcre2[strcspn(pcre2, " ")] = '\0';
	all = json_pack("{s:s, s:s, s:s, s:s, s:s}", "petstorectl", PETSTORE_VERSION, "parser",
			payload_backend(), "jansson", jansson_version_str(), "pcre2", pcre2,
			"openssl", OpenSSL_version(OPENSSL_VERSION));
	output_object(&call->output, all);
	json_decref(all);
	return CTL_OK;
}

const struct ctl_command ctl_version = {
	.name = "version",
	.arguments = "[--json]",
	.summary = "the version, the parser of messages and the libraries",
	.shared = CTL_JSON,
	.run = run,
};
