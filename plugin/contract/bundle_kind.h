/*
 * bundle_kind.h -- which objects of AsyncAPI stand where: what a reference at a place may bring.
 */
#ifndef PETSTORE_CONTRACT_BUNDLE_KIND_H
#define PETSTORE_CONTRACT_BUNDLE_KIND_H

#include <stdbool.h>

enum bundle_kind {
	BUNDLE_SCHEMA = 0, /* also what is not known, such as extensions */
	BUNDLE_DOCUMENT,
	BUNDLE_COMPONENTS,
	BUNDLE_INFO,
	BUNDLE_SERVER,
	BUNDLE_VARIABLE,
	BUNDLE_CHANNEL,
	BUNDLE_PARAMETER,
	BUNDLE_OPERATION,
	BUNDLE_OPERATION_TRAIT,
	BUNDLE_REPLY,
	BUNDLE_REPLY_ADDRESS,
	BUNDLE_MESSAGE,
	BUNDLE_MESSAGE_TRAIT,
	BUNDLE_CORRELATION_ID,
	BUNDLE_SCHEME,
	BUNDLE_TAG,
	BUNDLE_DOCS,
	BUNDLE_SERVER_BINDINGS,
	BUNDLE_CHANNEL_BINDINGS,
	BUNDLE_OPERATION_BINDINGS,
	BUNDLE_MESSAGE_BINDINGS,
	BUNDLE_LINK, /* names a channel, a message or a server of the document, and brings nothing
		      */
	BUNDLE_DATA, /* values in which "$ref" is a member like any other */
	BUNDLE_KINDS,
};

/* What a member is: @is_each, each member or item of it is of the kind. */
struct bundle_part {
	enum bundle_kind kind;
	bool is_each;
};

struct bundle_part bundle_part_of(enum bundle_kind owner, const char *key);

/* Where such an object stands under /components; NULL: in a document of 2.x (@is_2) nowhere. */
const char *bundle_group(enum bundle_kind kind, bool is_2);

#endif
