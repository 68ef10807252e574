"""
Two brokers with the plugin and a bridge between them: what comes over it is decided, or taken over
as the other broker decided it.
"""
import json
import os
import subprocess

import pytest

import bridges
import engines
import harness
import messages
import rawmqtt
from test_notices import set_mode

TRUST = ["orders/+/status", "pets/#"]


@pytest.fixture(scope="module", params=["mqttv311", "mqttv50"])
def pair(request, tmp_path_factory, template):
    """
    (near, far): near has opened the bridge, over which everything goes both ways; with MQTT 5 each
    says who published it.
    """
    folder = tmp_path_factory.mktemp("pair")
    made = []

    def new(**options):
        made.append(harness.Broker(folder / ("run%d" % len(made)), template, **options))
        return made[-1]

    settings = ["plugin_opt_say_publisher %d" % (request.param == "mqttv50")]
    far = bridges.peer(new, folder / "far", bridges.FAR_USER, TRUST, before=settings)
    far.database.broker = "far"
    far.without_power()
    far.start()
    near = bridges.peer(new, folder / "near", bridges.NEAR_USER, TRUST,
                        lambda: bridges.connection(far, "topic # both 2", "topic $CONTROL/# both",
                                                   "bridge_protocol_version " + request.param),
                        before=settings)
    near.database.broker = "near"
    near.without_power()
    near.says = far.says = request.param == "mqttv50"
    near.start()
    wait_up(near, far)
    yield near, far
    for broker in made:
        broker.assert_alive()
        broker.stop()


def wait_up(near, far):
    """What one side says is heard on the other one."""
    for here, there in ((near, far), (far, near)):
        reader = there.client("backoffice")
        reader.subscribe("inventory/#")
        writer = here.client("backoffice")

        def is_heard():
            topic, payload = messages.stock(messages.unique("probe"))
            writer.publish(topic, payload, qos=1)
            reader.ping()
            return reader.inbox

        harness.until(is_heard, "the bridge")
        writer.disconnect()
        reader.disconnect()


@pytest.fixture(params=["in", "out"])
def ways(request, pair):
    """(here, there, the user of what arrives there, its client): once in each direction."""
    near, far = pair
    return ((far, near, bridges.NEAR_USER, "near.local") if request.param == "in" else
            (near, far, bridges.FAR_USER, "near"))


def test_taken_over(ways):
    """A step that the other side does not have, and another's: there it was decided already."""
    here, there, user, client_id = ways
    reader = there.client("backoffice")
    order = messages.unique("ord")
    reader.subscribe("orders/%s/#" % order)
    writer = here.client("orders-service")
    said = [messages.order(order, status) for status in ("PLACED", "APPROVED", "DELIVERED")]
    for topic, payload in said[:2]:
        assert writer.publish(topic, payload, qos=2, retain=True) in (0, 0x10)
    for _, payload in said[:2]:
        assert reader.message().payload == payload
    there.wait_rows([("APPROVED", "customer-a")], "SELECT status, owner FROM orders WHERE id = ?",
                    order)
    who = "orders-service@%s" % ("far" if user == bridges.NEAR_USER else "near")
    assert there.rows("SELECT publisher, client_id, qos, retained, taken_over, peer_publisher FROM "
                      "events WHERE topic = ? ORDER BY seq", said[0][0]) == [
        (user, client_id, 2, 1, 1, who if here.says else None)] * 2
    here.wait_rows([("orders-service", None, None)] * 2, "SELECT publisher, taken_over, "
                   "peer_publisher FROM events WHERE topic = ?", said[0][0])
    assert there.rows("SELECT count(*) FROM retained WHERE topic = ? AND payload LIKE ?",
                      said[0][0], "%APPROVED%") == [(1,)]


def test_two_steps_at_once(ways):
    """
    Both are there before the first is released, right after somebody subscribed: these are not what
    was retained, though they are to be, and come in their order.
    """
    here, there, _, _ = ways
    writer = here.client("orders-service")
    # Few: they come back at each start of a broker.
    for _ in range(4):
        said = [messages.order(messages.unique("ord"))]
        said.append(messages.order(said[0][0].split("/")[1], "APPROVED"))
        for mid, (topic, payload) in enumerate(said, 1):
            writer.publish_nowait(topic, payload, 2, mid, retain=True)
            assert writer.ack(mid, rawmqtt.PUBREC) in (0, 0x10)
        reader = there.client("backoffice")
        reader.subscribe(said[0][0])
        for mid in (1, 2):
            writer.release(mid)
        for _, payload in said:
            assert reader.message().payload == payload
        for mid in (1, 2):
            writer.ack(mid, rawmqtt.PUBCOMP)
        reader.disconnect()


def test_a_step_that_the_contract_lacks(ways):
    """Put right there by one who may: it is taken over."""
    here, there, _, _ = ways
    order = messages.unique("ord")
    writer = here.client("supervisor")
    for number, status in enumerate(("PLACED", "APPROVED", "DELIVERED", "PLACED")):
        # In other words than the first time: else it may be the old one, brought again.
        when = messages.WHEN.replace("Z", ".%dZ" % number)
        assert writer.publish(*messages.order(order, status, updatedAt=when), qos=1) in (0, 0x10)
    there.wait_rows([(4, "PLACED")], "SELECT revision, status FROM orders WHERE id = ?", order)


def test_decided_here(ways):
    """On a topic that is not trusted the contract's steps count, and are refused to the bridge."""
    here, there, user, _ = ways
    payment, before = messages.unique("pay"), there.mark()
    writer = here.client("supervisor")
    for status in ("PENDING", "SUCCEEDED", "PENDING"):
        assert writer.publish(*messages.payment(payment, status=status), qos=2) in (0, 0x10)
    there.wait_log("refused publish payments/%s/status by %s .*: transition-illegal" %
                   (payment, user), before)
    there.wait_rows([("SUCCEEDED",)], "SELECT status FROM payments WHERE id = ?", payment)
    assert there.rows("SELECT taken_over FROM events WHERE topic = 'payments/%s/status'" % payment
                      ) == [(None,)] * 2


def test_the_bridge_goes_on_behind_what_is_refused(ways):
    """
    At QoS 2 Mosquitto's bridge loses a place for each message that is refused by PUBREC, of the 20
    that it has: what is refused is taken, and nobody gets it.
    """
    here, there, user, _ = ways
    payment, reader = messages.unique("pay"), there.client("backoffice")
    topic = "payments/%s/status" % payment
    reader.subscribe("payments/#", "inventory/#")
    writer = here.client("supervisor")
    for number, status in enumerate(("PENDING", "SUCCEEDED") + ("PENDING",) * 25):
        when = messages.WHEN.replace("Z", ".%dZ" % number)
        said = messages.payment(payment, status=status, updatedAt=when)
        assert writer.publish(*said, qos=2) in (0, 0x10)
    there.wait_rows([(25,)], "SELECT count(*) FROM refusals WHERE topic = ? AND principal = ? AND "
                    "qos = 2 AND reason = 'transition-illegal'", topic, user)
    # Now that nothing is on its way: each answer makes the bridge send one of those that wait.
    last = messages.stock(messages.unique("last"))
    assert writer.publish(*last, qos=1) in (0, 0x10)
    got, statuses = reader.message(), []
    while got.topic != last[0]:
        if got.topic == topic:
            statuses.append(json.loads(got.payload)["status"])
        got = reader.message()
    assert statuses == ["PENDING", "SUCCEEDED"]
    there.wait_rows([(2,)], "SELECT count(*) FROM events WHERE topic = ?", topic)


def test_a_peer_at_qos_2_is_told_nothing_and_nobody_gets_it(pair):
    far, before = pair[1], pair[1].mark()
    topic, payload = messages.stock(messages.unique("bad"), -1)
    reader, client_id = far.client("backoffice"), messages.unique("a-peer")
    reader.subscribe("#")
    options = dict(client_id=client_id, clean=False, expiry=100)
    peer = far.try_client(bridges.FAR_USER, bridges.PASSWORD, **options)
    assert peer.publish(topic, payload, qos=1, retain=True) == 0x87
    peer.publish_nowait(topic, payload, 2, 7, retain=True)
    assert peer.ack(7, rawmqtt.PUBREC) == 0
    far.wait_rows([(2,)], "SELECT count(*) FROM refusals WHERE topic = ?", topic)
    peer.drop()
    # With its session it is asked about again, and is still to be released.
    peer = far.try_client(bridges.FAR_USER, bridges.PASSWORD, **options)
    assert peer.is_session_present
    peer.release(7)
    assert peer.ack(7, rawmqtt.PUBCOMP) == 0
    peer.disconnect()
    assert not [each for each in far.barrier(reader) if each.topic == topic or each.topic[0] == "$"]
    assert [each[0] for each in far.refusals(before)] == [topic] * 2
    late = far.client("backoffice")
    late.subscribe(topic)
    late.ping()
    assert not late.inbox


def test_nobody_gets_what_a_peer_was_refused_though_all_may_read(new_broker, tmp_path):
    """Where rights are only observed anybody may subscribe to the topic that it is put under."""
    broker = bridges.peer(new_broker, tmp_path / "far", bridges.FAR_USER, TRUST)
    set_mode(broker, {"permission": "observe"})
    broker.start()
    topic, payload = messages.stock(messages.unique("bad"), -1)
    hidden, reader = "$" + "-" * (len(topic) - 1), broker.client("customer-a")
    assert reader.subscribe(hidden, "$share/all/" + hidden, "#")[:1] == [2]
    peer = broker.try_client(bridges.FAR_USER, bridges.PASSWORD)
    assert peer.publish(topic, payload, qos=2) == 0
    broker.wait_rows([(1,)], "SELECT count(*) FROM refusals WHERE topic = ?", topic)
    assert not [each for each in broker.barrier(reader) if payload in each[:2]]


def test_who_published_is_not_forged(ways):
    """A client may say what it likes: the plugin adds the truth behind it, whatever its options."""
    here, there, user, _ = ways
    order = messages.unique("ord")
    topic, payload = messages.order(order)
    forged = b"\x26" + rawmqtt.field("petstore-publisher") + rawmqtt.field("backoffice@far")
    reader = here.client("backoffice")
    reader.subscribe("orders/%s/#" % order)
    assert here.client("orders-service").publish(topic, payload, 1, properties=forged * 2) in (0, 0x10)
    reader.message()
    name = b"orders-service@" + (b"far" if user == bridges.NEAR_USER else b"near")
    properties = engines.publishers_own(reader.properties)
    assert properties.endswith(name) and properties.count(b"backoffice@far") == 2
    who = name.decode() if here.says else None  # MQTT 3.1.1 has no properties
    there.wait_rows([(who,)], "SELECT peer_publisher FROM events WHERE topic = ?", topic)
    here.wait_rows([(None,)], "SELECT peer_publisher FROM events WHERE topic = ?", topic)


@pytest.mark.parametrize("more", [0, 1, 45])
def test_who_published_behind_many_properties(pair, more):
    """
    The true name may stand behind what is read: then nobody is named. Where brokers may share the
    database three properties more say where the message was kept.
    """
    near, far = pair
    count = (255 if engines.IS_SQLITE else 252) + more
    topic, payload = messages.order(messages.unique("ord"))
    forged = b"\x26" + rawmqtt.field("petstore-publisher") + rawmqtt.field("backoffice@far")
    others = (b"\x26" + rawmqtt.field("a") + rawmqtt.field("b")) * (count - 1)
    client = near.client("orders-service")
    assert client.publish(topic, payload, 1, properties=forged + others) in (0, 0x10)
    who = "orders-service@near" if near.says and more == 0 else None
    far.wait_rows([(who,)], "SELECT peer_publisher FROM events WHERE topic = ?", topic)


def test_once_on_each_side(pair):
    """What goes both ways does not come back: one event, one delivery, and none refused."""
    near, far = pair
    for here in pair:
        order, marks = messages.unique("ord"), [each.mark() for each in pair]
        readers = [each.client("backoffice") for each in pair]
        for reader in readers:
            reader.subscribe("orders/%s/#" % order, "inventory/#")
            reader.inbox.clear()
        topic, payload = messages.order(order)
        assert here.client("orders-service").publish(topic, payload, 1, retain=True) in (0, 0x10)
        # Behind it over the bridge, and back.
        for broker, reader in zip(pair, readers):
            other = readers[1 - readers.index(reader)]
            assert [each.payload for each in broker.barrier(other)
                    if each.topic == topic] == [payload]
        for broker, mark in zip(pair, marks):
            broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", topic)
            assert [each for each in broker.refusals(mark)
                    if not each[0].startswith("refusals/")] == []


def test_a_last_will_over_there(ways):
    """Here it is a message as any."""
    here, there, user, _ = ways
    pet = messages.unique("pet")
    topic, payload = messages.availability(pet, False)
    device = here.client("collar-7", will=(topic, payload, 1, False))
    device.drop()
    here.wait_rows([(1,)], "SELECT will FROM events WHERE topic = ?", topic)
    there.wait_rows([(0, 1, user)], "SELECT will, taken_over, publisher FROM events WHERE topic = ?",
                    topic)


def test_what_stands_is_said_again(ways):
    """By explain, too: a step that is anybody's error is a peer's word."""
    _, there, user, _ = ways
    order = messages.unique("ord")
    said = [TOOL, "explain", "publish", "--config", there.path("mosquitto.conf"), "--qos", "0"]
    for who, answer in ((user, "allowed: taken over from a trusted peer, and kept"),
                        ("backoffice", "refused: qos-too-low")):
        done = subprocess.run(said + ["--user", who, *map(str, (
            messages.order(order)[0], messages.order(order, "SHIPPED")[1].decode()))], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert answer in done.stdout, done.stdout


def test_topics_of_the_plugin(ways):
    """Nobody over there gives a command here, sends a notice or an alert; and no notice goes round."""
    here, there, user, client_id = ways
    admin, before = here.client("backoffice"), there.mark()
    admin.subscribe("refusals/+/+", "$CONTROL/petstore/v1/response")
    assert admin.publish(*messages.stock(messages.unique("bad"), -1), qos=1) == 0x87
    assert admin.message().topic.startswith("refusals/backoffice/")
    there.wait_log("refused publish refusals/backoffice/\\S+ by %s .*: operation-missing" % user,
                   before)
    assert not admin.inbox
    assert there.rows("SELECT count(*) FROM refusals WHERE principal = ? AND topic LIKE "
                      "'refusals/%'", client_id) == [(0,)]
    # A command is none but here: a broker hands it to no bridge.
    admin.publish("$CONTROL/petstore/v1", '{"commands": [{"command": "status"}]}', qos=1)
    assert "status" in admin.message().payload.decode()
    assert "of %s (client" % user not in there.log(before)


def test_a_peer_gives_no_command(pair):
    """Whatever its scopes are: it has control:*."""
    far, before = pair[1], pair[1].mark()
    device = far.try_client(bridges.FAR_USER, bridges.PASSWORD, client_id="a-device")
    assert device.code == 0
    for topic in ("$CONTROL/petstore/v1", "$SYS/broker/connection/near/state",
                  "refusals/backoffice/x", "alerts/storm"):
        device.publish(topic, b"1", qos=1)
    device.ping()
    assert [(topic, reason) for topic, user, _, reason in far.refusals(before)
            if user == bridges.FAR_USER] == [
        ("$CONTROL/petstore/v1", "operation-missing"),
        ("$SYS/broker/connection/near/state", "operation-missing"),
        ("refusals/backoffice/x", "operation-missing"), ("alerts/storm", "operation-missing")]


def test_the_state_of_the_bridge(pair):
    """It is retained on the other broker; another client than the bridge's can't say it."""
    far = pair[1]
    assert not [each for each in far.refusals() if each[0].startswith("$SYS/broker/connection/near")
                and each[2] == "near"]
    watcher = far.client("monitor")
    assert watcher.subscribe("$SYS/broker/connection/near/state") == [2]
    state = watcher.message()
    assert (state.topic, state.payload) == ("$SYS/broker/connection/near/state", b"1")


def test_what_was_published_here_is_dropped(pair):
    """It comes back when the bridge connects: where it says so, it is no event and no delivery."""
    near, far = pair
    topic, payload = messages.stock(messages.unique("shelf"))
    assert near.client("inventory-service").publish(topic, payload, 1, retain=True) in (0, 0x10)
    far.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", topic)
    before = near.mark()
    near.restart()
    wait_up(near, far)
    if far.says:
        near.wait_log("petstore: [0-9]+ messages that were published here came back over a bridge, "
                      "and were dropped; the last on ", before)
        assert near.rows("SELECT count(*) FROM events WHERE topic = ?", topic) == [(1,)]
        assert [each for each in near.refusals(before) if each[3] == "overtaken"] == []
    else:
        near.wait_rows([(2,)], "SELECT count(*) FROM events WHERE topic = ?", topic)


def test_what_is_old_does_not_come_back(pair):
    """
    When a bridge connects, each side sends what it retains. What was said before the status that
    stands is refused, though trusted: else the two would change places.
    """
    near, far = pair
    order = messages.unique("ord")
    said = dict((status, messages.order(order, status))
                for status in ("PLACED", "APPROVED", "SHIPPED", "DELIVERED"))
    writer = near.client("orders-service")
    for status in ("PLACED", "APPROVED", "SHIPPED"):
        assert writer.publish(*said[status], qos=1, retain=True) in (0, 0x10)
    far.wait_rows([("SHIPPED",)], "SELECT status FROM orders WHERE id = ?", order)
    near.stop()
    writer = far.client("orders-service")
    assert writer.publish(*said["DELIVERED"], qos=1, retain=True) in (0, 0x10)
    before = far.mark()
    near._start()
    far.wait_log("refused publish %s by branch .*: overtaken: /status: order is DELIVERED: SHIPPED "
                 "was said before" % said["SHIPPED"][0], before)
    near.wait_rows([("DELIVERED", 4)], "SELECT status, revision FROM orders WHERE id = ?", order)
    far.wait_rows([("DELIVERED", 4)], "SELECT status, revision FROM orders WHERE id = ?", order)
    for broker in pair:
        reader = broker.client("backoffice")
        reader.subscribe(said["PLACED"][0])
        assert reader.message().payload == said["DELIVERED"][1]


TOOL = os.path.join(harness.BUILD, "petstorectl")


def per_listener(text):
    """Of a configuration only the plugin's lines, below a listener, as 2.1 wants it then."""
    plugin = [line for line in text.splitlines() if line.startswith(("plugin", "user "))]
    return "\n".join(["per_listener_settings true", "listener %d 127.0.0.1" % harness.free_ports(1)[0],
                      *plugin, ""])


@pytest.mark.parametrize("edit, user, fault", [
    (lambda text: text, [],
     "what comes in over it is published by nobody, and refused; expected local_username"),
    (per_listener, ["local_username backoffice"],
     "what comes in over it is asked of no plugin, and passes; expected no per_listener_settings")])
def test_a_bridge_that_is_not_decided(new_broker, edit, user, fault):
    """Said at the start and by lint, with the line of the file."""
    broker = new_broker()
    broker.edits.append(lambda text: edit(text) + "\n".join(
        ["connection far", "address 127.0.0.1:1", "topic orders/# in", *user, ""]))
    broker.start()
    with open(broker.path("mosquitto.conf")) as file:
        (number,) = [number for number, line in enumerate(file, 1) if line == "connection far\n"]
    place = "%s:%d: connection far: %s" % (broker.path("mosquitto.conf"), number, fault)
    assert place in broker.log()
    said = subprocess.run([TOOL, "lint", "--config", broker.path("mosquitto.conf")], text=True,
                          stdout=subprocess.PIPE, check=False)
    assert said.returncode == 1 and "error: " + place in said.stdout


def test_the_example(tmp_path):
    """examples/bridge: an order goes to the shop and its stock to head office, and no other way."""
    shop, office = harness.free_ports(2)
    folder = str(tmp_path / "example")
    run = [os.path.join(harness.TOP, "examples", "bridge", "run.sh"), folder]
    process = harness.Shell(
        "exec " + " ".join(run), env=dict(os.environ, B=harness.BUILD, SHOP_PORT=str(shop),
                                          OFFICE_PORT=str(office)))

    def client(port, broker, user):
        with open("%s/%s/%s.password" % (folder, broker, user)) as file:
            password = file.read().strip()
        stream = rawmqtt.open_stream("tls", port, folder + "/ca.crt")
        client = rawmqtt.RawClient(stream, 5, user, user, password)
        # Else all keys were derived that a second has time for.
        return client if client.code == 0 else None

    try:
        process.line_with("petstorectl list events")
        till = harness.until(lambda: connected(client, shop, "shop", "till"), "the shop")
        backoffice = harness.until(lambda: connected(client, office, "head-office", "backoffice"),
                                   "head office")
        till.subscribe("orders/#")
        backoffice.subscribe("inventory/#")

        def is_up():
            till.publish(*messages.stock(messages.unique("probe")), qos=1)
            backoffice.ping()
            return backoffice.inbox

        harness.until(is_up, "the bridge")
        order = messages.order(messages.unique("ord"))
        assert backoffice.publish(*order, qos=1, retain=True) in (0, 0x10)
        assert till.message().payload == order[1]
        assert till.properties.endswith(b"backoffice@head-office")
        database = "%s/shop/petstore.db" % folder
        harness.until(lambda: "backoffice@head-office" in subprocess.run(
            [TOOL, "list", "events", "--database", database, "--json"], text=True,
            stdout=subprocess.PIPE, check=False).stdout, "the event")
    finally:
        process.process.terminate()
        process.finish()


def connected(client, *arguments):
    """None while the broker is not there."""
    try:
        return client(*arguments)
    except (ConnectionError, FileNotFoundError):
        return None
