"""Brokers that share a PostgreSQL database, with bridges between them: what each hears of the others."""
import json
import time

import pytest

import bridges
import cluster
import engines
import harness
import messages

pytestmark = engines.needs_postgres()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, template):
    """Two brokers, of one bridge, which carries both ways."""
    made = cluster.Cluster(tmp_path_factory.mktemp("pair"), template)
    try:
        yield made.start()
    finally:
        for broker in made.brokers:
            broker.assert_alive()
        made.close()


def status_of(message):
    return json.loads(message.payload)["status"]


def drain(client, quiet=0.3):
    """What comes until nothing did for a while."""
    found = []
    while True:
        try:
            found.append(client.message(quiet))
        except TimeoutError:
            return found


def publish_all(client, published):
    """All of them, before the first is answered."""
    for mid, (topic, payload) in enumerate(published, 1000):
        client.publish_nowait(topic, payload, 1, mid, retain=True)


def order(status, *clients):
    """A new order's id, PLACED and so on by the last of @clients."""
    each = messages.unique("ord")
    for said in status:
        assert clients[-1].publish(*messages.order(each, said), qos=1, retain=True) in cluster.ACCEPTED
    return each


def test_delivered_and_kept_once(pair):
    """What one broker accepted is delivered at the other, and stands in the database once."""
    a, b = pair.brokers
    reader, writer = b.client("backoffice"), a.client("supervisor")
    reader.subscribe("orders/#", qos=1)
    each = order(("PLACED", "APPROVED"), writer)
    topic = messages.order(each, "PLACED")[0]
    assert [status_of(reader.message()) for _ in range(2)] == ["PLACED", "APPROVED"]
    pair.wait_carried()
    harness.until(lambda: pair.rows("SELECT status, revision FROM orders WHERE id = ?", each) ==
                  [("APPROVED", 2)], "the order")
    assert pair.rows("SELECT origin, revision, overruled FROM events WHERE topic = ? ORDER BY seq",
                     topic) == [("a", 1, 0), ("a", 2, 0)]
    # B goes on where A was.
    other = b.client("supervisor")
    assert other.publish(*messages.order(each, "CANCELLED"), qos=1, retain=True) in cluster.ACCEPTED
    harness.until(lambda: pair.rows("SELECT status, revision FROM orders WHERE id = ?", each) ==
                  [("CANCELLED", 3)], "the order")


@pytest.mark.parametrize("count", [100])
def test_race(pair, count):
    """
    The end of each order is said at both brokers at once: each accepts its own, one counts, and all
    agree on it within a second.
    """
    a, b = pair.brokers
    here, there = a.client("supervisor"), b.client("supervisor")
    readers = [broker.client("backoffice") for broker in pair.brokers]
    orders = [order(("PLACED", "APPROVED", "SHIPPED"), here) for _ in range(count)]
    pair.wait_carried()
    for reader in readers:
        reader.subscribe("orders/+/status", qos=1)
        drain(reader)
    publish_all(here, [messages.order(each, "DELIVERED") for each in orders])
    publish_all(there, [messages.order(each, "CANCELLED") for each in orders])
    time.sleep(1)
    found = cluster.disagreements(pair, "orders", "orders/+/status")
    assert not found, "%d differ: %s" % (len(found), found[:5])
    kept = dict(pair.rows("SELECT id, status FROM orders"))
    assert pair.rows("SELECT count(*) FROM events WHERE overruled <> 0")[0][0] > 0
    for reader in readers:
        last = {message.topic.split("/")[1]: status_of(message)
                for message in drain(reader)}
        assert {each: last.get(each) for each in orders} == {each: kept[each] for each in orders}
