"""
Addresses and ids as MQTT has them: empty levels, parts of levels, wildcards in an address, and any text
in the place of a parameter; with entities, retained messages, wills, and rights that ids decide.
"""

import json
import os
import subprocess

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED

CONTRACT = os.path.join(harness.TOP, "test", "data", "addresses", "addresses.asyncapi.json")
TOOL = os.path.join(harness.BUILD, "petstorectl")
IDS = ["aa:bb:cc", "10.0.0.1", "2.1", "a@b.c", "ü", "a b", "it's", 'say "x"', "%2F", "..", "{id}", "$x",
       "'; DROP TABLE things; --", "\\n", "日本", "x" * 64, "é" * 32]
ACCESS = {
    "roles": {
        "writer": {"scopes": ["things.write", "things.read"]},
        "part": {"scopes": ["things.read"], "where": {"thingId": ["aa:bb:*", "a b", "ü"]}},
        "owner": {"scopes": ["things.read:own", "things.write:own"]},
        "secret": {"scopes": ["secret.read"]},
    },
    "users": {
        "backoffice": {"roles": ["writer"]},
        "customer-a": {"roles": ["part"]},
        "customer-b": {"roles": ["owner"], "attributes": {"thingId": ["10.0.0.1", "a@b.c"]}},
        "monitor": {"roles": ["secret"]},
        "collar-7": {"roles": []},
    },
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    folder = tmp_path_factory.mktemp("addresses")
    access = folder / "access.json"
    access.write_text(json.dumps(ACCESS))
    broker = harness.Broker(folder / "run", template, contract=CONTRACT, access=str(access))
    broker.start()
    yield broker
    broker.stop()


def thing(thing_id, state="NEW", **more):
    return json.dumps({"id": thing_id, "state": state, **more})


def reasons(broker, client, topic, payload="{}", **options):
    """The code, and the lines of the log about a message that is refused."""
    before = broker.mark()
    code = client.publish(topic, payload, qos=1, **options)
    client.ping()
    return code, broker.log(before)


def got(broker, client):
    """What it was delivered of all that was published until now."""
    topic = "/plant//%s/" % messages.unique("end")
    assert client.subscribe(topic) == [2]
    broker.client("collar-7").publish(topic, "{}", 1)
    return client.until(topic)


def test_entities(broker):
    """Kept, delivered, retained, and steps are judged, whatever the id is."""
    backoffice, subscriber = broker.client("backoffice"), broker.client("backoffice")
    for thing_id in IDS:
        topic = "things/%s/status" % thing_id
        assert subscriber.subscribe(topic) == [2]
        for state in ("NEW", "DONE"):
            code = backoffice.publish(topic, thing(thing_id, state), 1, retain=True)
            assert code in (0, 0x10), thing_id
            assert json.loads(subscriber.message().payload) == {"id": thing_id, "state": state}
        code, log = reasons(broker, backoffice, topic, thing(thing_id, "NEW"))
        assert code == NOT_AUTHORIZED and "transition-illegal" in log
        code, log = reasons(broker, backoffice, topic, thing(thing_id + "x"))
        assert code == NOT_AUTHORIZED and "id-mismatch" in log
    broker.wait_rows([(len(IDS),)], "SELECT count(*) FROM things WHERE state = 'DONE' AND id IN (%s)"
                     % ", ".join("?" * len(IDS)), *IDS)
    late = broker.client("backoffice")
    assert late.subscribe("things/+/status") == [2]
    assert {each.topic for each in got(broker, late)} >= {"things/%s/status" % each for each in IDS}
    for thing_id in IDS:
        shown = subprocess.run([TOOL, "things", thing_id, "--database", broker.database.place,
                                "--contract", CONTRACT, "--json"],
                               capture_output=True, text=True, check=False)
        assert json.loads(shown.stdout)["id"] == thing_id, shown.stderr


def test_after_a_restart(broker):
    """The journal and the database have the ids as they are."""
    backoffice = broker.client("backoffice")
    for thing_id in IDS:
        backoffice.publish("things/r%s/status" % thing_id[:30], thing("r" + thing_id[:30]), 1)
    broker.restart()
    backoffice = broker.client("backoffice")
    for thing_id in IDS:
        topic, other = "things/r%s/status" % thing_id[:30], thing("r" + thing_id[:30], "DONE")
        assert backoffice.publish(topic, other, 1) in (0, 0x10), thing_id


def test_long_id(broker):
    """An entity's id has 64 bytes; in other places a level is as long as it likes."""
    backoffice = broker.client("backoffice")
    for thing_id in ("x" * 65, "é" * 33, "x" * 3000):
        topic = "things/%s/status" % thing_id
        code, log = reasons(broker, backoffice, topic, thing(thing_id))
        assert code == NOT_AUTHORIZED
        assert "topic-parameter" in log and "at most 64" in log
        assert backoffice.publish(topic, b"", 1, retain=True) == NOT_AUTHORIZED
        assert backoffice.subscribe(topic) == [2]
        assert broker.client("customer-b").subscribe(topic) == [NOT_AUTHORIZED]
    assert broker.client("collar-7").publish("numbers/" + "9" * 300, '{"n": "%s"}' % ("9" * 300),
                                             1) in (0, 0x10)


def test_rights(broker):
    """`where`, attributes and owners compare the whole id."""
    backoffice = broker.client("backoffice")
    part, own = broker.client("customer-a"), broker.client("customer-b")
    assert part.subscribe("things/aa:bb:1/status", "things/ü/status", "things/aa:b/status") == \
        [2, 2, NOT_AUTHORIZED]
    assert part.subscribe("things/+/status") == [2]
    assert own.subscribe("things/+/status") == [2]
    got(broker, part), got(broker, own)  # what is retained
    for thing_id, owner in (("aa:bb:7", "customer-b"), ("a b", None), ("a  b", None), ("a@b.c", None),
                            ("own ü", "customer-b"), ("10.0.0.1", None), ("ü", None)):
        payload = thing(thing_id, "DONE", **({"owner": owner} if owner else {}))
        if owner:
            backoffice.publish("things/%s/status" % thing_id, thing(thing_id, owner=owner), 1)
        backoffice.publish("things/%s/status" % thing_id, payload, 1)
    ids = {m.topic.split("/")[1] for m in got(broker, part)}
    assert ids == {"aa:bb:7", "a b", "ü"}
    ids = {m.topic.split("/")[1] for m in got(broker, own)}
    assert ids == {"aa:bb:7", "own ü", "a@b.c", "10.0.0.1"}


def test_parts(broker):
    """Parts of a level, the longer text first, enum and x-pattern of each."""
    client, reader = broker.client("backoffice"), broker.client("backoffice")
    assert reader.subscribe("dev-0f:1/+/in", "+/ü.7/in") == [2, 2]
    for topic in ("dev-0f:1/temp.1/in", "dev-a/ü.7/in"):
        assert client.publish(topic, "{}", 1) == 0
        assert reader.message().topic == topic
    for topic, reason in (("dev-0x/temp.1/in", "topic-parameter"), ("dev-0/heat.1/in", "topic-parameter"),
                          ("dev-0/t.x.1/in", "topic-parameter"), ("dev-/temp.1/in", "topic-unknown"),
                          ("dev-0/temp./in", "topic-unknown"), ("dev-0/.1/in", "topic-unknown")):
        code, log = reasons(broker, client, topic)
        assert code == NOT_AUTHORIZED and reason in log, (topic, log)
    # "dev-raw{id}" has the longer text: its topics are not those of "dev-{id}"
    assert client.publish("dev-raw/temp.1/in", "{}", 1) == NOT_AUTHORIZED
    assert client.publish("dev-raw7/temp.1/in", "{}", 1) in (0, 0x10)
    assert got(broker, reader) == []


def test_shared(broker):
    """A shared filter must not reach what its client may not read, parts and wildcards included."""
    client = broker.client("backoffice")
    assert client.subscribe("$share/g/dev-0f/temp.1/in") == [2]
    assert client.subscribe("$share/g/+/temp.1/in") == [NOT_AUTHORIZED]
    assert client.subscribe("$share/g/dev-rawf/+/in") == [NOT_AUTHORIZED]
    assert client.subscribe("$share/g/gates/+/in") == [NOT_AUTHORIZED]
    assert client.subscribe("$share/g/gates/7/in") == [2]
    assert client.subscribe("$share/g//plant/#") == [2]


def test_empty_levels(broker):
    client, reader = broker.client("collar-7"), broker.client("collar-7")
    assert reader.subscribe("/plant//+/") == [2]
    assert client.publish("/plant//l 1/", "{}", 1) == 0
    assert reader.message().topic == "/plant//l 1/"
    for topic in ("/plant//l", "plant//l/", "/plant/l/", "/plant///"):
        assert client.publish(topic, "{}", 1) == NOT_AUTHORIZED


def test_wildcards(broker):
    client, reader = broker.client("collar-7"), broker.client("collar-7")
    secret = broker.client("monitor")
    assert reader.subscribe("gates/#") == [2] and secret.subscribe("gates/log/#") == [2]
    for topic in ("gates/7/in", "gates//in", "gates/log", "gates/log/in", "gates/log/a/b/c"):
        assert client.publish(topic, "{}", 1) in (0, 0x10), topic
    assert client.publish("gates/7/out", "{}", 1) == NOT_AUTHORIZED
    assert [m.topic for m in got(broker, reader)] == ["gates/7/in", "gates//in"]
    assert [m.topic for m in got(broker, secret)] == ["gates/log", "gates/log/in",
                                                         "gates/log/a/b/c"]


def test_many_levels(broker):
    client, reader = broker.client("collar-7"), broker.client("collar-7")
    topic = "deep/1/2/3/4/5/6/7/8/9/10/k/l/m/n/o/p/q/r/s"
    assert reader.subscribe("deep/+/2/#") == [2]
    assert client.publish(topic, "{}", 1) == 0
    assert reader.message().topic == topic


def test_location(broker):
    """Numbers and booleans count as their JSON text; the whole payload may be the id."""
    client = broker.client("collar-7")
    for level, value, fits in (("7", 7, True), ("-7", -7, True), ("07", 7, False), ("7", "7", True),
                               ("21.5", 21.5, True), ("21.50", 21.5, False), ("true", True, True),
                               ("True", True, False), ("null", None, False), ("0.1", 0.1, True),
                               ("9007199254740993", 9007199254740993, True), ("[]", [], False),
                               ("18446744073709551615", 18446744073709551615, True)):
        code, log = reasons(broker, client, "numbers/" + level, json.dumps({"n": value}))
        assert (code in (0, 0x10)) == fits, (level, value)
        assert fits or "id-mismatch" in log
    assert client.publish("numbers/7", "{}", 1) == NOT_AUTHORIZED
    assert client.publish("wholes/7", "7", 1) in (0, 0x10)
    assert client.publish("wholes/a b", '"a b"', 1) in (0, 0x10)
    assert client.publish("wholes/7", "8", 1) == NOT_AUTHORIZED


def test_nearest(broker):
    client = broker.client("backoffice")
    for topic, nearest in (("thing/7/status", "things/{thingId}/status"), ("gates/7", "gates/+/in"),
                           ("numbers", "numbers/{n}")):
        _, log = reasons(broker, client, topic)
        assert "topic-unknown" in log and "the nearest is " + nearest in log, log
    _, log = reasons(broker, client, "quite/another/one")
    assert "topic-unknown" in log and "nearest" not in log


def test_nearest_that_may_be_seen(broker):
    """An address is told to nobody who may neither publish nor read there, as in the command contract."""
    topics = ("thing/7/status", "things/7", "things/7/status/more", "dev-7/x.1", "dev-raw7/x.1")
    for user, told in (("collar-7", [None, None, None, None, "dev-raw{id}/{kind}.{n}/in"]),
                       ("customer-b", ["things/{thingId}/status"] * 3 + ["dev-{id}/{kind}.{n}/in", "dev-raw{id}/{kind}.{n}/in"])):
        client = broker.client(user)
        for topic, address in zip(topics, told):
            _, log = reasons(broker, client, topic)
            assert "topic-unknown" in log, log
            if address:
                assert "the nearest is " + address in log, (user, topic, log)
            else:
                assert "nearest" not in log, (user, topic, log)


def test_own(broker):
    """x-own in a part of a level; the scope alone lets others read it."""
    reader, other = broker.client("customer-a"), broker.client("customer-b")
    assert reader.subscribe("boxes/to-customer-a/in") == [2]
    assert other.subscribe("boxes/to-customer-a/in") == [NOT_AUTHORIZED]
    assert other.subscribe("boxes/+/in") == [2]
    assert broker.client("collar-7").publish("boxes/to-customer-a/in", "{}", 1) in (0, 0x10)
    assert reader.message().topic == "boxes/to-customer-a/in"
    assert got(broker, other) == []


def test_will(broker):
    """A last will about an entity with such an id is committed as any."""
    will = ("things/will:1.2 ü/status", thing("will:1.2 ü"), 1, False)
    client = broker.client("backoffice", will=will)
    client.stream.close()
    broker.wait_rows([("will:1.2 ü", "NEW")], "SELECT id, state FROM things WHERE id LIKE 'will%'")


def test_control_characters(broker):
    """Where the broker lets them through they are escaped: no line is broken, no terminal steered."""
    client = broker.client("backoffice")
    before = broker.mark()
    for char in "\x1b", "\x7f", "\u0085", "\u202e", "\u200b":
        try:
            client.publish("things/a%sb/statu" % char, "{}", 1)
            client.publish("things/a%sb/status" % char, thing("a%sb" % char), 1)
        except Exception:  # the broker closes the connection over what is not MQTT's UTF-8
            client = broker.client("backoffice")
    log = broker.log(before)
    assert not set(log) & set("\x1b\x7f\u0085\u202e\u200b")
    for command in (["list", "events", "--contract", CONTRACT], ["refusals"]):
        shown = subprocess.run([TOOL, *command, "--database", broker.database.place],
                               capture_output=True, check=False)
        assert not set(shown.stdout.decode()) & set("\x1b\x7f\u0085\u202e\u200b")


def test_petstorectl(broker):
    """explain judges such topics as the broker does."""
    files = ["--contract", CONTRACT, "--access", broker.path("access.json")]
    for thing_id in IDS:
        shown = subprocess.run([TOOL, "explain", "publish", "--user", "backoffice", *files,
                                "things/%s/status" % thing_id, thing(thing_id)],
                               capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stdout + shown.stderr
