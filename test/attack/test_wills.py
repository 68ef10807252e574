"""
A last will is its principal's as that was proved at CONNECT, whatever ended the connection; and
what a session has subscribed to stays its own until it is back.
"""
import contextlib
import json
import signal
import ssl
import struct
import time

import pytest

import harness
import messages
import rawmqtt
import watched
from proofs import CN, Key, certificate, token


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    return Key(str(tmp_path_factory.mktemp("issuer")), "ES256")


@pytest.fixture
def broker(new_broker, issuer):
    broker = new_broker()
    broker.configure = configured(broker, issuer)
    return broker.start()


def configured(broker, issuer):
    """An issuer of tokens, for devices."""
    configure = broker.configure

    def change():
        configure()
        with open(broker.path("keys.json"), "w") as file:
            json.dump({"keys": [issuer.jwk()]}, file)

        def add(access):
            access["issuers"] = [{"issuer": "https://id.example", "audience": "petstore",
                                  "algorithms": ["ES256"], "keys": "keys.json",
                                  "principal": "{sub}", "clockSkew": 0,
                                  "scopes": ["write:pets", "read:*"]}]
            access.pop("clientIds", None)

        edit(broker, add)

    return change


def edit(broker, change):
    with open(broker.path("access.json")) as file:
        access = json.load(file)
    change(access)
    with open(broker.path("access.json"), "w") as file:
        json.dump(access, file)


LIVES = (2, 6, 20, 60)  # seconds: a slow machine comes too late with what is over soon


def token_of(issuer, seconds):
    now = int(time.time())
    return token(issuer, {"iss": "https://id.example", "aud": "petstore", "sub": "collar-77", "iat": now,
                          "exp": now + seconds, "scope": "write:pets read:pets read:inventory"})


def by_token(broker, issuer, client_id, lives=LIVES, **options):
    for seconds in lives:
        client = broker.try_client("collar-77", token_of(issuer, seconds), client_id=client_id, **options)
        if client.code == 0:
            return client
    raise AssertionError("no token gets in")


def will_of(pet):
    return messages.pet_status(pet, "NOT_AVAILABLE")


def watch(broker):
    watcher = broker.client("backoffice")
    assert watcher.subscribe("#") == [2]
    return watcher


def assert_ended(broker, mark, what):
    broker.wait_log("the %s has expired: disconnected" % what, mark)


def assert_kept(broker, watcher, pet):
    topic, payload = will_of(pet)
    assert (topic, payload) in [(each.topic, each.payload) for each in broker.barrier(watcher)]
    broker.wait_rows([("NOT_AVAILABLE",)], "SELECT status FROM pets WHERE id = ?", pet)


@pytest.mark.parametrize("expiry", [0, 100])
def test_a_token_ends(broker, issuer, expiry):
    watcher, pet = watch(broker), messages.unique("pet")
    client = by_token(broker, issuer, "device", expiry=expiry, will=will_of(pet) + (1, True))
    client.wait_closed()
    assert_kept(broker, watcher, pet)


def test_a_certificate_ends(broker):
    """So does the session that it proved, with its will and its subscriptions."""
    watcher, pet, mark = watch(broker), messages.unique("pet"), broker.mark()

    def come(seconds):
        files = certificate(broker.folder, [(CN, "collar-88")], days=(-1, seconds / 86400))
        with contextlib.suppress(ssl.SSLError, ConnectionError, rawmqtt.Closed):
            client = broker.try_client(None, None, transport="mtls", certificate=files, client_id="brief",
                                       expiry=100, will=will_of(pet) + (1, False))
            return client if client.code == 0 else None
        return None

    client = next(filter(None, map(come, (3, 10, 40))))
    client.wait_closed()
    assert_ended(broker, mark, "certificate of collar-88")
    assert_kept(broker, watcher, pet)


@pytest.mark.parametrize("version", [4, 5])
def test_what_a_session_has_outlives_its_token(broker, issuer, version):
    client = by_token(broker, issuer, "device", version=version, clean=False,
                      expiry=100 if version == 5 else 0)
    assert client.subscribe("pets/#", "inventory/#") == [2, 2]
    client.wait_closed()
    topic, payload = messages.stock(messages.unique("product"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    client = by_token(broker, issuer, "device", (600,), version=version, clean=False,
                      expiry=100 if version == 5 else 0)
    assert client.is_session_present
    assert client.message().topic == topic
    topic, payload = messages.stock(messages.unique("product"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    assert client.message().topic == topic


def with_delay(broker, user, password, will, delay, expiry, client_id):
    """A connection with a delayed will, which MQTT 5 alone has, and which the broker has seen end. CONNACK's code."""
    topic, payload = will
    body = rawmqtt.field("MQTT") + bytes([5, 0xC0 | 0x02 | 0x04 | 1 << 3]) + b"\0\x3c"
    properties = struct.pack("!BI", 0x11, expiry)
    body += rawmqtt.length(len(properties)) + properties + rawmqtt.field(client_id)
    properties = struct.pack("!BI", 0x18, delay)
    body += rawmqtt.length(len(properties)) + properties + rawmqtt.field(topic)
    body += rawmqtt.field(payload) + rawmqtt.field(user) + rawmqtt.field(password)
    before = broker._log_size()
    stream = rawmqtt.open_stream("tcp", broker.plain)
    stream.send(bytes([0x10]) + rawmqtt.length(len(body)) + body)
    code = stream.receive(time.monotonic() + rawmqtt.WAIT)[3]
    stream.close()
    if code == 0:
        broker.wait_log(r"Client %s\b.* (?:closed its connection|disconnected)" % client_id, before)
    return code


def test_a_token_ends_while_the_will_is_delayed(broker, issuer):
    watcher, pet = watch(broker), messages.unique("pet")
    assert any(with_delay(broker, "collar-77", token_of(issuer, seconds), will_of(pet), seconds + 2, 100,
                          "device") == 0 for seconds in LIVES)
    watcher.until(will_of(pet)[0])
    broker.wait_rows([("NOT_AVAILABLE",)], "SELECT status FROM pets WHERE id = ?", pet)


@pytest.mark.parametrize("version", [4, 5])
def test_a_takeover(broker, version):
    watcher, pet = watch(broker), messages.unique("pet")
    client = broker.client("backoffice", version, client_id="taken",
                           will=will_of(pet) + (1, False))
    broker.client("backoffice", version, client_id="taken")
    client.wait_closed()
    assert_kept(broker, watcher, pet)


def disable(access):
    access["users"]["backoffice"]["disabled"] = True


def take_scope(access):
    access["users"]["backoffice"]["roles"] = ["monitor"]


@pytest.mark.parametrize("change", [disable, take_scope])
@pytest.mark.parametrize("is_sighup", [True, False])
def test_a_right_that_was_taken_away(broker, change, is_sighup):
    """While the client is away and its will is delayed, by either kind of reload."""
    watcher, pet = broker.client("monitor"), messages.unique("pet")
    assert watcher.subscribe("pets/#") == [2]
    admin = broker.client("backoffice")
    edit(broker, change)
    mark = broker.mark()
    # All that takes a while is done before.
    assert with_delay(broker, "backoffice", broker.password("backoffice"), will_of(pet), 4, 100, "gone") == 0
    if is_sighup:
        broker.process.send_signal(signal.SIGHUP)
    else:
        admin.publish("$CONTROL/petstore/v1", '{"commands":[{"command":"reload"}]}', qos=1)
    broker.wait_log("reloaded contract|reload failed", mark)
    broker.wait_log("refused will " + will_of(pet)[0], mark)
    watcher.ping()
    assert [each for each in watcher.inbox if each.topic == will_of(pet)[0]] == []
    assert broker.rows("SELECT count(*) FROM pets WHERE id = ?", pet) == [(0,)]


@pytest.mark.parametrize("is_away", [True, False])
def test_a_ban(new_broker, is_away):
    """Of a client that is banned while its will is delayed, or for which the ban ends it."""
    broker, pet = new_broker(), messages.unique("pet")
    watched.watch(broker, {"refusal-streak": {"threshold": 3, "response": "ban",
                                              "seconds": 600}})
    broker.start()
    watcher = broker.client("monitor")
    assert watcher.subscribe("pets/#") == [2]
    mark = broker.mark()
    client = broker.client("backoffice", will=None if is_away else will_of(pet) + (1, False))
    for number in range(3):
        if is_away and number == 2:
            assert with_delay(broker, "backoffice", broker.password("backoffice"), will_of(pet), 4, 100,
                              "gone") == 0
        client.publish("weather/today", b"{}", qos=1)
    client.wait_closed()
    broker.wait_log("refused will %s .*is banned" % will_of(pet)[0], mark)
    watcher.ping()
    assert [each for each in watcher.inbox if each.topic == will_of(pet)[0]] == []
    assert broker.rows("SELECT count(*) FROM pets WHERE id = ?", pet) == [(0,)]


@pytest.mark.parametrize("is_forbidden", [True, False])
def test_the_broker_ends(broker, is_forbidden):
    """A broker that stops publishes the wills of all who are connected."""
    pet, order = messages.unique("pet"), messages.unique("ord")
    will = messages.order(order) if is_forbidden else will_of(pet)
    client = broker.client("backoffice", will=will + (1, True))  # stays there until the end
    assert broker.stop() == 0
    client.wait_closed()
    assert bool(broker.rows("SELECT count(*) FROM orders WHERE id = ?", order)[0][0]) is False
    kept = broker.rows("SELECT status FROM pets WHERE id = ?", pet)
    assert kept == ([] if is_forbidden else [("NOT_AVAILABLE",)])


@pytest.mark.skipif(harness.VERSION > [2, 0, 11], reason="its flag is not to be seen")
def test_a_forbidden_will_of_a_broker_that_ends_is_not_retained(broker):
    """Where the broker lets us see that it ends, as Debian 12's does."""
    order = messages.unique("ord")
    client = broker.client("backoffice", will=messages.order(order) + (1, True))
    mark = broker.mark()
    broker.stop()
    client.wait_closed()
    assert "refused will orders/%s" % order in broker.log(mark)
