/*
 * terms.h -- is the message what the contract says? Topic, size, JSON, schema, ids, will, QoS,
 * retain.
 */
#ifndef PETSTORE_GATE_TERMS_H
#define PETSTORE_GATE_TERMS_H

#include "gate/judgement.h"

judgement_question terms_length; /* of topic or filter: the contract's limits, the roles' */
judgement_question terms_size;
judgement_question terms_json; /* parses: sets payload */
judgement_question terms_schema;
judgement_question terms_ids; /* the topic's against the payload's */
judgement_question terms_will;
judgement_question terms_qos;
judgement_question terms_retain;

#endif
