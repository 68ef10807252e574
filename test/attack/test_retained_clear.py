"""A retained message is not cleared unseen, nor by whom or how the channel does not have it."""
import pytest

import messages
import rawmqtt
from rawmqtt import NOT_AUTHORIZED


def retained(broker, topic):
    """What a late subscriber gets, and what was published when it is there."""
    late = broker.client("backoffice")
    assert late.subscribe(topic, "inventory/#") == [2, 2]
    return [each.payload for each in broker.barrier(late) if each.topic == topic]


def put(broker, topic, payload):
    assert broker.client("backoffice").publish(topic, payload, 1, retain=True) in (0, 0x10)


def test_it_is_an_event_and_a_line(broker):
    topic, payload = messages.order(messages.unique("ord"))
    put(broker, topic, payload)
    service = broker.client("orders-service")
    before = broker.mark()
    assert service.publish(topic, b"", 1, retain=True) in (0, 0x10)
    broker.wait_log(r"cleared what was retained on %s, by orders-service \(client %s\)" %
                    (topic, service.client_id), before)
    assert retained(broker, topic) == []
    broker.wait_rows([("backoffice", payload.decode(), 1), ("orders-service", "", 1)],
                     "SELECT publisher, payload, retained FROM events WHERE topic = ? "
                     "ORDER BY seq", topic)


def test_a_will_that_clears_is_too(broker):
    pet = messages.unique("pet")
    topic, payload = messages.availability(pet)
    put(broker, topic, payload)
    before = broker.mark()
    broker.client("backoffice", will=(topic, b"", 1, True)).drop()
    broker.wait_log("cleared what was retained on %s, by backoffice" % topic, before)
    broker.wait_rows([(payload.decode(), 0), ("", 1)],
                     "SELECT payload, will FROM events WHERE topic = ? ORDER BY seq", topic)


@pytest.mark.parametrize("user, qos, reason", [
    ("orders-service", 0, "qos-too-low"), ("customer-a", 1, "scope-missing"),
    ("collar-7", 1, "scope-missing"),
])
def test_who_may_not_or_not_so_is_refused(broker, user, qos, reason):
    topic, payload = messages.order(messages.unique("ord"))
    put(broker, topic, payload)
    before = broker.mark()
    client = broker.client(user)
    assert client.publish(topic, b"", qos, retain=True) == (NOT_AUTHORIZED if qos else 0)
    client.ping()
    assert [each[3] for each in broker.refusals(before)] == [reason]
    assert retained(broker, topic) == [payload]


def test_a_flood_of_them_is_a_bounded_log(broker):
    service = broker.client("inventory-service")
    before = broker.mark()
    body = rawmqtt.field("inventory/none/stock") + b"\0"
    service.stream.send((bytes([rawmqtt.PUBLISH << 4 | 1, len(body)]) + body) * 5000)
    service.ping()
    lines = broker.log(before).count("cleared what was retained")
    assert 0 < lines < 2500  # 50 a second: it would take the better part of a minute
