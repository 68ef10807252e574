"""Subscriptions: wildcards reach what may be read, and nothing more."""

import pytest

import messages
from rawmqtt import NOT_AUTHORIZED

# filter: which of the messages below it delivers to who may read all six
REACH = {
    "orders/+/status": "os",
    "orders/+/payment": "op",
    "orders/#": "os op",
    "orders/+/+": "os op",
    "+/+/status": "ps os pay",
    "pets/#": "pa ps",
    "pets/+/availability": "pa",
    "payments/#": "pay",
    "inventory/+/stock": "st",
    "#": "pa ps os op pay st",
    "+/#": "pa ps os op pay st",
}


def all_six():
    made = {
        "pa": messages.availability(messages.unique("pet")),
        "ps": messages.pet_status(messages.unique("pet")),
        "os": messages.order(messages.unique("ord")),
        "op": messages.order_payment(messages.unique("ord")),
        "pay": messages.payment(messages.unique("pay")),
        "st": messages.stock(messages.unique("prod")),
    }
    return made


@pytest.mark.parametrize("filter", REACH)
@pytest.mark.parametrize("version", [4, 5])
def test_reach(broker, filter, version, monkeypatch):
    # That of the whole run may be old by now, and an alert of the clock is published, too.
    monkeypatch.setattr(messages, "WHEN", messages.now())
    subscriber = broker.client("monitor", version)
    end = messages.stock(messages.unique("end"))
    assert subscriber.subscribe(filter, end[0]) == [2, 2]
    publisher = broker.client("backoffice")
    sent = all_six()
    for topic, payload in sent.values():
        assert publisher.publish(topic, payload, 2) in (0, 0x10)
    publisher.publish(*end, qos=2)
    got = [(each.topic, each.payload) for each in subscriber.until(end[0])]
    assert got == [sent[name] for name in REACH[filter].split()]


@pytest.mark.parametrize("filter", [
    "orders/x/nothing", "weather/#", "orders", "+", "orders/+/status/+", "$SYS/#",
    "$SYS/broker/uptime", "$share/group/weather/#", "$CONTROL/#", "/#", "Orders/#",
])
@pytest.mark.parametrize("version", [4, 5])
def test_reaches_nothing(broker, filter, version):
    subscriber = broker.client("customer-a", version)
    refused = NOT_AUTHORIZED if version == 5 else 0x80
    assert subscriber.subscribe(filter, "pets/#") == [refused, 2]
    subscriber.ping()


@pytest.mark.parametrize("user, filter", [
    ("orders-service", "payments/#"),
    ("orders-service", "payments/pay-1/status"),
    ("collar-7", "#"),
    ("collar-7", "pets/+/status"),
    ("inventory-service", "$share/group/orders/+/status"),
])
def test_scope_missing(broker, user, filter):
    assert broker.client(user).subscribe(filter) == [NOT_AUTHORIZED]


def test_broad_filter_does_not_leak(broker):
    """'#' is granted to who may read something, and delivers that alone."""
    orders = broker.client("orders-service")
    stock = broker.client("inventory-service")
    assert orders.subscribe("#") == [2] and stock.subscribe("#") == [2]
    publisher = broker.client("backoffice")
    sent = all_six()
    for topic, payload in sent.values():
        publisher.publish(topic, payload, 2)
    end = messages.order(messages.unique("end"))
    publisher.publish(*end, qos=2)
    assert [each.topic for each in orders.until(end[0])] == [sent["os"][0], sent["op"][0]]
    assert [each.topic for each in broker.barrier(stock)] == [sent["st"][0]]


def test_denied_delivery_is_silent(broker):
    """Deliveries that a broad filter does not make are no news for the log."""
    orders = broker.client("orders-service")
    orders.subscribe("#")
    before = broker.mark()
    publisher = broker.client("backoffice")
    publisher.publish(*messages.stock(messages.unique("x")), qos=1)
    publisher.ping()
    assert "refused" not in broker.log(before)


@pytest.mark.parametrize("version", [4, 5])
def test_unsubscribe(broker, version):
    subscriber = broker.client("customer-a", version)
    subscriber.subscribe("#", "inventory/+/stock")
    assert subscriber.unsubscribe("#") == [0]
    publisher = broker.client("backoffice")
    publisher.publish(*messages.order(messages.unique("ord")), qos=1)
    assert broker.barrier(subscriber) == []


def test_monitor_reads_sys(broker):
    """$SYS is for who has read:sys; '#' does not include it (MQTT 5, 4.7.2)."""
    monitor = broker.client("monitor")
    assert monitor.subscribe("$SYS/broker/version") == [2]
    assert monitor.message().payload.startswith(b"mosquitto version")
    assert monitor.subscribe("$SYS/#") == [2]
    other = broker.client("customer-a")
    assert other.subscribe("#") == [2]
    assert [each for each in broker.barrier(other) if each.topic.startswith("$")] == []


@pytest.mark.parametrize("topic", ["$SYS/broker/uptime", "$CONTROL/dynamic-security/v1",
                                   "$share/g/pets/x/status"])
def test_nobody_publishes_to_the_brokers_topics(broker, topic):
    publisher = broker.client("backoffice")
    assert publisher.publish(topic, b"{}", 1) == NOT_AUTHORIZED
    publisher.ping()
