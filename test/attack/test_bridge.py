"""What another broker sends over a bridge is judged as the user that the bridge names."""
import subprocess

import pytest

import harness
import messages
import rawmqtt


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
    process.wait(30)


def bridged(new_broker, port, *lines):
    """A broker with a bridge there that is up, and a client of the other broker."""
    broker = new_broker()
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
    refused = [(topic.split("/")[0], user, reason) for topic, user, _, reason in broker.refusals(before)]
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
