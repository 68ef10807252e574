"""QoS 0, 1 and 2, from end to end."""

import pytest

import messages
import rawmqtt


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("sent", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_delivered_at_the_lesser(broker, version, sent, granted):
    topic, payload = messages.stock(messages.unique("prod"))
    subscriber = broker.client("customer-a", version)
    assert subscriber.subscribe(topic, qos=granted) == [granted]
    publisher = broker.client("inventory-service", version)
    assert publisher.publish(topic, payload, sent) == 0
    message = subscriber.message()
    assert (message.payload, message.qos) == (payload, min(sent, granted))


def test_redelivered_qos1_is_kept_once(broker):
    """A client that missed the PUBACK sends again: delivered again, and one row."""
    order = messages.unique("ord")
    topic, payload = messages.order(order)
    publisher = broker.client("orders-service")
    for _ in range(3):
        assert publisher.publish(topic, payload, 1, dup=True, mid=5) in (0, 0x10)
    broker.wait_rows([("PLACED", 1)], "SELECT status, revision FROM orders WHERE id = ?", order)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", topic)


def test_qos2_is_delivered_once(broker):
    """PUBLISH again before PUBREL, as after a lost PUBREC: one delivery, one row."""
    payment = messages.unique("pay")
    topic, payload = messages.payment(payment)
    subscriber = broker.client("monitor")
    subscriber.subscribe("payments/+/status", "inventory/+/stock")
    publisher = broker.client("payments-service")
    publisher.publish_nowait(topic, payload, 2, mid=9)
    assert publisher.ack(9, rawmqtt.PUBREC) == 0
    assert publisher.publish(topic, payload, 2, dup=True, mid=9) == 0
    assert [each.topic for each in broker.barrier(subscriber)] == [topic]
    broker.wait_rows([("PENDING", 1)], "SELECT status, revision FROM payments WHERE id = ?",
                     payment)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", topic)


@pytest.mark.parametrize("qos", [1, 2])
def test_many_in_flight(broker, qos):
    """Good and bad ones mixed, sent without waiting: each gets its own answer."""
    publisher = broker.client("inventory-service")
    kind = rawmqtt.PUBACK if qos == 1 else rawmqtt.PUBREC
    for mid in range(1, 16):
        topic, payload = messages.stock(messages.unique("prod"), 1 if mid % 3 else -1)
        publisher.publish_nowait(topic, payload, qos, mid)
    for mid in range(1, 16):
        code = publisher.ack(mid, kind)
        assert code in ((0, 0x10) if mid % 3 else (rawmqtt.NOT_AUTHORIZED,))
    publisher.ping()
