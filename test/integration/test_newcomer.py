"""What a peer of the same database brings is written once, whoever knows of whom."""
import time

import pytest

import cluster
import engines
import harness
import messages

pytestmark = engines.needs_postgres()
WHOSE = "SELECT origin, taken_over FROM events WHERE topic = ? ORDER BY seq"


@pytest.fixture(scope="module")
def pair(tmp_path_factory, template):
    """The first one comes while the other can't ask the database who that is."""
    # Its clients send nothing again: an answer that is late on a busy machine is waited for.
    made = cluster.Cluster(tmp_path_factory.mktemp("newcomer"), template,
                           settings=["plugin_opt_strict_ms 5000"])
    try:
        a, b = made.brokers
        b.start()
        b.wait_log("strict steps: about")
        b.set_wires("cut")
        a.start()
        yield made
    finally:
        for broker in made.brokers:
            broker.assert_alive()
        made.close()


def place(broker, status=("PLACED",)):
    """A new order's id, and its topic."""
    each, message = messages.unique("ord"), None
    writer = broker.client("orders-service")
    for said in status:
        message = messages.order(each, said)
        assert writer.publish(*message, qos=1, retain=True) in cluster.ACCEPTED
    writer.disconnect()
    return each, message[0]


def wait_row(pair, each, status):
    harness.until(lambda: pair.rows("SELECT status FROM orders WHERE id = ?", each) == [(status,)],
                  "the order to be %s" % status)


def test_unknown_until_the_database_is_asked(pair):
    a, b = pair.brokers
    each, topic = place(a)
    stock = messages.stock(messages.unique("food"))
    assert a.client("backoffice").publish(*stock, qos=1) in cluster.ACCEPTED
    wait_row(pair, each, "PLACED")
    time.sleep(2.5)  # the bridge comes, and is closed
    b.set_wires("pass")
    pair.wait_bridges()
    pair.wait_carried()
    assert pair.rows(WHOSE, topic) == [("a", None)]
    assert pair.rows(WHOSE, stock[0]) == [("a", None)]
    cluster.wait_agreed(pair, "orders", "orders/+/status", 20)


def test_handed_out_again(pair):
    """The newest message, in the place of one that its client sends again, is no other site's."""
    a, b = pair.brokers
    first = a.client("orders-service", client_id="again")
    each = messages.unique("ord")
    placed = messages.order(each, "PLACED")
    assert first.publish(*placed, qos=1, retain=True) in cluster.ACCEPTED
    assert first.publish(*messages.order(each, "APPROVED"), qos=1, retain=True) in cluster.ACCEPTED
    first.disconnect()
    for qos in (1, 2):
        first = a.client("orders-service", client_id="again")
        assert first.publish(*placed, qos=qos, retain=True) in cluster.ACCEPTED
        first.disconnect()
    reader = b.client("backoffice")
    reader.subscribe("orders/#", qos=1)
    _, last = place(a)
    harness.until(lambda: reader.message().topic == last, "what came behind it")
    pair.wait_carried()
    assert pair.rows(WHOSE, placed[0]) == [("a", None), ("a", None)]
