"""
A repair of what is retained changes the broker's store only: no reader of any kind is given one, and
none takes a place in anybody's queue.
"""
import json
import struct

import pytest

import harness
import messages
import rawmqtt
from test_retained_repair import AGAIN, assert_agreed, crash, journal_is_empty, put, retained

NO_LOCAL, NONE_RETAINED = 4, 0x20


def subscribe(client, *filters):
    """(filter, options): MQTT 5's, with nothing of what is retained."""
    mid = client._next_mid()
    body = struct.pack("!H", mid) + b"\0"
    for name, options in filters:
        body += rawmqtt.field(name) + bytes([options | NONE_RETAINED])
    client._send(rawmqtt.SUBSCRIBE << 4 | 2, body)
    codes = list(client._reply(rawmqtt.SUBACK, mid)[3:])
    assert all(code < 3 for code in codes), codes
    return client


def fill(broker, count, number):
    client = broker.client("inventory-service")
    found = [messages.stock("shelf-%d" % each, number) for each in range(count)]
    for message in found:
        put(client, message)
    client.disconnect()
    return found


KINDS = {"plain": [("inventory/#", 1)], "qos 0": [("inventory/#", 0)],
         "qos 2": [("inventory/#", 2)], "overlapping": [("inventory/#", 1), ("#", 2),
                                                       ("inventory/+/stock", 2)],
         "shared": [("$share/group/inventory/#", 1)],
         "no local": [("inventory/#", 2 | NO_LOCAL)]}


def test_no_queue_is_filled(new_broker):
    """With a queue of ten, and 60 messages retained again, each kind of reader has room still."""
    broker = new_broker()
    broker.edits.append(lambda text: text + "max_queued_messages 10\n")
    broker.start()
    # At QoS 0 nothing waits, and shared subscriptions are not on the broker's disk.
    kinds = {kind: KINDS[kind] for kind in KINDS if kind not in ("qos 0", "shared")}
    ids = {kind: messages.unique("away") for kind in kinds}

    def come(kind):
        return broker.client("backoffice", client_id=ids[kind], clean=False, expiry=1000)

    for kind, filters in kinds.items():
        subscribe(come(kind), *filters).disconnect()
    broker.restart()  # so that the sessions are on the disk
    fill(broker, 60, 1)
    assert crash(broker) == [60, 0, 0]
    news = messages.stock(messages.unique("news"))
    put(broker.client("inventory-service"), news)
    for kind in kinds:
        client = come(kind)
        assert client.is_session_present, kind
        before = [each.topic for each in client.until(news[0])]
        assert before == [], (kind, before)


@pytest.mark.parametrize("kind", KINDS)
def test_who_listens_meanwhile(new_broker, kind):
    broker = new_broker().start()
    fill(broker, 3000, 1)

    def come_first():
        """A client that has subscribed before all is repaired."""
        broker.kill()
        before = broker.mark()
        broker._start()
        made = subscribe(broker.client("inventory-service"), *KINDS[kind])
        is_first = "retained again" not in broker.log(before)
        broker.wait_log(AGAIN, before)
        return made if is_first else None

    client = harness.until(come_first, "a client that is quicker than the repair")
    end = messages.stock(messages.unique("end"))
    put(broker.client("inventory-service"), end, retain=False)
    assert [each.topic for each in client.until(end[0])] == []
    assert_agreed(broker)


def test_a_client_that_repeats_what_is_repaired(new_broker):
    """Bytes that are a repair's too, and a new step behind them: handed out as they came."""
    broker = new_broker().start()
    orders = ["ord-%04d" % number for number in range(1500)]
    client = broker.client("orders-service")
    for order_id in orders:
        put(client, messages.order(order_id))
    journal_is_empty(broker)
    broker.kill()
    before = broker.mark()
    broker._start()
    reader = subscribe(broker.client("backoffice"), ("orders/#", 1))
    client = broker.client("orders-service")
    for start in range(0, len(orders), 8):
        steps = [messages.order(order_id, status) for order_id in orders[start:start + 8]
                 for status in ("PLACED", "APPROVED")]
        for mid, step in enumerate(steps, 1):
            client.publish_nowait(*step, 1, mid, retain=True)
        for mid in range(1, len(steps) + 1):
            assert client.ack(mid) in (0, 0x10)
        reader.ping()
    broker.wait_log(AGAIN, before)
    journal_is_empty(broker)
    reader.ping()
    said = {}
    for each in reader.inbox:
        said.setdefault(each.topic, []).append(json.loads(each.payload)["status"])
    wrong = {topic: each for topic, each in said.items() if each != ["PLACED", "APPROVED"]}
    assert not wrong
    assert len(said) == len(orders)
    # What a repair was late for waits for one more, and who subscribes gets it then, after all else.
    harness.until(lambda: len(retained(broker, "orders/#")) == len(orders), "the last repairs")
    assert_agreed(broker)


def test_what_waited_for_a_client_is_no_repair(new_broker):
    """The same bytes, queued for clients that come back while they are retained again."""
    broker = new_broker().start()
    ids = [messages.unique("away") for _ in range(20)]

    def come(client_id):
        return broker.client("backoffice", client_id=client_id, clean=False, expiry=1000)

    for client_id in ids:
        subscribe(come(client_id), ("inventory/shelf-1500/stock", 1)).disconnect()
    sent = fill(broker, 3000, 1)
    broker.restart()
    journal_is_empty(broker)
    broker.kill()
    before = broker.mark()
    broker._start()
    listener = subscribe(broker.client("backoffice"), ("inventory/#", 0))
    clients = [come(client_id) for client_id in ids]
    broker.wait_log(AGAIN, before)
    end = messages.stock(messages.unique("end"))
    put(broker.client("inventory-service"), end, retain=False)
    for client in clients:
        client.ping()
        assert [each[:2] for each in client.inbox] == [sent[1500]]
    assert listener.until(end[0]) == []
