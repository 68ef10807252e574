/*
 * pg_lib.h -- libpq, PostgreSQL's client library, loaded only where a connection string is given.
 *
 * Knows which of its functions are used, and where the library is; for ledger/pg.h's own files. A
 * plugin that keeps its ledger in SQLite neither needs it nor links it. Types and constants are
 * those of libpq-fe.h (libpq 14 or later: pipelines).
 */
#ifndef PETSTORE_PG_LIB_H
#define PETSTORE_PG_LIB_H

#include <libpq-fe.h>

#include "base/diag.h"

#define PG_LIB_NAME "libpq.so.5"

#define PG_LIB_FUNCTIONS(X)                                                                        \
	X(PQclear)                                                                                 \
	X(PQcmdTuples)                                                                             \
	X(PQconnectPoll)                                                                           \
	X(PQconnectStartParams)                                                                    \
	X(PQconninfoFree)                                                                          \
	X(PQconninfoParse)                                                                         \
	X(PQconsumeInput)                                                                          \
	X(PQenterPipelineMode)                                                                     \
	X(PQerrorMessage)                                                                          \
	X(PQexitPipelineMode)                                                                      \
	X(PQfinish)                                                                                \
	X(PQflush)                                                                                 \
	X(PQfreemem)                                                                               \
	X(PQgetResult)                                                                             \
	X(PQgetisnull)                                                                             \
	X(PQgetlength)                                                                             \
	X(PQgetvalue)                                                                              \
	X(PQisBusy)                                                                                \
	X(PQnfields)                                                                               \
	X(PQnotifies)                                                                              \
	X(PQntuples)                                                                               \
	X(PQparameterStatus)                                                                       \
	X(PQpipelineSync)                                                                          \
	X(PQresultErrorField)                                                                      \
	X(PQresultErrorMessage)                                                                    \
	X(PQresultStatus)                                                                          \
	X(PQsendPrepare)                                                                           \
	X(PQsendQuery)                                                                             \
	X(PQsendQueryParams)                                                                       \
	X(PQsendQueryPrepared)                                                                     \
	X(PQsetNoticeReceiver)                                                                     \
	X(PQsetnonblocking)                                                                        \
	X(PQsocket)                                                                                \
	X(PQstatus)

/* The functions, by their names. */
struct pg_lib {
	void *handle; /* NULL: not loaded */
#define PG_LIB_MEMBER(name) __typeof__(name) *name;
	PG_LIB_FUNCTIONS(PG_LIB_MEMBER)
#undef PG_LIB_MEMBER
};

/*
 * Loads the library and fills @ret. ERR_IO: it is not installed, or older than libpq 14. It stays
 * in the process once it was loaded, so that what points into it may outlive pg_lib_close().
 */
int pg_lib_open(struct pg_lib *ret, struct diag *diag) MUST_CHECK;
void pg_lib_close(struct pg_lib *lib); /* one that is all zero is fine */

#endif
