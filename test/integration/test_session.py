"""Persistent sessions: what came while a client was away is there when it returns."""

import json

import pytest

import messages


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("restart", [False, True])
def test_queued(new_broker, version, restart):
    broker = new_broker().start()
    options = {"client_id": "app-1", "clean": False, "expiry": 3600}
    customer = broker.client("customer-a", version, "tls", **options)
    assert not customer.is_session_present
    assert customer.subscribe("orders/+/status") == [2]
    customer.disconnect()
    publisher = broker.client("orders-service")
    order = messages.unique("ord")
    sent = [messages.order(order, status) for status in ("PLACED", "APPROVED", "SHIPPED")]
    for topic, payload in sent:
        assert publisher.publish(topic, payload, 2) == 0
    if restart:
        broker.restart()
    customer = broker.client("customer-a", version, "tls", **options)
    assert customer.is_session_present
    assert [customer.message()[:2] for _ in sent] == sent
    # The subscription stands as well.
    publisher = broker.client("orders-service")
    topic, payload = messages.order(order, "DELIVERED")
    publisher.publish(topic, payload, 1)
    assert customer.message()[:2] == (topic, payload)


def test_scope_lost_while_away(new_broker):
    """What is queued is judged again when it is delivered."""
    broker = new_broker().start()
    options = {"client_id": "app-1", "clean": False, "expiry": 3600}
    customer = broker.client("customer-a", **options)
    customer.subscribe("#")
    customer.disconnect()
    broker.client("orders-service").publish(*messages.order(messages.unique("ord")), qos=1)
    with open(broker.path("access.json")) as file:
        access = json.load(file)
    access["roles"]["customer"]["scopes"] = ["read:inventory"]
    with open(broker.path("access.json"), "w") as file:
        json.dump(access, file)
    assert "reloaded" in broker.reload()
    customer = broker.client("customer-a", **options)
    assert broker.barrier(customer) == []


def test_restored_session_survives_reload(new_broker):
    """After a restart the broker knows the session but not its password; SIGHUP asks for
    it, and the session stays."""
    broker = new_broker().start()
    options = {"client_id": "app-1", "clean": False, "expiry": 3600}
    customer = broker.client("customer-a", **options)
    customer.subscribe("orders/+/status")
    customer.disconnect()
    broker.restart()
    broker.reload()
    topic, payload = messages.order(messages.unique("ord"))
    assert broker.client("orders-service").publish(topic, payload, 1) == 0
    customer = broker.client("customer-a", **options)
    assert customer.is_session_present
    assert customer.message()[:2] == (topic, payload)
