"""Brokers that share a PostgreSQL database, with bridges between them: what each hears of the others."""
import contextlib
import json
import time

import pytest

import bridges
import cluster
import engines
import harness
import messages
import rawmqtt
import watched
from test_ring_faults import SlowDisk

pytestmark = engines.needs_postgres()

MONITOR = {"duplicate-flood": {"threshold": 10, "windowSeconds": 60, "response": "ban", "seconds": 600},
           "conflict": {"windowSeconds": 2}}


@pytest.fixture(scope="module")
def pair(tmp_path_factory, template):
    """Two brokers, of one bridge, which carries both ways."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "monitor.json").write_text(json.dumps(MONITOR))
    made = cluster.Cluster(folder, template,
                           settings=["plugin_opt_monitor %s" % (folder / "monitor.json"), *cluster.PATIENT])
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
    """All of them, before the first is answered; each is taken."""
    for mid, (topic, payload) in enumerate(published, 1000):
        client.publish_nowait(topic, payload, 1, mid, retain=True)
    assert {client.ack(mid) for mid in range(1000, 1000 + len(published))} <= set(cluster.ACCEPTED)


@contextlib.contextmanager
def neither_hears(pair):
    """Of what is said at one of two brokers the other learns nothing: by no bridge, and by no database."""
    a, b = pair.brokers
    a.bridges["b"].set("hole")
    for broker in (a, b):
        broker.set_wires("hole")
    try:
        yield
    finally:
        for broker in (a, b):
            broker.set_wires("pass")
        a.bridges["b"].set("pass")


def hear_what_is_kept(several, readers, orders):
    """Each of @readers heard last of each order what the database has of it."""
    kept = dict(several.rows("SELECT id, status FROM orders"))
    expected, last = {each: kept[each] for each in orders}, [{} for _ in readers]

    def are_told():
        for reader, heard in zip(readers, last):
            heard.update((message.topic.split("/")[1], status_of(message)) for message in drain(reader))
        return all({each: heard.get(each) for each in orders} == expected for heard in last)

    harness.until(are_told, "the readers to hear how it ended")


def so_many(client, count):
    """The next @count messages; and what comes more, until nothing did for a while."""
    return [client.message() for _ in range(count)] + drain(client, 1)


def order(status, *clients):
    """A new order's id, PLACED and so on by the last of @clients."""
    each = messages.unique("ord")
    for said in status:
        assert clients[-1].publish(*messages.order(each, said), qos=1, retain=True) in cluster.ACCEPTED
    return each


def test_delivered_and_kept_once(pair):
    """What one broker accepted is delivered at the other, and stands in the database once."""
    a, b = pair.brokers
    reader, writer = b.client("backoffice"), a.client("orders-service")
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
    other = b.client("orders-service")
    assert other.publish(*messages.order(each, "CANCELLED"), qos=1, retain=True) in cluster.ACCEPTED
    harness.until(lambda: pair.rows("SELECT status, revision FROM orders WHERE id = ?", each) ==
                  [("CANCELLED", 3)], "the order")


def say_again(client, broker, orders):
    """What stands of each, with the same bytes, which is no event: then @broker has it in memory."""
    stands = cluster.standing(broker, "orders/+/status")
    publish_all(client, [(topic, stands[topic]) for topic, _ in map(messages.order, orders)])


@pytest.mark.parametrize("count", [100])
def test_race(pair, count):
    """
    The end of each order is said at both brokers at once: each accepts its own, one counts, and all
    agree on it.
    """
    a, b = pair.brokers
    here, there = a.client("orders-service"), b.client("orders-service")
    readers = [broker.client("backoffice") for broker in pair.brokers]
    orders = [order(("PLACED", "APPROVED", "SHIPPED"), here) for _ in range(count)]
    pair.wait_carried()
    for reader in readers:
        reader.subscribe("orders/+/status", qos=1)
        drain(reader)
    cluster.wait_agreed(pair, "orders", "orders/+/status")
    say_again(there, b, orders)
    with neither_hears(pair):
        publish_all(here, [messages.order(each, "DELIVERED") for each in orders])
        publish_all(there, [messages.order(each, "CANCELLED") for each in orders])
    cluster.wait_agreed(pair, "orders", "orders/+/status")
    assert pair.rows("SELECT count(*) FROM events WHERE overruled <> 0")[0][0] > 0
    hear_what_is_kept(pair, readers, orders)


@pytest.mark.parametrize("is_released", [True, False])
def test_said_at_both_at_qos_2(pair, is_released):
    """
    What a client left unreleased at one broker, and said at the other: what is retained is given to
    who subscribes there.
    """
    a, b = pair.brokers
    client_id = messages.unique("left")
    each = order(("PLACED", "APPROVED"), a.client("orders-service"))
    topic, payload = messages.order(each, "SHIPPED")
    asked = "SELECT qos FROM retained WHERE topic = ?"
    left = a.client("orders-service", client_id=client_id, clean=False, expiry=1000)
    left.publish_nowait(topic, payload, 2, 7, retain=True)
    assert left.ack(7, rawmqtt.PUBREC) < 0x80
    left.drop()
    pair.wait_carried()
    there = b.client("orders-service", client_id=client_id)
    harness.until(lambda: there.publish(topic, payload, qos=2, retain=True) in cluster.ACCEPTED,
                  "the step to be known")
    if is_released:
        left = a.client("orders-service", client_id=client_id, clean=False, expiry=1000)
        left.release(7)
        assert left.ack(7, rawmqtt.PUBCOMP) < 0x80
    pair.wait_carried()
    assert pair.rows(asked, topic) == [(2,)]
    harness.until(lambda: [cluster.statuses(cluster.standing(broker, topic))
                           for broker in pair.brokers] == [{each: "SHIPPED"}] * 2, "both to agree")


def in_both_memories(pair):
    """
    A SHIPPED order that both brokers have in memory. The other one may have read it before the step
    was in the database, and takes it for one of its own: None.
    """
    a, b = pair.brokers
    here, there = a.client("orders-service"), b.client("orders-service")
    each = order(("PLACED", "APPROVED", "SHIPPED"), here)
    topic = messages.order(each)[0]
    harness.until(lambda: cluster.statuses(cluster.standing(b, topic)) == {each: "SHIPPED"}, "the bridge")
    pair.wait_carried()
    say_again(there, b, [each])
    pair.wait_carried()
    for client in (here, there):
        client.disconnect()
    return each if pair.rows("SELECT count(*) FROM events WHERE topic = ?", topic) == [(3,)] else None


def contradict(pair):
    """An order that is DELIVERED at one broker and CANCELLED at the other, while no bridge says so."""
    each = harness.until(lambda: in_both_memories(pair), "an order that both know")
    here, there = (broker.client("orders-service") for broker in pair.brokers)
    for client in (here, there):
        assert client.subscribe("refusals/#") == [2]
    with neither_hears(pair):
        assert here.publish(*messages.order(each, "DELIVERED"), qos=1, retain=True) in cluster.ACCEPTED
        assert there.publish(*messages.order(each, "CANCELLED"), qos=1, retain=True) in cluster.ACCEPTED
    return each, here, there


def test_overruled(pair):
    """The publisher of what was overruled gets a notice, and an operator an alert; a row is kept."""
    each, *clients = contradict(pair)
    topic = messages.order(each, "PLACED")[0]
    asked = "SELECT origin, client_id FROM events WHERE topic = ? AND overruled <> 0"
    (origin, client_id), = harness.until(lambda: pair.rows(asked, topic), "the settlement")
    heard = json.loads(clients[pair.names.index(origin)].message().payload)
    assert (heard["reason"], heard["topic"]) == ("overruled", topic)
    assert [(heard["currentStatus"],)] == pair.rows("SELECT status FROM orders WHERE id = ?", each)
    harness.until(lambda: pair.rows("SELECT client_id, principal, origin FROM refusals WHERE topic = ? "
                                    "AND reason = 'overruled'", topic) ==
                  [(client_id, "orders-service", origin)], "the row")
    harness.until(lambda: pair.rows("SELECT count(*) FROM alerts WHERE kind = 'conflict' AND "
                                    "state = 'raised' AND origin = ?", origin) != [(0,)], "the alert")


def test_a_notice_says_what_stands_on_a_slow_disk(new_cluster, tmp_path):
    """Where the journal does not know yet that the step was carried, which the database has overruled."""
    slow, disk = new_cluster(), SlowDisk(str(tmp_path / "control"))
    for broker in slow.brokers:
        broker.environment.update(disk.environment)
    slow.start()
    disk.set(200)
    for _ in range(4):
        each, *clients = contradict(slow)
        asked = "SELECT origin FROM events WHERE topic = ? AND overruled <> 0"
        topic = messages.order(each, "PLACED")[0]
        (origin,), = harness.until(lambda: slow.rows(asked, topic), "the settlement")
        heard = json.loads(clients[slow.names.index(origin)].message().payload)
        assert [(heard["currentStatus"],)] == slow.rows("SELECT status FROM orders WHERE id = ?", each)
        for client in clients:
            client.disconnect()


def test_a_ban_counts_on_all(pair):
    """Made at one broker it holds at the other; so does its end."""
    a, b = pair.brokers
    name = "orders-service/banned"
    client = a.client("orders-service", client_id=name)
    topic, payload = messages.order(messages.unique("ord"))
    with contextlib.suppress(OSError):  # it may be closed before it has said all
        for _ in range(15):
            client.publish_nowait(topic, payload, 1, 7, retain=True)
        client.wait_closed()

    def code(broker):
        return broker.try_client("orders-service", broker.password("orders-service"),
                                 client_id=name).code

    harness.until(lambda: code(b) != 0, "the ban")
    assert pair.rows("SELECT kind, name, principal, cause, origin, lifted FROM bans") == [
        ("principal", "orders-service", "", "duplicate-flood", "a", 0)]
    watched.ask(b, {"command": "liftBan", "principal": "orders-service"})
    harness.until(lambda: code(a) == 0, "its end")


def kept_by(origin, sequence, revision):
    """What brokers say to each other, as properties."""
    return b"".join(b"\x26" + rawmqtt.field(name) + rawmqtt.field(value) for name, value in
                    (("petstore-origin", origin), ("petstore-sequence", sequence),
                     ("petstore-revision", revision)))


def test_who_kept_it_is_not_forged(pair):
    """What a client says of that is in front of the truth, which counts; 2.1 shows it to peers only."""
    a, b = pair.brokers
    each = messages.unique("ord")
    topic, payload = messages.order(each)
    reader = b.client("backoffice")
    reader.subscribe(topic)
    forged = kept_by("b", "again", "9") * 2
    assert a.client("orders-service").publish(topic, payload, 1, retain=True, properties=forged) in (
        cluster.ACCEPTED)
    assert reader.message().payload == payload
    if harness.VERSION >= [2, 1]:
        assert b"petstore-" not in reader.properties.replace(b"petstore-publisher", b"")
    else:
        assert reader.properties.count(b"petstore-origin") == 3
    harness.until(lambda: pair.rows("SELECT origin, revision FROM events WHERE topic = ?", topic) ==
                  [("a", 1)], "the event")


def test_a_bridge_that_was_down(pair):
    """What was said meanwhile is retained on both sides soon after it is up; nothing old comes back."""
    a, b = pair.brokers
    here, there = a.client("orders-service"), b.client("orders-service")
    stale = order(("PLACED", "APPROVED"), here)  # goes on at B
    fresh = order(("PLACED",), here)             # goes on at A
    harness.until(lambda: len(cluster.standing(b, "orders/+/status")) ==
                  len(cluster.standing(a, "orders/+/status")), "the bridge")
    wire = a.bridges["b"]
    wire.set("cut")
    assert there.publish(*messages.order(stale, "CANCELLED"), qos=1, retain=True) in cluster.ACCEPTED
    assert here.publish(*messages.order(fresh, "APPROVED"), qos=1, retain=True) in cluster.ACCEPTED
    assert here.publish(*messages.order(fresh, "SHIPPED"), qos=1, retain=True) in cluster.ACCEPTED
    pair.wait_carried()
    wire.set("pass")
    pair.wait_bridges()
    cluster.wait_agreed(pair, "orders", "orders/+/status")
    kept = dict(pair.rows("SELECT id, status FROM orders"))
    assert (kept[stale], kept[fresh]) == ("CANCELLED", "SHIPPED")
    assert pair.rows("SELECT topic, publisher, origin, payload FROM events WHERE publisher LIKE 'peer-%' AND topic LIKE 'orders%'") == []


def test_the_database_is_away(pair):
    """What another broker kept is delivered all the same: a peer is not refused for the store's sake."""
    a, b = pair.brokers
    reader = b.client("backoffice")
    reader.subscribe("orders/#", qos=1)
    drain(reader)
    b.set_wires("hole")
    try:
        each = order(("PLACED", "APPROVED"), a.client("orders-service"))
        topic = messages.order(each, "PLACED")[0]
        heard = [message for message in (reader.message() for _ in range(2))]
        assert [(message.topic, status_of(message)) for message in heard] == [
            (topic, "PLACED"), (topic, "APPROVED")]
    finally:
        b.set_wires("pass")
    harness.until(lambda: b.client("orders-service").publish(
        *messages.order(each, "SHIPPED"), qos=1, retain=True) in cluster.ACCEPTED, "the database")


def test_three(new_cluster):
    """Each has a bridge to each other one: a message comes by two ways, and is delivered once."""
    three = new_cluster(count=3).start()
    readers = [broker.client("backoffice") for broker in three.brokers]
    for reader in readers:
        reader.subscribe("orders/#", qos=1)
    each = order(("PLACED", "APPROVED"), three.brokers[0].client("orders-service"))
    topic = messages.order(each, "PLACED")[0]
    for reader in readers:
        assert [(message.topic, status_of(message)) for message in so_many(reader, 2)] == [
            (topic, "PLACED"), (topic, "APPROVED")]
    cluster.wait_agreed(three, "orders", "orders/+/status")
    assert three.rows("SELECT origin, count(*) FROM events WHERE topic = ? GROUP BY origin",
                      topic) == [("a", 2)]


def test_one_step_on_top_of_another(new_cluster):
    """
    Orders are SHIPPED at one broker and CANCELLED at another one at once, which is a step on top of
    it: nothing is overruled, and all agree.
    """
    several = new_cluster(count=3).start()
    here, *_, there = [broker.client("orders-service") for broker in several.brokers]
    readers = [broker.client("backoffice") for broker in several.brokers]
    orders = [order(("PLACED", "APPROVED"), here) for _ in range(120)]
    cluster.wait_agreed(several, "orders", "orders/+/status")
    for reader in readers:
        reader.subscribe("orders/+/status", qos=1)
        drain(reader)
    for mid, each in enumerate(orders, 2000):
        both = [(here, "SHIPPED"), (there, "CANCELLED")]
        for client, status in both if mid % 2 else reversed(both):
            client.publish_nowait(*messages.order(each, status), 1, mid, retain=True)
        time.sleep(mid % 5 * 0.002)
    several.wait_carried()
    cluster.wait_agreed(several, "orders", "orders/+/status")
    hear_what_is_kept(several, readers, orders)


@pytest.mark.parametrize("origin", ["", "a", "b"])
def test_a_will_is_one_event(pair, origin):
    """Whatever its client says of who kept it; each subscriber hears it once, and all retain it."""
    a, b = pair.brokers
    pet = messages.unique("pet")
    wills = [messages.availability(pet, False), messages.pet_status(pet)]
    forged = kept_by(origin, "77777", str(2**62)) if origin else b""
    readers = [broker.client("backoffice") for broker in pair.brokers]
    for reader in readers:
        reader.subscribe("pets/#", qos=1)
        drain(reader)
    for user, will in zip(("collar-7", "backoffice"), wills):
        a.client(user, will=(*will, 1, True, forged)).drop()
    for reader in readers:
        assert sorted((message.topic, message.payload) for message in so_many(reader, 2)) == (
            sorted(wills))
    pair.wait_carried()
    assert sorted(pair.rows("SELECT topic, origin, will FROM events WHERE topic LIKE ?",
                            "pets/%s/%%" % pet)) == sorted((will[0], "a", 1) for will in wills)
    assert cluster.standing(a, "pets/%s/+" % pet) == dict(wills) == (
        cluster.standing(b, "pets/%s/+" % pet))


def test_a_will_before_what_its_client_says_next(pair):
    """One that takes its own place over: what it says then stands, and is heard last."""
    a, _ = pair.brokers
    pet = messages.unique("pet")
    topic, payload = messages.availability(pet, False)
    readers = [broker.client("backoffice") for broker in pair.brokers]
    for reader in readers:
        reader.subscribe(topic, qos=1)
    for _ in range(5):
        a.client("collar-7", client_id="collar-7/same", will=(topic, payload, 1, True))
    last = a.client("collar-7", client_id="collar-7/same")
    said = messages.availability(pet, True)
    assert last.publish(*said, qos=1, retain=True) in cluster.ACCEPTED
    for reader in readers:
        heard = [reader.message()]
        while heard[-1].payload != said[1]:
            heard.append(reader.message())
        assert [*heard, *drain(reader, 0.6)][-1].payload == said[1]
    for broker in pair.brokers:
        assert cluster.standing(broker, topic) == dict([said])


def test_a_will_of_a_broker_that_ends(new_cluster):
    """It is kept once, and the others hear of it by the database."""
    both = new_cluster().start()
    a, b = both.brokers
    pet = messages.unique("pet")
    will = messages.availability(pet, False)
    reader = b.client("backoffice")
    client = a.client("collar-7", will=(*will, 1, True, kept_by("b", "7", "0")))
    assert client.publish(*messages.availability(pet), qos=1, retain=True) in cluster.ACCEPTED
    reader.subscribe(will[0], qos=1)
    drain(reader)
    a.stop()
    assert reader.message().payload == will[1]
    a._start()
    both.wait_bridges()
    assert drain(reader) == []
    for broker in both.brokers:
        assert cluster.standing(broker, will[0]) == dict([will])
    assert both.rows("SELECT origin, will FROM events WHERE topic = ? ORDER BY seq", will[0]) == [
        ("a", 0), ("a", 1)]


def test_who_kept_it_is_not_forged_elsewhere(pair, new_broker, tmp_path):
    """A client of a site with a ledger of its own, which is bridged to here."""
    a = pair.broker("a")
    site = bridges.peer(new_broker, tmp_path / "site", bridges.NEAR_USER, lines=[
        "connection site", "address 127.0.0.1:%d" % a.plain, "remote_clientid site",
        "local_clientid site.local", "local_username " + bridges.NEAR_USER,
        "remote_username peer-b", "remote_password " + bridges.PASSWORD, "restart_timeout 1",
        "bridge_protocol_version mqttv50", "topic orders/# out 1"]).start()
    client = site.client("orders-service")
    for forged in (kept_by("b", "77", "9"), kept_by("b", "none", "0"), kept_by("nobody", "1", "1")):
        topic, payload = messages.order(messages.unique("ord"))
        assert client.publish(topic, payload, 1, properties=forged) in cluster.ACCEPTED
        harness.until(lambda: pair.rows("SELECT origin, publisher FROM events WHERE topic = ?",
                                        topic) == [("a", "peer-b")], "the event")
