/*
 * message_rules.h -- is the message as the contract wants it? Length of the topic, size, JSON,
 * schema, ids, will, QoS, retain.
 */
#ifndef PETSTORE_GATE_MESSAGE_RULES_H
#define PETSTORE_GATE_MESSAGE_RULES_H

#include "gate/judgement.h"

judgement_question message_rules_length; /* of topic or filter, by the contract and the roles */
judgement_question message_rules_size;
judgement_question message_rules_json; /* parses: sets payload */
judgement_question message_rules_schema;
judgement_question message_rules_ids; /* has the payload the topic's ids? */
judgement_question message_rules_will;
judgement_question message_rules_qos;
judgement_question message_rules_retain;

#endif
