"""
What can't be kept is not acknowledged to who would take that for "kept": the connection is closed,
its client sends again, and is not let in again at once.
"""

import contextlib
import json
import os
import re
import ssl
import time

import paho.mqtt.client as mqtt
import pytest

import engines
import harness
import messages
import paho_shim
import rawmqtt
import test_scram
import watched
from test_store_trouble import BEGUN, ENDED, locked, unrecorded

TAKEN = (0, 0x10)
UNSPECIFIED, BUSY = 0x80, 0x89
COSTLY = {"pattern": "(?:(?=(a+))a)*[bc]"}  # of a long text it is not known in time


def answer(client, message, qos, **options):
    """The code of the acknowledgement, None for none, or ("closed", DISCONNECT's code)."""
    try:
        code = client.publish(*message, qos=qos, **options)
        client.ping()
        return code if qos else None
    except rawmqtt.Closed as closed:
        return "closed", closed.reason
    except ssl.SSLError:  # 2.1.2 ends a websocket with a frame that it does not encrypt
        return "closed", None


def expected(version, qos):
    """Of a client whose message can't be kept."""
    if qos == 0:
        return None
    if version == 5:
        return 0x97 if harness.IS_2_1 else ("closed", UNSPECIFIED)
    return "closed", None


def with_costly_stock(broker):
    with open(os.path.join(broker.schemas, "inventory-stock.schema.json")) as file:
        schema = json.load(file)
    schema["properties"]["warehouse"] = {"not": COSTLY}
    with open(os.path.join(broker.schemas, "inventory-stock.schema.json"), "w") as file:
        json.dump(schema, file)


def costly_stock():
    return messages.stock(messages.unique("shelf"), warehouse="a" * 9000)


def put_scram(broker):
    test_scram.put_keys(broker, "orders-service", "ruler")
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder))


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("closed") / "run", template)
    unrecorded(broker)
    watched.change(broker, lambda contract: contract["channels"]["petAvailability"].update(
        {"x-record": False}))
    with_costly_stock(broker)
    put_scram(broker)
    with harness.running(broker):
        yield broker


@contextlib.contextmanager
def in_trouble(broker):
    """The database is locked, and the broker has noticed."""
    if not engines.IS_SQLITE:
        pytest.skip("SQLite's own: a server may be away, and the journal takes what comes")
    before = broker.mark()
    with locked(broker):
        filler = broker.client("orders-service")
        filler.publish_nowait(*messages.order(messages.unique("fill")), 1, 1)
        broker.wait_log(BEGUN, before)
        yield
    broker.wait_log(ENDED, before)


@pytest.fixture(scope="module")
def trouble(broker):
    with in_trouble(broker):
        yield


def comes(broker, user, version, client_id, **options):
    """
    What CONNECT is answered with: the client, let in; or CONNACK's code, or None where the
    connection is closed without one.
    """
    try:
        password = options.pop("password") if "password" in options else broker.password(user)
        client = broker.try_client(user, password, version, client_id=client_id, **options)
    except (rawmqtt.Closed, ConnectionError):
        return None
    return client if client.code == 0 else client.code


def comes_back(broker, user, version, client_id, **options):
    """When its time is over."""
    return harness.until(lambda: (lambda it: it if isinstance(it, rawmqtt.RawClient) else None)(
        comes(broker, user, version, client_id, **options)), "the end of a hold-off", 120)


# ---- who is closed ----


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_could_not_be_checked(broker, version, qos):
    """Above all that has the database locked: it looks into it."""
    client = broker.client("backoffice", version)
    message = costly_stock()
    assert answer(client, message, qos) == expected(version, qos)
    broker.wait_rows([("schema-limit", isinstance(expected(version, qos), tuple))],
                     "SELECT reason, closed FROM refusals WHERE topic = ?", message[0])


@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_cannot_be_kept(broker, trouble, transport, version, qos):
    if transport != "tcp" and version == 3:
        pytest.skip("as MQTT 3.1.1")
    user = "payments-service" if qos == 2 else "orders-service"
    message = (messages.payment if qos == 2 else messages.order)(messages.unique("x"))
    if qos == 0:
        user, message = "backoffice", messages.pet_status(messages.unique("pet"))
    client = broker.client(user, version, transport)
    before = broker.mark()
    assert answer(client, message, qos) == expected(version, qos)
    broker.wait_log(re.escape(message[0]), before)
    is_closed = isinstance(expected(version, qos), tuple)
    assert ("], disconnected unacknowledged" in broker.log(before)) == is_closed
    assert [each[3] for each in broker.refusals(before)] == ["store-unavailable"]


@pytest.mark.parametrize("version", [4, 5])
def test_what_is_its_own_fault(broker, trouble, version):
    """Acknowledged: it would be refused for ever."""
    client = broker.client("orders-service", version)
    for message in [messages.order(messages.unique("ord"), "LOST"), messages.stock("x"),
                    ("weather/today", b"{}")]:
        assert answer(client, message, 1) == (0x87 if version == 5 else 0)


def test_too_fast_is_acknowledged(new_broker):
    """Whoever is too fast would send all of it again, and can be slower by itself."""
    broker = new_broker()
    limit = {"messagesPerSecond": 1, "burst": 1}
    watched.change(broker, lambda contract: contract["channels"]["inventoryStock"].update(
        {"x-limits": limit}))
    broker.start()
    client = broker.client("inventory-service", 4)
    before = broker.mark()
    for _ in range(3):
        assert answer(client, messages.stock(messages.unique("shelf")), 1) == 0
    assert "rate-exceeded" in [each[3] for each in broker.refusals(before)]
    assert "unacknowledged" not in broker.log(before)


class Together:
    """A stream that sends in one piece what is written to it."""

    def __init__(self):
        self.data = b""

    def send(self, data):
        self.data += data


@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
def test_what_was_on_its_way_with_it(broker, trouble, transport):
    """
    All in one piece. What was answered before is; of what is behind it nothing, so that what is
    sent again comes in its order.
    """
    client = broker.client("orders-service", 4, transport)
    order = messages.unique("ord")
    stream, client.stream = client.stream, Together()
    for mid, message in enumerate([messages.order(order, "LOST"), messages.order(order, "PLACED"),
                                   messages.order(order, "APPROVED"), ("no/channel", b"{}")], 1):
        client.publish_nowait(*message, 1, mid)
    stream.send(client.stream.data)
    client.stream = stream
    with contextlib.suppress(ssl.SSLError):
        assert client.wait_closed() is None
    assert [mid for kind, mid in client.replies if kind == rawmqtt.PUBACK] == [b"\0\1"]


# ---- what is said of it ----


def test_it_is_told(broker, trouble):
    reader = broker.client("backoffice")
    assert reader.subscribe("refusals/#") == [2]
    client = broker.client("orders-service", 4)
    message = messages.order(messages.unique("ord"))
    assert answer(client, message, 1) == ("closed", None)
    notice = json.loads(reader.message().payload)
    assert (notice["topic"], notice["reason"], notice["closed"]) == (message[0],
                                                                     "store-unavailable", True)
    with open(os.path.join(harness.TOP, "schemas", "refusal.schema.json")) as file:
        assert set(notice) <= set(json.load(file)["properties"])


def test_its_last_will_is_sent(broker, trouble):
    reader = broker.client("backoffice")
    assert reader.subscribe("pets/#") == [2]
    will = messages.availability(messages.unique("pet"), False)
    client = broker.client("backoffice", 4, will=(*will, 1, False))
    assert answer(client, messages.pet_status(messages.unique("pet")), 1) == ("closed", None)
    assert reader.message()[:2] == will


def test_it_is_counted(broker, trouble):
    def count():
        response, = watched.ask(broker, {"command": "counters"})
        return int(response["data"]["closed"])

    before = count()
    assert answer(broker.client("orders-service", 4), messages.order(messages.unique("ord")),
                  1) == ("closed", None)
    assert count() > before


# ---- it comes back ----


@pytest.mark.parametrize("version, qos", [(4, 1), (4, 2)] + ([] if harness.IS_2_1 else [(5, 1)]))
def test_it_sends_again_and_that_is_kept_once(new_broker, version, qos):
    broker = new_broker()
    broker.without_power()
    broker.start()
    kept = {"clean": False, "expiry": 3600}
    user = "payments-service" if qos == 2 else "orders-service"
    make, table = (messages.payment, "payments") if qos == 2 else (messages.order, "orders")
    name, client_id = messages.unique("one"), messages.unique(user)
    client, before = broker.client(user, version, client_id=client_id, **kept), broker.mark()
    with in_trouble(broker):
        while client is not None:  # back in time, or so late that it is closed once more
            assert answer(client, make(name), qos, mid=7)[0] == "closed"
            client = comes(broker, user, version, client_id, **kept)
    broker.wait_log(r"refused connection of %s \(client %s, \S+\): held off for \d+ s: it was "
                    "closed over a publish" % (user, client_id), before)
    client = comes_back(broker, user, version, client_id, **kept)
    assert client.is_session_present
    assert answer(client, make(name), qos, mid=7, dup=True) in TAKEN
    broker.wait_rows([(1,)], "SELECT revision FROM %s WHERE id = ?" % table, name)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", make(name)[0])
    broker.wait_rows([("publish", "store-unavailable", 1), ("connect", "store-unavailable", 0)],
                     "SELECT DISTINCT action, reason, closed FROM refusals WHERE client_id = ? "
                     "ORDER BY seq", client_id)


def test_a_library_loses_nothing(new_broker):
    """
    paho, as a program uses it: publishes while nothing can be kept, and looks at no code. (Without
    TLS: the thread of paho 1.6 ends by an exception when a TLS connection ends while it writes.)
    """
    broker = new_broker()
    broker.without_power()
    broker.start()
    order, pay = messages.unique("ord"), messages.unique("pay")
    work = {"orders-service": (1, [messages.order(order, status) for status in
                                   ("PLACED", "APPROVED", "SHIPPED", "DELIVERED")]),
            "payments-service": (2, [messages.payment(pay, order, status) for status in
                                     ("PENDING", "PROCESSING", "SUCCEEDED")])}
    running, kept, sent = [], set(), set()
    for user in work:
        client = paho_shim.new(user, protocol=mqtt.MQTTv311, clean_session=False)
        client.username_pw_set(user, broker.password(user))
        client.reconnect_delay_set(1, 1)
        client.on_publish = lambda client, _userdata, mid: kept.add((client, mid))
        running.append(paho_shim.Publisher(client, broker.plain))
    with in_trouble(broker):
        # One that it can't send at once, as it was closed over another, it sends when it is back.
        for each, (qos, steps) in zip(running, work.values()):
            sent.update((each.client, each.client.publish(*message, qos).mid) for message in steps)
        harness.until(lambda: len(re.findall("disconnected unacknowledged", broker.log())) > 3,
                      "both to be closed")
    harness.until(lambda: kept == sent, "all to be kept", 120)
    for each in running:
        each.stop()
    for _, steps in work.values():
        broker.wait_rows([(payload.decode(),) for _, payload in steps],
                         "SELECT payload FROM events WHERE topic = ? ORDER BY seq", steps[0][0])


def accepted_at_most(seconds):
    """Connections of a client that is closed again and again, in so long."""
    count, at, wait = 1, 0, 1
    while at + wait <= seconds:
        count, at, wait = count + 1, at + wait, min(2 * wait, 30)
    return count


def test_a_storm_is_bounded(broker, trouble):
    """It comes back at once, each time, for four seconds, and until that was too soon."""
    client_id, accepted, tried = messages.unique("storm"), 0, 0
    began = time.monotonic()
    while time.monotonic() - began < 4 or tried == accepted:
        tried += 1
        client = comes(broker, "orders-service", 4, client_id)
        if client is None:
            continue
        accepted += 1
        assert isinstance(client, rawmqtt.RawClient), "CONNACK %s" % client
        assert answer(client, messages.order(messages.unique("ord")), 1) == ("closed", None)
    assert accepted <= accepted_at_most(time.monotonic() - began)
    assert tried > accepted
    # It is no failed login: neither is its address locked, nor does it look like an attack.
    broker.client("orders-service")
    assert broker.rows("SELECT count(*) FROM alerts") == [(0,)]


def while_held_off(come, message, check):
    """
    Has a client closed over @message and calls @check(). Once more, since it is held off for twice as
    long then, where @check() found it otherwise after that time: a busy machine took longer.
    @come: what CONNECT is answered with.
    """
    for seconds in (1, 2, 4, 8, 16, 30, 30):
        client = harness.until(lambda: (lambda it: it if isinstance(it, rawmqtt.RawClient) else None)(come()),
                               "the end of a hold-off", 120)
        began = time.monotonic()
        assert answer(client, message(), 1) == ("closed", None)
        try:
            return check()
        except (AssertionError, pytest.fail.Exception):
            if time.monotonic() < began + seconds:
                raise
    raise AssertionError("too slow for each hold-off")


def new_order():
    return messages.order(messages.unique("ord"))


def test_held_off(broker, trouble):
    user, client_id, stranger = "orders-service", messages.unique("closed"), messages.unique("stranger")

    def check():
        # It does not read as a bad password.
        assert comes(broker, user, 5, client_id) == (BUSY if harness.IS_2_1 else None)
        assert comes(broker, user, 4, client_id) is None
        assert comes(broker, user, 3, client_id) is None
        # A wrong one is answered as ever, and holds off nobody.
        for name in (client_id, stranger):
            assert comes(broker, user, 4, name, password="guess") == 5
            assert comes(broker, user, 5, name, password="guess") == 0x87
        # Others are let in: of the same user, and under the same id.
        assert isinstance(comes(broker, user, 4, stranger), rawmqtt.RawClient)
        assert isinstance(comes(broker, "backoffice", 4, client_id), rawmqtt.RawClient)
        assert comes(broker, user, 4, client_id) is None

    while_held_off(lambda: comes(broker, user, 4, client_id), new_order, check)


def test_by_scram(broker, trouble):
    user, client_id = "orders-service", messages.unique("closed")

    def check():
        with pytest.raises(rawmqtt.Closed) as error:
            test_scram.come(broker, test_scram.Scram(user, "ruler"), client_id=client_id)
        assert error.value.reason is None
        assert test_scram.come(broker, test_scram.Scram(user, "wrong"),
                               client_id=client_id).code == 0x87
        assert test_scram.come(broker, test_scram.Scram(user, "ruler")).code == 0

    while_held_off(lambda: comes(broker, user, 4, client_id), new_order, check)


def test_by_certificate(broker, trouble):
    shown = broker.path("clients/collar-7.crt"), broker.path("clients/collar-7.key")
    client_id = messages.unique("collar-7")

    def come(name=client_id):
        return comes(broker, None, 4, name, password=None, transport="mtls", certificate=shown)

    def check():
        assert come() is None
        assert isinstance(come(messages.unique("collar-7")), rawmqtt.RawClient)

    while_held_off(come, lambda: messages.pet_status("collar-7"), check)
