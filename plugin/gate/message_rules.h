/*
 * message_rules.h -- is the message what the contract says? Topic, size, JSON, schema, ids, will,
 * QoS, retain.
 */
#ifndef PETSTORE_GATE_MESSAGE_RULES_H
#define PETSTORE_GATE_MESSAGE_RULES_H

#include "gate/judgement.h"

judgement_question message_rules_length; /* of topic or filter: the contract's limits, the roles' */
judgement_question message_rules_size;
judgement_question message_rules_json; /* parses: sets payload */
judgement_question message_rules_schema;
judgement_question message_rules_ids; /* the topic's against the payload's */
judgement_question message_rules_will;
judgement_question message_rules_qos;
judgement_question message_rules_retain;

#endif
