"""Retained messages: the last value for who comes late, cleared by who may write."""

import messages
from rawmqtt import NOT_AUTHORIZED


def retained(broker, topic, user="customer-a"):
    """What a late subscriber gets at once."""
    late = broker.client(user)
    late.subscribe("inventory/+/stock")
    return [each for each in broker.barrier(late) if each.topic == topic]


def test_set_and_replaced(broker):
    product = messages.unique("prod")
    publisher = broker.client("inventory-service")
    for quantity in (3, 2):
        topic, payload = messages.stock(product, quantity)
        assert publisher.publish(topic, payload, 1, retain=True) in (0, 0x10)
    (message,) = retained(broker, topic)
    assert (message.payload, message.retain) == (payload, True)


def test_not_set(broker):
    topic, payload = messages.stock(messages.unique("prod"))
    broker.client("inventory-service").publish(topic, payload, 1)
    assert retained(broker, topic) == []


def test_cleared(broker):
    """Zero bytes need the write scope, and no schema."""
    topic, payload = messages.stock(messages.unique("prod"))
    publisher = broker.client("inventory-service")
    publisher.publish(topic, payload, 1, retain=True)
    assert publisher.publish(topic, b"", 1, retain=True) in (0, 0x10)
    publisher.ping()
    assert retained(broker, topic) == []


def test_cleared_without_scope(broker):
    topic, payload = messages.stock(messages.unique("prod"))
    broker.client("inventory-service").publish(topic, payload, 1, retain=True)
    before = broker.mark()
    intruder = broker.client("customer-b")
    assert intruder.publish(topic, b"", 1, retain=True) == NOT_AUTHORIZED
    assert [each[3] for each in broker.refusals(before)] == ["scope-missing"]
    assert [each.payload for each in retained(broker, topic)] == [payload]


def test_cleared_where_retain_is_forbidden(broker):
    topic, _ = messages.payment(messages.unique("pay"))
    publisher = broker.client("payments-service")
    assert publisher.publish(topic, b"", 2, retain=True) == NOT_AUTHORIZED


def test_refused_replaces_nothing(broker):
    product = messages.unique("prod")
    topic, payload = messages.stock(product)
    publisher = broker.client("inventory-service")
    publisher.publish(topic, payload, 1, retain=True)
    assert publisher.publish(*messages.stock(product, -1), 1, retain=True) == NOT_AUTHORIZED
    assert [each.payload for each in retained(broker, topic)] == [payload]


def test_clearing_writes_no_row(broker):
    """The status stands: a retained message is the broker's, the order is the ledger's."""
    order = messages.unique("ord")
    topic, payload = messages.order(order)
    publisher = broker.client("orders-service")
    publisher.publish(topic, payload, 1, retain=True)
    assert publisher.publish(topic, b"", 1, retain=True) in (0, 0x10)
    broker.wait_rows([("PLACED", 1)], "SELECT status, revision FROM orders WHERE id = ?", order)


def test_not_for_who_may_not_read(broker):
    topic, payload = messages.stock(messages.unique("prod"))
    broker.client("inventory-service").publish(topic, payload, 1, retain=True)
    orders = broker.client("orders-service")
    assert orders.subscribe("#") == [2]
    end = messages.order(messages.unique("ord"))
    orders.publish(*end, qos=1)
    assert [each for each in orders.until(end[0]) if each.topic == topic] == []


def test_survives_restart(new_broker):
    broker = new_broker().start()
    topic, payload = messages.stock(messages.unique("prod"))
    broker.client("inventory-service").publish(topic, payload, 1, retain=True)
    broker.restart()
    assert [each.payload for each in retained(broker, topic)] == [payload]
