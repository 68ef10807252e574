/*
 * init_accounts.h -- the first users of a contract: one for each application, one for its
 * counterpart, and one for all documents that are written as their clients see them.
 */
#ifndef PETSTORE_CTL_INIT_ACCOUNTS_H
#define PETSTORE_CTL_INIT_ACCOUNTS_H

#include <stdio.h>

#include "base/diag.h"
#include "base/scopeset.h"
#include "contract/contract.h"

#define INIT_ACCOUNTS_MAX (2 * SOURCES_DOCUMENTS_MAX + 1)
#define INIT_NAME_MAX 64u     /* bytes of a user's name */
#define INIT_PASSWORD_MAX 32u /* bytes of a password */

struct init_account {
	char name[INIT_NAME_MAX + 1]; /* of the user and of its role: letters, digits and "-" */
	char password[INIT_PASSWORD_MAX + 1];
	enum contract_party party;
	unsigned application;   /* not of CONTRACT_ANYBODY */
	struct scopeset scopes; /* what its operations ask for */
};

struct init_accounts {
	size_t count;
	struct init_account account[INIT_ACCOUNTS_MAX];
};

/* Finds the accounts and gives them random passwords. */
int init_accounts_make(const struct contract *contract, struct init_accounts *ret,
		       struct diag *diag) MUST_CHECK;

/* Is @operation one of the account's party? */
bool init_accounts_is_of(const struct init_account *account,
			 const struct contract_operation *operation);

/* Writes the access file. */
int init_accounts_write_access(const struct init_accounts *accounts,
			       const struct contract *contract, FILE *file,
			       struct diag *diag) MUST_CHECK;

/* Writes "user password" lines, and the lines of the password file. */
void init_accounts_write_credentials(const struct init_accounts *accounts, FILE *file);
int init_accounts_write_passwords(const struct init_accounts *accounts, FILE *file,
				  struct diag *diag) MUST_CHECK;

#endif
