/*
 * permission.h -- may this principal do this on this topic? Channel, scopes, ownership.
 */
#ifndef PETSTORE_GATE_PERMISSION_H
#define PETSTORE_GATE_PERMISSION_H

#include "gate/judgement.h"

/* The channel of a topic, from the gate's memory where it is the same topic as the last one. */
const struct contract_match *permission_channel(struct gate *gate, const char *topic, size_t len);

judgement_question permission_topic;  /* has the topic a channel? */
judgement_question permission_scope;  /* does some scope allow the action? sets is_own_needed */
judgement_question permission_params; /* are the topic's levels what the contract asks? */
judgement_question permission_own;    /* if only one's own is allowed: is it? */

/* As gate_grant(). */
enum gate_grant permission_grant(const struct access_principal *principal,
				 const struct contract_operation *operation,
				 const struct contract_match *match);

/* The same for every topic that the wildcards in @match stand for: the least of them. */
enum gate_grant permission_grant_all(const struct access_principal *principal,
				     const struct contract_operation *operation,
				     const struct contract_match *match);

/* What the principal's @scope is worth on the request's topic. */
enum gate_grant permission_holds(const struct judgement *j, unsigned scope);

/* What the principal's scopes are worth for receiving on @match's channel. */
enum gate_grant permission_receive(const struct judgement *j, const struct contract_match *match);

/* Is what @match is about the principal's own? A wildcard in place of the id is not. */
bool permission_is_own(struct judgement *j, const struct contract_match *match);

/* Refuses for want of @operation's scope, and names it. */
bool permission_refuse(struct judgement *j, const struct contract_operation *operation)
	__attribute__((cold));

#endif
