"""
What is retained is what the database says, also after the broker was killed: its own file is as old
as its last stop. A repair is for the broker's store only: nobody is sent it.
"""
import json
import os
import struct
import threading

import pytest

import engines
import harness
import messages
import rawmqtt
from test_reload import edit_json

AGAIN = r"retained again what the database says: (\d+) messages, (\d+) topics cleared; left alone (\d+)"


def put(client, message, qos=1, retain=True):
    assert client.publish(*message, qos, retain=retain) in (0, 0x10)


def crash(broker):
    """Killed, and started again: what was said of the repair."""
    broker.kill()
    before = broker.mark()
    broker._start()
    return [int(each) for each in broker.wait_log(AGAIN, before).groups()]


def journal_is_empty(broker):
    """A write that came after all others is in the database."""
    topic, payload = messages.stock(messages.unique("end"))
    client = broker.client("inventory-service")
    put(client, (topic, payload), retain=False)
    client.disconnect()
    harness.until(lambda: broker.rows("SELECT 1 FROM events WHERE topic = ?", topic), "the event")
    return True


def kept(broker):
    return {topic: payload.encode() if isinstance(payload, str) else payload for topic, payload in
            broker.rows("SELECT topic, payload FROM retained WHERE payload IS NOT NULL")}


def retained(broker, *filters):
    """{topic: message} that a new subscriber is given before anything that comes later."""
    client, end = broker.client("backoffice"), messages.stock(messages.unique("barrier"))
    client.subscribe(end[0])
    client.subscribe(*(filters or ("orders/#", "inventory/#")))
    put(broker.client("inventory-service"), end, retain=False)
    found = {each.topic: each for each in client.until(end[0])}
    client.disconnect()
    return found


def assert_agreed(broker):
    found = {topic: each.payload for topic, each in retained(broker).items()}
    expected = {topic: payload for topic, payload in kept(broker).items()
                if topic.startswith(("orders/", "inventory/"))}
    assert found == expected


def walk(broker, order_id, *steps, qos=1):
    client = broker.client("orders-service")
    for step in steps:
        put(client, messages.order(order_id, step), qos)
    client.disconnect()


@pytest.mark.parametrize("qos", [1, 2])
def test_after_a_kill(new_broker, qos):
    """Every topic, at its QoS: what was there before the last stop, and what was not."""
    broker = new_broker().start()
    old, new = messages.unique("ord"), messages.unique("ord")
    walk(broker, old, "PLACED", "APPROVED", qos=qos)
    stock = messages.unique("prod")
    put(broker.client("inventory-service"), messages.stock(stock, 1), qos)
    broker.restart()
    walk(broker, old, "SHIPPED", "DELIVERED", qos=qos)
    walk(broker, new, "PLACED", qos=qos)
    last = messages.stock(stock, 2)
    put(broker.client("inventory-service"), last, qos)
    assert crash(broker) == [3, 0, 0]
    found = retained(broker)
    assert json.loads(found[messages.order(old)[0]].payload)["status"] == "DELIVERED"
    assert json.loads(found[messages.order(new)[0]].payload)["status"] == "PLACED"
    assert found[last[0]].payload == last[1]
    assert {each.qos for each in found.values()} == {qos}
    assert all(each.retain for each in found.values())
    assert_agreed(broker)


def test_a_repeat_is_retained_too(new_broker):
    """The status that stands, said again, is no event; what is retained is the later one."""
    broker = new_broker().start()
    order_id = messages.unique("ord")
    first, again = (messages.order(order_id, updatedAt="2026-11-21T03:35:0%dZ" % n) for n in (1, 2))
    client = broker.client("orders-service")
    put(client, first)
    put(client, again)
    crash(broker)
    assert retained(broker)[again[0]].payload == again[1]
    assert broker.rows("SELECT count(*) FROM events WHERE topic = ?", again[0]) == [(1,)]


def test_nobody_is_sent_a_repair(new_broker):
    """Neither who waits with a kept session nor who listens when it comes."""
    broker = new_broker().start()
    order_id = messages.unique("ord")
    options = dict(client_id=messages.unique("away"), clean=False, expiry=1000)
    away = broker.client("backoffice", **options)
    away.subscribe("orders/#", "inventory/#")
    away.disconnect()
    broker.restart()  # so that the session is on the disk
    walk(broker, order_id, "PLACED", "APPROVED")
    crash(broker)
    away = broker.client("backoffice", **options)
    assert away.is_session_present
    away.ping()
    assert [each for each in away.inbox if each.retain or order_id in each.topic] == []


def test_turned_off(new_broker):
    """As where retained messages expire, which plugins are not shown."""
    broker = new_broker()
    broker.edits.append(lambda text: text + "plugin_opt_retain_again 0\n")
    broker.start()
    walk(broker, messages.unique("ord"), "PLACED")
    broker.kill()
    broker._start()
    assert retained(broker) == {}


def test_what_was_cleared_stays_cleared(new_broker):
    broker = new_broker().start()
    order, gone = messages.order(messages.unique("ord")), messages.stock(messages.unique("prod"))
    put(broker.client("orders-service"), order)
    put(broker.client("inventory-service"), gone)
    broker.restart()
    put(broker.client("orders-service"), (order[0], b""))
    put(broker.client("inventory-service"), (gone[0], b""))
    assert crash(broker) == [0, 2, 0]
    assert retained(broker) == {}
    # Again, since the broker's file is as old as it was.
    assert crash(broker) == [0, 2, 0]
    assert retained(broker) == {}


def test_without_the_brokers_file(new_broker):
    broker = new_broker().start()
    order_id = messages.unique("ord")
    walk(broker, order_id, "PLACED")
    broker.stop()
    os.unlink(broker.path("mosquitto.db"))
    before = broker.mark()
    broker._start()
    broker.wait_log(AGAIN, before)
    assert list(retained(broker)) == [messages.order(order_id)[0]]


def test_properties_stay(new_broker):
    broker = new_broker().start()
    topic, payload = messages.stock(messages.unique("prod"))
    properties = (b"\x01\x01\x03" + rawmqtt.field("application/json") + b"\x08" +
                  rawmqtt.field("a/b") + b"\x09" + rawmqtt.field(b"\0\xff") + b"\x26" +
                  rawmqtt.field("name") + rawmqtt.field("value") + b"\x26" +
                  rawmqtt.field("name") + rawmqtt.field(""))
    client = broker.client("inventory-service")
    body = rawmqtt.field(topic) + struct.pack("!H", 9) + rawmqtt.length(len(properties))
    client._send(rawmqtt.PUBLISH << 4 | 1 << 1 | 1, body + properties + payload)
    assert client.ack(9) in (0, 0x10)
    crash(broker)
    late = broker.client("backoffice")
    late.subscribe(topic)
    assert late.message().payload == payload
    assert sorted(engines.publishers_own(late.properties)) == sorted(properties)


def test_a_topic_that_the_contract_dropped(new_broker):
    broker = new_broker().start()
    order_id = messages.unique("ord")
    walk(broker, order_id, "PLACED")
    pet = messages.pet_status(messages.unique("pet"))
    put(broker.client("backoffice"), pet)
    journal_is_empty(broker)
    broker.kill()

    def drop(contract):
        del contract["channels"]["petStatus"]
        for name in [name for name, operation in contract["operations"].items()
                     if operation["channel"]["$ref"].endswith("/petStatus")]:
            del contract["operations"][name]

    edit_json(broker.contract, drop)
    before = broker.mark()
    broker._start()
    assert broker.wait_log(AGAIN, before).groups() == ("1", "0", "1")


def test_while_clients_publish(new_broker):
    """Steps that are accepted while all is repaired: in the end both say the same."""
    broker = new_broker().start()
    stocks = [messages.unique("prod") for _ in range(300)]
    client = broker.client("inventory-service")
    for product in stocks:
        put(client, messages.stock(product, 1))
    broker.restart()
    client = broker.client("inventory-service")
    for product in stocks:
        put(client, messages.stock(product, 2))
    journal_is_empty(broker)
    broker.kill()
    before = broker.mark()
    broker._start()

    def work(part):
        client = broker.client("inventory-service")
        for number in range(3, 9):
            for product in stocks[part::3]:
                put(client, messages.stock(product, number), 1 + number % 2)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    broker.wait_log(AGAIN, before)
    journal_is_empty(broker)
    assert_agreed(broker)
    assert {json.loads(each)["quantity"] for each in kept(broker).values()} == {2, 8}


def test_who_subscribes_before_the_repair(new_broker):
    """Asks for all in the moment in which it can: sees no older one last."""
    broker = new_broker().start()
    orders = [messages.unique("ord") for _ in range(400)]
    client = broker.client("orders-service")
    for order_id in orders:
        put(client, messages.order(order_id))
    broker.restart()
    client = broker.client("orders-service")
    for order_id in orders:
        put(client, messages.order(order_id, "APPROVED"))
    journal_is_empty(broker)
    broker.kill()
    before = broker.mark()
    broker._start()
    early = broker.client("backoffice")
    early.subscribe("orders/#")
    broker.wait_log(AGAIN, before)
    topics = {messages.order(order_id)[0] for order_id in orders}
    last = {}

    def are_there():
        early.ping()
        last.update((each.topic, json.loads(each.payload)["status"]) for each in early.inbox)
        return set(last) == topics and set(last.values()) == {"APPROVED"}

    harness.until(are_there, "all orders as they stand")
    assert {json.loads(each.payload)["status"] for each in early.inbox} == {"APPROVED"}
