"""
Two brokers are told contradicting steps of one order at once, 1,000 times: soon both and
the database agree, and a strict step that is not one was never acknowledged nor delivered.
"""
import collections
import json
import threading

import pytest

import cluster
import engines
import messages
import rawmqtt

pytestmark = engines.needs_postgres()
ORDERS = 1000
WINDOW = 20  # on their way at once
WALK = ("PLACED", "APPROVED", "SHIPPED")
ENDS = ("DELIVERED", "CANCELLED")  # each is final


def send_all(client, said, qos):
    """[code] of each (topic, payload); None where the broker closed instead."""
    codes, waiting = [], collections.deque()
    kind = rawmqtt.PUBACK if qos == 1 else rawmqtt.PUBREC
    for number, message in enumerate(said):
        mid = 1 + number % 65535
        client.publish_nowait(*message, qos, mid, retain=True)
        waiting.append(mid)
        if len(waiting) == WINDOW or number == len(said) - 1:
            while len(waiting) > (0 if number == len(said) - 1 else WINDOW // 2):
                mid = waiting.popleft()
                codes.append(client.ack(mid, kind))
                if qos == 2 and codes[-1] < 0x80:
                    client.release(mid)
                    client.ack(mid, rawmqtt.PUBCOMP)
    return codes


class Listener(threading.Thread):
    """All statuses of orders that one broker delivers, in their order, until stop()."""

    def __init__(self, broker):
        super().__init__()
        self.client = broker.client("backoffice")
        self.client.subscribe("orders/+/status", "inventory/#", qos=1)
        self.broker = broker
        self.end, _ = messages.stock(messages.unique("end"))
        self.delivered = collections.defaultdict(list)
        self.start()

    def run(self):
        for message in self.client.until(self.end, 300):
            if message.topic.startswith("orders/"):
                status = json.loads(message.payload)["status"]
                self.delivered[message.topic.split("/")[1]].append(status)

    def stop(self):
        writer = self.broker.client("backoffice")
        writer.publish(self.end, messages.stock(self.end.split("/")[1])[1], qos=1)
        writer.disconnect()
        self.join()
        self.client.drop()
        return self.delivered


def race(both, orders, qos):
    """{status: [codes]}: one broker is told the one end, the other the other one, at once."""
    codes, gate = {}, threading.Barrier(len(ENDS))

    def run(broker, status):
        client = broker.client("orders-service")
        codes[status] = []
        for begin in range(0, len(orders), WINDOW):
            said = [messages.order(order, status) for order in orders[begin : begin + WINDOW]]
            gate.wait(120)
            codes[status] += send_all(client, said, qos)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(both.brokers, ENDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


def prepare(both, orders):
    """SHIPPED, as both brokers know."""
    writer = both.brokers[0].client("orders-service")
    for status in WALK:
        said = [messages.order(order, status) for order in orders]
        assert set(send_all(writer, said, 1)) <= set(cluster.ACCEPTED)
    cluster.wait_agreed(both, "orders", "orders/+/status", 120)


@pytest.mark.parametrize("word", ["strict", "eventual"])
def test_contradicting_steps(new_cluster, word):
    # Its clients send nothing again: an answer that is late on a busy machine is waited for.
    both = new_cluster(channels={"orderStatus": word},
                       settings=["plugin_opt_strict_ms 5000"]).start()
    for qos in (1, 2):
        orders = [messages.unique("ord") for _ in range(ORDERS // 2)]
        prepare(both, orders)
        listeners = [Listener(broker) for broker in both.brokers]
        codes = race(both, orders, qos)
        cluster.wait_agreed(both, "orders", "orders/+/status", 120)
        delivered = [listener.stop() for listener in listeners]
        kept = dict(both.rows("SELECT id, status FROM orders"))
        check_kept(orders, codes, kept)
        if word == "strict":
            check_strict(both, orders, codes, kept, delivered)


def check_kept(orders, codes, kept):
    """One of the ends stands, one that was acknowledged; each order had a winner."""
    for number, order in enumerate(orders):
        assert kept[order] in ENDS
        assert codes[kept[order]][number] in cluster.ACCEPTED, (order, kept[order])


def check_strict(both, orders, codes, kept, delivered):
    """No other end was acknowledged, delivered, or kept as an event."""
    for number, order in enumerate(orders):
        other = ENDS[1 - ENDS.index(kept[order])]
        assert codes[other][number] == rawmqtt.NOT_AUTHORIZED, order
        for each in delivered:
            assert other not in each[order], (order, each[order])
            assert kept[order] in each[order]
    assert both.rows("SELECT count(*) FROM events WHERE overruled = 1") == [(0,)]
