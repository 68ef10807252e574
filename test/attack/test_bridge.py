"""What another broker sends over a bridge is judged as the user that the bridge names."""
import re
import subprocess

import pytest

import harness
import messages
import rawmqtt
from test_closed import costly_stock, in_trouble, with_costly_stock


@pytest.fixture
def remote(tmp_path):
    """A broker without the plugin, where everybody may publish everything. Its port."""
    (port,) = harness.free_ports(1)
    path = str(tmp_path / "remote.conf")
    with open(path, "w") as file:
        file.write("listener %d 127.0.0.1\nallow_anonymous true\n" % port)
    with open(str(tmp_path / "remote.log"), "w") as log:
        process = subprocess.Popen(["mosquitto", "-c", path], stdout=log, stderr=log)
    yield port
    process.terminate()
    process.wait(harness.WAIT)


def bridged(new_broker, port, *lines, prepare=lambda broker: None):
    """A broker with a bridge there that is up, and a client of the other broker."""
    broker = new_broker()
    prepare(broker)
    broker.edits.append(lambda text: text + "\n".join(
        ["connection far", "address 127.0.0.1:%d" % port, "topic # in 2", "restart_timeout 1",
         *lines]) + "\n")
    broker.start()
    stream = harness.until(lambda: rawmqtt.open_stream("tcp", port), "the other broker")
    far = rawmqtt.RawClient(stream, 4, "far-away")
    probe = messages.stock(messages.unique("probe"), -1)  # refused, whoever sends it

    def is_up():
        far.publish(*probe, qos=1)
        return "refused publish %s " % probe[0] in broker.log()

    harness.until(is_up, "the bridge")
    return broker, far


def test_judged_as_its_user(new_broker, remote):
    broker, far = bridged(new_broker, remote, "local_username orders-service")
    reader = broker.client("backoffice")
    reader.subscribe("orders/#", "inventory/#")
    order = messages.unique("ord")
    before = broker.mark()
    for topic, payload in [messages.order(order, "PLACED"), messages.order(order, "DELIVERED"),
                           messages.stock(messages.unique("shelf")),
                           messages.order(order, "APPROVED")]:
        far.publish(topic, payload, qos=1)
    broker.wait_rows([(order, "APPROVED")], "SELECT id, status FROM orders WHERE id = ?", order)
    assert [(each.topic, b"PLACED" in each.payload) for each in broker.barrier(reader)] == [
        ("orders/%s/status" % order, True), ("orders/%s/status" % order, False)]
    # Some of what asked for the bridge may have been on its way still.
    refused = [(topic.split("/")[0], user, reason) for topic, user, _, reason in broker.refusals(before)
               if "/probe-" not in topic]
    assert refused == [("orders", "orders-service", "transition-illegal"),
                       ("inventory", "orders-service", "scope-missing")]


def test_nobody_without_a_user(new_broker, remote):
    """All of it is refused, and said."""
    broker, far = bridged(new_broker, remote)
    reader = broker.client("backoffice")
    reader.subscribe("orders/#", "inventory/#")
    order = messages.unique("ord")
    far.publish(*messages.order(order, "PLACED"), qos=1)
    broker.wait_log("refused publish orders/%s/status " % order)
    assert broker.barrier(reader) == []
    assert broker.rows("SELECT count(*) FROM orders WHERE id = ?", order) == [(0,)]


def test_what_cannot_be_kept_is_sent_again(new_broker, remote):
    """
    No broker sends again over a bridge what was answered. One that is closed comes back by its
    restart_timeout, and what it brought is kept, once.
    """
    broker, far = bridged(new_broker, remote, "local_username orders-service",
                          "cleansession false")
    name = messages.unique("ord")
    order, before = messages.order(name), broker.mark()
    with in_trouble(broker):
        far.publish(*order, qos=1)
        broker.wait_log("refused publish %s by orders-service .*: store-unavailable: .*, "
                        "disconnected unacknowledged" % order[0], before)
    broker.wait_rows([("PLACED", 1)], "SELECT status, revision FROM orders WHERE id = ?", name)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", order[0])


def test_an_mqtt_5_bridge_is_not_closed(new_broker, remote):
    """The other broker ends its session with the connection: more would be lost."""
    broker, far = bridged(new_broker, remote, "local_username orders-service",
                          "bridge_protocol_version mqttv50")
    order, before = messages.order(messages.unique("ord")), broker.mark()
    with in_trouble(broker):
        far.publish(*order, qos=1)
        broker.wait_log("refused publish %s by orders-service .*: store-unavailable" % order[0],
                        before)
    assert "unacknowledged" not in re.search("refused publish %s .*" % order[0],
                                             broker.log(before)).group()


def test_what_cannot_be_checked_holds_up_nothing(new_broker, remote):
    """It would come again for ever, and all that is behind it never."""
    broker, far = bridged(new_broker, remote, "local_username backoffice",
                          "cleansession false", prepare=with_costly_stock)
    costly, order, before = costly_stock(), messages.order(messages.unique("ord")), broker.mark()
    far.publish(*costly, qos=1)
    far.publish(*order, qos=1)
    broker.wait_rows([(order[0],)], "SELECT topic FROM events WHERE topic = ?", order[0])
    said = re.findall("refused publish %s .*" % costly[0], broker.log(before))
    assert len(said) == 1 and "schema-limit: " in said[0] and "unacknowledged" not in said[0]


def test_the_other_side_gets_what_stands(new_broker, remote):
    """
    A bridge out is asked nothing: it gets what is retained again after a kill. (Not always last: the
    broker sends what waited for the bridge's connection behind what came once it was there.)
    """
    broker = new_broker()
    broker.edits.append(lambda text: text + "\n".join(
        ["connection far", "address 127.0.0.1:%d" % remote, "topic inventory/# out 1",
         "restart_timeout 1"]) + "\n")
    broker.start()
    far = rawmqtt.RawClient(harness.until(lambda: rawmqtt.open_stream("tcp", remote), "it"), 4,
                            "far-away")
    far.subscribe("inventory/#")
    product = messages.unique("prod")
    client = broker.client("inventory-service")
    topic, first = messages.stock(product, 1)
    assert client.publish(topic, first, 1, retain=True) in (0, 0x10)
    assert far.message().payload == first
    broker.restart()
    client = broker.client("inventory-service")
    last = messages.stock(product, 2)[1]
    assert client.publish(topic, last, 1, retain=True) in (0, 0x10)
    broker.kill()
    before, heard = broker.mark(), len(inbox(far))
    broker._start()
    broker.wait_log("retained again what the database says: 1 messages", before)
    harness.until(lambda: broker.client("inventory-service").publish(
        *messages.stock(messages.unique("probe")), 1) in (0, 0x10) and any(
            "probe" in each.topic for each in inbox(far)), "the bridge to be up")
    said = [each.payload for each in list(far.inbox)[heard:] if each.topic == topic]
    assert last in said


def inbox(client):
    client.ping()
    return client.inbox
