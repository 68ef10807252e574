/*
 * refusalfake.h -- a refusal as the gate's would be, for tests of what is made of it.
 */
#ifndef PETSTORE_TEST_REFUSALFAKE_H
#define PETSTORE_TEST_REFUSALFAKE_H

#include "base/refusal.h"

static inline struct refusal refusal_example(const char *id, int64_t time_ms)
{
	return (struct refusal){
		.id = id,
		.time_ms = time_ms,
		.action = "publish",
		.reason = REASON_TRANSITION_ILLEGAL,
		.who = { .client_id = "app-1",
			 .principal = "eva",
			 .is_proved = true,
			 .address = "127.0.0.1" },
		.topic = "orders/7/status",
		.topic_len = 15,
		.qos = 1,
		.pointer = "/status",
		.keyword = "transition",
		.message = "order is PLACED: APPROVED, CANCELLED may follow, not DELIVERED",
		.current_status = "PLACED",
		.message_name = "orderStatus",
		.payload = "{\"a\":1}",
		.payload_len = 7,
		.payload_bytes = 7,
	};
}

#endif
