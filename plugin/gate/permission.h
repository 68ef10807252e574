/*
 * permission.h -- may this principal do this on this topic? Channel, scopes, ownership.
 */
#ifndef PETSTORE_GATE_PERMISSION_H
#define PETSTORE_GATE_PERMISSION_H

#include "gate/judgement.h"

/* The channel of a topic. A topic that is the same as the last one costs no search. */
const struct contract_match *permission_channel(struct gate *gate, const char *topic, size_t len);

judgement_question permission_topic;  /* has the topic a channel? */
judgement_question permission_scope;  /* does some scope allow the action? sets is_own_needed */
judgement_question permission_params; /* are the topic's parameters valid? */
judgement_question permission_own;    /* where is_own_needed: is it the principal's own? */

/* As gate_grant(). */
enum gate_grant permission_grant(const struct access_principal *principal,
				 const struct contract_operation *operation,
				 const struct contract_match *match);

/* The least that is allowed on all topics that the wildcards in @match stand for. */
enum gate_grant permission_grant_all(const struct access_principal *principal,
				     const struct contract_operation *operation,
				     const struct contract_match *match);

/* What @scope allows the principal on the request's topic. */
enum gate_grant permission_holds(const struct judgement *j, unsigned scope);

/* What the principal's scopes allow it to receive on @match's channel. */
enum gate_grant permission_receive(const struct judgement *j, const struct contract_match *match);

/* Does the principal own the entity of @match? False for a wildcard in place of the id. */
bool permission_is_own(struct judgement *j, const struct contract_match *match);

/* Refuses because the principal lacks @operation's scope, and names it. Returns false. */
bool permission_refuse(struct judgement *j, const struct contract_operation *operation)
	__attribute__((cold));

#endif
