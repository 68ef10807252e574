/*
 * init_documents.h -- petstorectl init DOCUMENT...: accounts, a configuration and commands to try,
 * for documents that are there.
 */
#ifndef PETSTORE_CTL_INIT_DOCUMENTS_H
#define PETSTORE_CTL_INIT_DOCUMENTS_H

#include "ctl/ctl.h"
#include "ctl/init_accounts.h"
#include "ctl/init_folder.h"
#include "ctl/init_trials.h"

struct init_documents_args {
	const char *out;
	const char *plugin; /* NULL: it is looked for */
	const char *root;   /* as in contract/sources.h; NULL: none is named */
	long port;
	bool is_forced;
};

/* The names of what is made. */
#define INIT_ACCESS "access.json"
#define INIT_PASSWORDS "passwords"
#define INIT_CREDENTIALS "credentials"
#define INIT_NOTICES "notices.asyncapi.yaml"
#define INIT_CONF "mosquitto.conf"
#define INIT_COMMANDS "commands.txt"

/* What there is to say in the texts below; all is borrowed. */
struct init_setting {
	const struct init_documents_args *args;
	const struct init_folder *folder;
	const struct init_accounts *accounts;
	size_t document_count;
	const char *const *document; /* absolute paths */
	char root[PATH_MAX];         /* "": none is named */
	char plugin[PATH_MAX];
	char tool[PATH_MAX]; /* how petstorectl is called */
	bool has_notices;    /* a document of ours */
	bool hears;          /* notices go to clients */
};

/* Operands are the documents, or folders of them. Returns an enum ctl_status. */
int init_documents(struct ctl_call *call, const struct init_documents_args *args);

/* The texts of the configuration, of the document for notices and of the commands. */
void init_texts_conf(const struct init_setting *setting, FILE *file);
void init_texts_notices(FILE *file);
void init_texts_commands(const struct init_setting *setting, const struct init_trials *trials,
			 FILE *file);

#endif
