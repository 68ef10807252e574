"""Whose is it? `:own` scopes on publish, subscribe and every kind of delivery."""

import json

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED
from test_certificate import set_password, shipped_access


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    folder = tmp_path_factory.mktemp("own")
    access = shipped_access()
    access["roles"]["buyer"] = {"scopes": ["write:orders:own", "read:orders:own"]}
    access["roles"]["shelf"] = {"scopes": ["write:inventory"], "where": {"productId": "shelf-*"}}
    access["roles"]["no-sys"] = {"deny": ["read:sys"]}
    access["users"].update({
        "buyer-1": {"roles": ["buyer"]},
        "buyer-2": {"roles": ["buyer"], "attributes": {"orderId": ["ord-given"]}},
        "filler": {"roles": ["shelf"]},
        "watcher": {"roles": ["monitor", "no-sys"]},
    })
    path = str(folder / "access.json")
    with open(path, "w") as file:
        json.dump(access, file)
    broker = harness.Broker(folder / "run", template, access=path)
    broker.without_power()
    for user in ("buyer-1", "buyer-2", "filler", "watcher"):
        set_password(broker, user, "secret")
    with harness.running(broker):
        yield broker


def login(broker, user, **options):
    client = broker.try_client(user, "secret", client_id=messages.unique(user), **options)
    assert client.code == 0
    return client


def place(broker, owner, **more):
    """A new order's id."""
    order_id = messages.unique("ord")
    topic, payload = messages.order(order_id, userId=owner, **more)
    assert broker.client("backoffice").publish(topic, payload, qos=1) in (0, 0x10)
    return order_id


def test_live(broker):
    subscriber = broker.client("customer-a")
    assert subscriber.subscribe("orders/#", "inventory/#") == [2, 2]
    mine, other = place(broker, "customer-a"), place(broker, "customer-b")
    backoffice = broker.client("backoffice")
    for order_id in (mine, other):
        backoffice.publish(*messages.order(order_id, "APPROVED"), qos=1)
    got = [(message.topic, json.loads(message.payload)["status"])
           for message in broker.barrier(subscriber)]
    assert got == [("orders/%s/status" % mine, "PLACED"), ("orders/%s/status" % mine, "APPROVED")]


def test_payment_belongs_to_its_order(broker):
    subscriber = broker.client("customer-a")
    subscriber.subscribe("payments/#", "orders/+/payment", "inventory/#")
    backoffice = broker.client("backoffice")
    mine, other = place(broker, "customer-a"), place(broker, "customer-b")
    expected = []
    for order_id in (mine, other):
        payment = messages.unique("pay")
        for message in (messages.payment(payment, order_id), messages.order_payment(order_id)):
            assert backoffice.publish(*message, qos=2) in (0, 0x10)
            if order_id == mine:
                expected.append(message[0])
    assert [message.topic for message in broker.barrier(subscriber)] == expected


def test_subscribe(broker):
    mine, other = place(broker, "customer-a"), place(broker, "customer-b")
    client = broker.client("customer-a")
    assert client.subscribe("orders/+/status", "orders/%s/status" % mine,
                            "orders/%s/status" % other, "orders/%s/#" % other,
                            "orders/unknown/status", "$share/g/orders/%s/status" % other) == [
        2, 2, NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED]


def test_retained(broker):
    topic, payload = messages.order(messages.unique("ord"), userId="customer-a")
    backoffice = broker.client("backoffice")
    assert backoffice.publish(topic, payload, qos=1, retain=True) in (0, 0x10)
    for user, expected in (("customer-a", [topic]), ("customer-b", [])):
        client = broker.client(user)
        client.subscribe("orders/#", "inventory/#")
        assert [message.topic for message in broker.barrier(client)
                if message.topic == topic] == expected
    backoffice.publish(topic, b"", qos=1, retain=True)


def test_queued(broker):
    """What waits for a client that is away is his only, when it is queued and when it goes out."""
    client_id = messages.unique("away")
    options = dict(client_id=client_id, clean=False, expiry=1000)
    away = broker.client("customer-a", **options)
    away.subscribe("orders/#", "inventory/#", qos=1)
    away.disconnect()
    place(broker, "customer-b")
    mine = place(broker, "customer-a")
    broker.reload()
    second = place(broker, "customer-a")
    back = broker.client("customer-a", **options)
    assert back.is_session_present
    assert [message.topic for message in broker.barrier(back)] == [
        "orders/%s/status" % mine, "orders/%s/status" % second]


def test_queue_is_not_taken_over(broker):
    """The session of another's client id brings nothing of his."""
    client_id = messages.unique("shared")
    options = dict(client_id=client_id, clean=False, expiry=1000)
    away = broker.client("customer-a", **options)
    away.subscribe("orders/#", "inventory/#", qos=1)
    away.disconnect()
    place(broker, "customer-a")
    thief = broker.client("customer-b", **options)
    assert broker.barrier(thief) == []


def test_publish(broker):
    one, two = login(broker, "buyer-1"), login(broker, "buyer-2")
    order_id = place(broker, "buyer-1")
    before = broker.mark()
    assert two.publish(*messages.order(order_id, "CANCELLED"), qos=1) == NOT_AUTHORIZED
    assert two.publish(*messages.order(order_id, "CANCELLED", userId="buyer-2"),
                       qos=1) == NOT_AUTHORIZED
    assert one.publish(*messages.order(order_id, "APPROVED"), qos=1) == NOT_AUTHORIZED
    assert [each[3] for each in broker.refusals(before)] == ["not-owner", "not-owner",
                                                             "step-scope"]
    assert one.publish(*messages.order(order_id, "CANCELLED"), qos=1) in (0, 0x10)


def test_owner_does_not_change(broker):
    order_id = place(broker, "customer-a")
    before = broker.mark()
    topic, payload = messages.order(order_id, "APPROVED", userId="customer-b")
    assert broker.client("backoffice").publish(topic, payload, qos=1) == NOT_AUTHORIZED
    assert [each[3] for each in broker.refusals(before)] == ["owner-change"]
    broker.wait_rows([("customer-a",)], "SELECT owner FROM orders WHERE id = ?", order_id)


def test_attribute(broker):
    """An id among the principal's attributes is his, whatever the store knows."""
    client = login(broker, "buyer-2")
    assert client.subscribe("orders/ord-given/status", "orders/ord-else/status") == [
        2, NOT_AUTHORIZED]


def test_limited_by_topic_parameter(broker):
    client = login(broker, "filler")
    assert client.publish(*messages.stock("shelf-9"), qos=1) in (0, 0x10)
    assert client.publish(*messages.stock("bin-9"), qos=1) == NOT_AUTHORIZED


def test_deny_beats_allow(broker):
    assert login(broker, "watcher").subscribe("$SYS/#", "pets/#") == [NOT_AUTHORIZED, 2]
    assert broker.client("monitor").subscribe("$SYS/#") == [2]
    assert broker.client("customer-a").subscribe("$SYS/#") == [NOT_AUTHORIZED]
