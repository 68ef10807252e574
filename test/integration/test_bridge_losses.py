"""
What bridges lose, because they are down or a queue of Mosquitto's is full, is retained all the same
at each broker of one database; and what a bridge brings after all is delivered no second time.
"""
import contextlib
import itertools
import json
import os
import time

import pytest

import cluster
import engines
import harness
import messages
import rawmqtt

pytestmark = engines.needs_postgres()
WALK = ("PLACED", "APPROVED", "SHIPPED", "DELIVERED")


def walk_all(client, orders):
    """All steps of @orders, many on their way at once."""
    said = [messages.order(each, status) for each in orders for status in WALK]
    for begin in range(0, len(said), 500):
        part = said[begin:begin + 500]
        for mid, message in enumerate(part, 1):
            client.publish_nowait(*message, 1, mid, retain=True)
        assert {client.ack(mid) for mid in range(1, len(part) + 1)} <= set(cluster.ACCEPTED)


def new_orders(count):
    return [messages.unique("ord") for _ in range(count)]


def heard_until(reader, writer):
    """{order: its statuses as @reader hears them} up to what @writer says now."""
    end, payload = messages.stock(messages.unique("end"))
    assert writer.publish(end, payload, qos=1) in cluster.ACCEPTED
    heard = {}
    for message in reader.until(end, 120):
        if message.topic.startswith("orders/"):
            status = json.loads(message.payload)["status"]
            heard.setdefault(message.topic.split("/")[1], []).append(status)
    return heard


def test_a_bridge_that_stays_down(new_cluster):
    both = new_cluster().start()
    a, b = both.brokers
    reader, writer = b.client("backoffice"), a.client("orders-service")
    reader.subscribe("orders/#", "inventory/#", qos=1)
    stock, level = messages.stock(messages.unique("food"))
    a.bridges["b"].set("cut")
    orders = new_orders(300)
    walk_all(writer, orders)
    assert a.client("backoffice").publish(stock, level, qos=1, retain=True) in cluster.ACCEPTED
    cluster.wait_agreed(both, "orders", "orders/+/status")
    found = cluster.standing(b, "inventory/#")
    assert found.get(stock) == level
    heard = heard_until(reader, b.client("backoffice"))
    assert {each: said[-1] for each, said in heard.items()} == dict.fromkeys(orders, "DELIVERED")
    # The bridge brings all of it, in its queue and as what is retained.
    a.bridges["b"].set("pass")
    both.wait_bridges()
    walk_all(writer, last := new_orders(1))
    heard = {}
    while last[0] not in heard:
        heard.update(heard_until(reader, a.client("backoffice")))
    assert not set(orders) & set(heard)


def test_queues_that_are_too_short(new_cluster):
    """Each has room for a few messages that wait for a bridge, and for few when it comes up."""
    both = new_cluster()
    for broker in both.brokers:
        broker.edits.append(lambda text: text + "\nmax_queued_messages 20\n")
    both.start()
    both.broker("a").bridges["b"].set("cut")
    for broker in both.brokers:
        walk_all(broker.client("orders-service"), new_orders(300))
    both.broker("a").bridges["b"].set("pass")
    both.wait_bridges()
    cluster.wait_agreed(both, "orders", "orders/+/status")


def cut_off(broker):
    """
    From its database, once it has read which ids there are: a new order needs no read then. Each cut
    breaks that reading off, so that it is given twice as long after each.
    """
    pauses = itertools.count()

    def takes_a_new_one():
        broker.set_wires("cut")
        with contextlib.suppress(rawmqtt.Closed, OSError):
            writer = broker.client("orders-service")
            if writer.publish(*messages.order(*new_orders(1), "PLACED"), qos=1,
                              retain=True) in cluster.ACCEPTED:
                return True
        broker.set_wires("pass")
        time.sleep(0.1 * 2 ** next(pauses))
        return False

    harness.until(takes_a_new_one, "the ids to be read", 120)


def is_deaf(broker, since):
    """It had no answer of the database for a second, and forgot what only bridges told it."""
    return "all that is known of entities is read again" in broker.log(since)


def goes_on(both, each):
    """
    The steps of the order @each, two at A and, once they came, two at B. False where B was deaf
    meanwhile, as on a busy machine it may be: then it decides by the database, which lacks A's.
    """
    a, b = both.brokers
    before = b.mark()
    reader, writer = b.client("backoffice"), a.client("orders-service")
    reader.subscribe(messages.order(each, "PLACED")[0], qos=1)
    for status in WALK[:2]:
        assert writer.publish(*messages.order(each, status), qos=1, retain=True) in cluster.ACCEPTED
        reader.message()
    writer = b.client("orders-service")
    codes = [writer.publish(*messages.order(each, status), qos=1, retain=True) for status in WALK[2:]]
    if set(codes) <= set(cluster.ACCEPTED):
        return True
    assert is_deaf(b, before), codes
    return False


def test_overruled_by_what_is_not_there_yet(new_cluster):
    """
    B goes on where A was, whose steps the database does not have yet: then B's are overruled by
    nothing that stands, and what A kept stands once it is carried.
    """
    both = new_cluster().start()
    a, b = both.brokers
    cut_off(a)
    each = harness.until(lambda: goes_on(both, order := new_orders(1)[0]) and order, "B to hear", 120)
    topic = messages.order(each, "PLACED")[0]
    harness.until(lambda: both.rows("SELECT count(*) FROM events WHERE overruled <> 0 AND topic = ?",
                                    topic) == [(2,)], "the settlement")
    a.set_wires("pass")
    both.wait_carried()
    cluster.wait_agreed(both, "orders", "orders/+/status")
    assert both.rows("SELECT status FROM orders WHERE id = ?", each) == [("APPROVED",)]


def test_brought_while_nothing_can_be_read(new_cluster):
    """
    An old step that a bridge brings to a broker that was restarted and can't read what stands: once
    it can, it finds that something newer was retained there.
    """
    both = new_cluster().start()
    a, b = both.brokers
    each, = new_orders(1)
    for status in WALK[:2]:
        said = messages.order(each, status)
        assert a.client("orders-service").publish(*said, qos=1, retain=True) in cluster.ACCEPTED
        if status == "PLACED":
            harness.until(lambda: cluster.standing(b, said[0]), "the bridge")
            a.bridges["b"].set("hole")
    both.wait_carried()
    harness.until(lambda: b.client("orders-service").publish(
        *messages.order(each, "SHIPPED"), qos=1, retain=True) in cluster.ACCEPTED, "the steps")
    both.wait_carried()
    b.kill()
    before = b.mark()
    b._start()
    b.wait_log("retained again what the database says", before)
    cut_off(b)
    reader = b.client("backoffice")
    reader.subscribe(said[0], qos=1)
    assert json.loads(reader.message().payload)["status"] == "SHIPPED"
    a.bridges["b"].set("pass")
    assert json.loads(reader.message().payload)["status"] == "APPROVED"
    b.set_wires("pass")
    cluster.wait_agreed(both, "orders", "orders/+/status")
    assert both.rows("SELECT status FROM orders WHERE id = ?", each) == [("SHIPPED",)]


@pytest.mark.skipif(not os.environ.get("FULL"), reason="FULL=1 runs it: it takes minutes")
def test_more_than_there_is_room_for(new_cluster):
    """Beyond what a broker remembers of such messages it looks through all that is retained."""
    both = new_cluster().start()
    a, b = both.brokers
    a.bridges["b"].set("cut")
    b.set_wires("cut")  # so that it hears of all at once
    for _ in range(40):
        # Closed: the database was slow, and an order had to be read.
        with contextlib.suppress(rawmqtt.Closed, OSError):
            walk_all(a.client("orders-service"), new_orders(1000))
    b.set_wires("pass")
    harness.until(lambda: "had no room on the list" in b.log(), "the list to be full", 60)
    cluster.wait_agreed(both, "orders", "orders/+/status", 300)
