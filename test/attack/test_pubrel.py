"""
QoS 2 between PUBLISH and PUBREL: what was accepted and held back turns no subscriber's time back.

A QoS 2 message is judged and kept at its PUBLISH; the broker hands it out, and retains it, when the
publisher says so, and no plugin hears of that.
"""
import json
import struct

import pytest

import messages
import rawmqtt
from test_reload import edit_json

NEEDS_POWER = False  # a slow disk is not what it is about
LATE = "deliveries were refused of messages that were released after newer ones"


def hold(client, topic, payload, mid, retain=False):
    """A QoS 2 PUBLISH, accepted and not released."""
    body = rawmqtt.field(topic) + struct.pack("!H", mid) + b"\0" + payload
    client._send(rawmqtt.PUBLISH << 4 | 2 << 1 | retain, body)
    assert client.ack(mid, rawmqtt.PUBREC) in (0, 0x10)


def release(client, mid):
    client._send(rawmqtt.PUBREL << 4 | 2, struct.pack("!H", mid))
    assert client.ack(mid, rawmqtt.PUBCOMP) == 0


def statuses(client, topic):
    client.ping()
    return [json.loads(each.payload)["status"] for each in client.inbox if each.topic == topic]


def retained(broker, topic):
    """What a new subscriber is given, and whether it was retained."""
    client = broker.client("backoffice")
    assert client.subscribe(topic) == [2]
    message = client.message()
    client.disconnect()
    return json.loads(message.payload)["status"], message.retain


def advance(broker, order_id, qos, *steps):
    worker = broker.client("backoffice")
    for step in steps:
        topic, payload = messages.order(order_id, step)
        assert worker.publish(topic, payload, qos, retain=True) in (0, 0x10)
    worker.disconnect()


@pytest.mark.parametrize("qos", [1, 2])
def test_a_late_release_is_not_handed_out(broker, qos):
    order_id = messages.unique("ord")
    topic, payload = messages.order(order_id)
    subscriber, holder = broker.client("backoffice"), broker.client("orders-service")
    subscriber.subscribe(topic)
    hold(holder, topic, payload, 7, retain=True)
    advance(broker, order_id, qos, "APPROVED", "SHIPPED", "DELIVERED")
    before = broker.mark()
    release(holder, 7)
    broker.wait_log("%s; the last on %s" % (LATE, topic), before)
    end = statuses(subscriber, topic)
    assert end[:3] == ["APPROVED", "SHIPPED", "DELIVERED"]
    assert set(end[3:]) <= {"DELIVERED"}  # published again
    assert retained(broker, topic) == ("DELIVERED", True)
    broker.wait_rows([("DELIVERED",)], "SELECT status FROM orders WHERE id = ?", order_id)


@pytest.mark.parametrize("qos", [1, 2])
def test_nor_retained_where_nobody_listens(broker, qos):
    """Nothing is asked when it is released: it is seen when someone subscribes."""
    order_id = messages.unique("ord")
    topic, payload = messages.order(order_id)
    holder = broker.client("orders-service")
    hold(holder, topic, payload, 7, retain=True)
    advance(broker, order_id, qos, "APPROVED", "SHIPPED")
    release(holder, 7)
    assert retained(broker, topic)[0] == "SHIPPED"
    assert retained(broker, topic) == ("SHIPPED", True)


def test_a_client_that_does_not_wait_is_served_in_order(broker):
    """Three steps on their way at once, as client libraries send them: each is handed out."""
    topic = messages.payment(messages.unique("pay"))[0]
    payment_id = topic.split("/")[1]
    publisher = broker.client("payments-service")
    subscribers = [broker.client("backoffice") for _ in range(3)]
    for subscriber in subscribers:
        subscriber.subscribe("payments/#")
    steps = ["PENDING", "PROCESSING", "SUCCEEDED"]
    for mid, status in enumerate(steps, 1):
        hold(publisher, topic, messages.payment(payment_id, status=status)[1], mid)
    for mid in range(1, 4):
        release(publisher, mid)
    for subscriber in subscribers:
        assert statuses(subscriber, topic) == steps


def test_what_waits_for_a_client_that_is_away_stays_its_own(broker):
    order_id = messages.unique("ord")
    topic = messages.order(order_id)[0]
    options = dict(client_id=messages.unique("away"), clean=False, expiry=1000)
    away = broker.client("backoffice", **options)
    away.subscribe(topic)
    away.disconnect()
    publisher = broker.client("orders-service")
    for status in ("PLACED", "APPROVED", "SHIPPED"):
        assert publisher.publish(*messages.order(order_id, status), qos=2) in (0, 0x10)
    away = broker.client("backoffice", **options)
    assert statuses(away, topic) == ["PLACED", "APPROVED", "SHIPPED"]


def test_what_was_accepted_stands(new_broker):
    """The scope is gone when it is released: nothing newer stands, so it is handed out."""
    broker = new_broker().start()
    topic, payload = messages.order(messages.unique("ord"))
    subscriber, holder = broker.client("backoffice"), broker.client("orders-service")
    subscriber.subscribe(topic)
    hold(holder, topic, payload, 7)
    edit_json(broker.path("access.json"),
              lambda access: access["roles"]["orders"].update(scopes=["read:orders"]))
    assert "petstore: reloaded" in broker.reload()
    release(holder, 7)
    assert statuses(subscriber, topic) == ["PLACED"]


@pytest.mark.parametrize("qos", [1, 2])
def test_nor_with_the_status_that_stands_and_older_words(broker, qos):
    """Said again since with other words, which were handed out: the old ones come no more."""
    order_id = messages.unique("ord")
    topic, old = messages.order(order_id, totalAmount="1.00", currency="USD")
    _, new = messages.order(order_id, totalAmount="2.00", currency="USD")
    subscriber, holder = broker.client("backoffice"), broker.client("orders-service")
    subscriber.subscribe(topic)
    hold(holder, topic, old, 7, retain=True)
    assert broker.client("backoffice").publish(topic, new, qos, retain=True) in (0, 0x10)
    before = broker.mark()
    release(holder, 7)
    broker.wait_log("%s; the last on %s" % (LATE, topic), before)
    subscriber.ping()
    assert {each.payload for each in subscriber.inbox} == {new}
    late = broker.client("backoffice")
    late.subscribe(topic)
    assert late.message().payload == new


def wait_untold(broker, seconds=1):
    broker.without_power()
    broker.edits.append(lambda text: text + "plugin_opt_release_wait %d\n" % seconds)
    return broker.start()


def test_a_publisher_that_is_gone(new_broker):
    """A payment that was acknowledged and never released: its readers hear of it."""
    broker = wait_untold(new_broker())
    subscriber, publisher = broker.client("backoffice"), broker.client("payments-service")
    subscriber.subscribe("payments/#")
    topic, payload = messages.payment(messages.unique("pay"))
    hold(publisher, topic, payload, 7)
    publisher.drop()
    message = subscriber.message()
    assert (message.topic, message.payload, message.qos) == (topic, payload, 2)
    assert not message.retain


@pytest.mark.parametrize("is_retained", [False, True])
def test_who_comes_back_too_late(new_broker, is_retained):
    """With its session, to release what was told in its place: nobody gets it twice."""
    broker = wait_untold(new_broker())
    options = dict(client_id=messages.unique("holder"), clean=False, expiry=1000)
    subscriber, holder = broker.client("backoffice"), broker.client("orders-service", **options)
    topic, payload = messages.order(messages.unique("ord"))
    subscriber.subscribe(topic)
    hold(holder, topic, payload, 7, retain=is_retained)
    holder.drop()
    assert subscriber.message().payload == payload
    holder = broker.client("orders-service", **options)
    assert holder.is_session_present
    before = broker.mark()
    release(holder, 7)
    broker.wait_log("%s; the last on %s" % (LATE, topic), before)
    subscriber.ping()
    assert not subscriber.inbox
    if is_retained:
        assert retained(broker, topic) == ("PLACED", True)


def test_nothing_newer_is_overtaken_by_it(new_broker):
    broker = wait_untold(new_broker())
    subscriber, holder = broker.client("backoffice"), broker.client("orders-service")
    order_id = messages.unique("ord")
    topic, payload = messages.order(order_id)
    subscriber.subscribe(topic)
    hold(holder, topic, payload, 7)
    advance(broker, order_id, 1, "APPROVED")
    holder.drop()
    end = messages.order(messages.unique("ord"))
    subscriber.subscribe(end[0])
    last = broker.client("orders-service")
    hold(last, *end, 8)
    last.drop()  # later than the other: told later
    said = [json.loads(each.payload)["status"] for each in subscriber.until(end[0])]
    assert said == ["APPROVED"]


def test_what_was_released_is_not_said_again(new_broker):
    broker = wait_untold(new_broker())
    subscriber, publisher = broker.client("backoffice"), broker.client("payments-service")
    subscriber.subscribe("payments/#")
    first, last = (messages.payment(messages.unique("pay")) for _ in range(2))
    assert publisher.publish(*first, qos=2) in (0, 0x10)
    publisher.disconnect()
    publisher = broker.client("payments-service")
    hold(publisher, *last, 7)
    publisher.drop()
    assert [each.topic for each in subscriber.until(last[0])] == [first[0]]
