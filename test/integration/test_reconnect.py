"""Clients come back by themselves when the broker was away, and nothing is lost."""

import threading

import messages
import paho_shim


def test_after_kill(new_broker):
    """The broker dies and returns; both paho clients reconnect and go on."""
    broker = new_broker().start()
    client = broker.paho("customer-a", "app-1", clean_session=False)
    client.reconnect_delay_set(1, 1)
    subscriber = paho_shim.Subscriber(client, broker.tls, "orders/+/status", qos=1)
    client = broker.paho("orders-service", "orders-1", clean_session=False)
    client.reconnect_delay_set(1, 1)
    publisher = paho_shim.Publisher(client, broker.tls)
    order = messages.unique("ord")
    publisher.publish(*messages.order(order, "PLACED"), qos=1)
    assert b"PLACED" in subscriber.message().payload

    again = threading.Semaphore(0)
    publisher.client.on_connect = lambda *_: again.release()
    subscriber.client.on_subscribe = lambda *_: again.release()
    broker.kill()
    publisher.client.publish(*messages.order(order, "APPROVED"), qos=1)  # paho keeps it
    broker._start()
    assert again.acquire(timeout=120) and again.acquire(timeout=120)
    broker.wait_rows([("APPROVED", 2)], "SELECT status, revision FROM orders WHERE id = ?", order)
    publisher.publish(*messages.order(order, "SHIPPED"), qos=1)
    while b"SHIPPED" not in subscriber.message().payload:
        pass
    publisher.stop()
    subscriber.stop()


def test_same_client_id(broker):
    """A takeover closes the old connection; the new one works."""
    client_id = messages.unique("same")
    old = broker.client("orders-service", client_id=client_id)
    new = broker.client("orders-service", client_id=client_id)
    old.wait_closed()
    assert new.publish(*messages.order(messages.unique("ord")), qos=1) in (0, 0x10)
    new.ping()


def test_takeover_by_another_user(broker):
    """Whoever holds a client id now is judged by his own scopes."""
    client_id = messages.unique("same")
    old = broker.client("orders-service", client_id=client_id)
    new = broker.client("customer-a", client_id=client_id)
    old.wait_closed()
    assert new.publish(*messages.order(messages.unique("ord")), qos=1) == 0x87
