/*
 * bundle.h -- a document as it is written out: with its references where their values are then.
 *
 * A reference to a value of the document that is in it stays as it is. What references bring from
 * other files becomes a component, of the kind that the place asks for, under a free name; a
 * component that another one is in is not made twice. "$id" at the top of such a schema is left
 * out, since all that refers to it refers to the component. In documents of 2.x, channels, servers
 * and what has no components there are put in place of the reference.
 */
#ifndef PETSTORE_CONTRACT_BUNDLE_H
#define PETSTORE_CONTRACT_BUNDLE_H

#include <stdio.h>

#include "contract/sources.h"

#define BUNDLE_PARTS_MAX 65536u      /* components that are made */
#define BUNDLE_VALUES_MAX (2u << 20) /* that bundle_write() writes, but in examples and such */

enum bundle_files {
	BUNDLE_COLLECT, /* all that references bring is in the result */
	BUNDLE_KEEP,    /* other files stay where they are, and references to them lead there */
};

/*
 * The root of @file, a document of the sources, as one tree, in @arena, which borrows from them.
 * What a reference leads to must be there; one to a URI that no document is known by stays, with a
 * warning. NULL: the sources' report has the fault.
 */
const struct config *bundle_document(struct sources *sources, const struct sources_file *file,
				     enum bundle_files files, struct arena *arena);

/*
 * Writes the tree that bundle_document() with BUNDLE_COLLECT makes to @ret, as
 * configwrite_compact() does, but makes no tree: of a large document, memory is needed for the
 * names of its components alone. 0, ERR_NOMEM, ERR_LIMIT, or ERR_IO where @ret can't be written;
 * the caller flushes and closes it. The report has nothing of these.
 */
int bundle_write(struct sources *sources, const struct sources_file *file, FILE *ret) MUST_CHECK;

#endif
