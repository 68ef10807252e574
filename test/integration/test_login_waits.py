"""
A login's key derivation is nobody else's business, with plugin_opt_delayed_logins.

"slow" is a user whose password takes a second and more to check; so does any wrong password,
whoever it is for. "quick" is one whose password takes some milliseconds.
"""

import json
import os
import subprocess

import pytest

import harness
import messages
import rawmqtt
from rawmqtt import NOT_AUTHORIZED
from test_certificate import shipped_access

SLOW, QUICK = 800000, 20000
PLACES = 64  # of logins that wait at a time
OF_ADDRESS = 16  # of one address
THREADS = 2  # that check them
ENOUGH = 20  # publishes that tell that the broker did not stand still
LONG = 120  # seconds that many derivations may take on a busy machine
SERVER_BUSY = 0x89


pytestmark = pytest.mark.skipif(not harness.can_wait(),
                                reason="needs a Mosquitto newer than 2.1.2")


def put_password(path, user, iterations, password="secret"):
    subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "--iterations",
                    str(iterations), "set", path, user],
                   input=password + "\n", text=True, check=True, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def passwords(tmp_path_factory):
    """The lines of all of them, which take a while to make."""
    path = str(tmp_path_factory.mktemp("waits") / "passwords")
    for user in ("slow", "slow-2"):
        put_password(path, user, SLOW)
    put_password(path, "quick", QUICK)
    with open(path) as file:
        return file.read()


@pytest.fixture
def broker(tmp_path, template, passwords):
    access = shipped_access()
    for user in ("slow", "slow-2", "quick"):
        access["users"][user] = {"roles": ["backoffice"]}
    path = str(tmp_path / "access.json")
    with open(path, "w") as file:
        json.dump(access, file)
    broker = harness.Broker(tmp_path / "run", template, access=path)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_lockout 1", "plugin_opt_lockout 0\nplugin_opt_delayed_logins 1"))
    with open(broker.path("passwords"), "a") as file:
        file.write(passwords)
    broker.start()
    yield broker
    if broker.process:
        broker.assert_alive()
        assert broker.stop() == 0


def begin(broker, user, password="secret", client_id=None, **options):
    """A client whose login is on its way."""
    return broker.try_client(user, password, client_id=client_id or messages.unique(user),
                             is_patient=False, **options)


def pass_by(broker):
    """Whatever was sent before has been read by the broker: someone came later and is in."""
    client = begin(broker, "quick")
    assert client.finish(LONG) == 0
    return client


def served_meanwhile(publisher, waiting, enough=ENOUGH):
    """Publishes that were acknowledged while @waiting was not answered, up to @enough."""
    count = 0
    while count < enough and not waiting.is_answered():
        assert publisher.publish(*messages.stock("shelf", count), qos=1) in (0, 0x10)
        count += not waiting.is_answered()
    return count


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("password, code", [("secret", 0), ("wrong", None)])
def test_others_are_served(broker, version, password, code):
    publisher = broker.client("inventory-service")
    before = broker.mark()
    waiting = begin(broker, "slow", password, version=version)
    assert served_meanwhile(publisher, waiting) == ENOUGH
    refused = {4: 5, 5: NOT_AUTHORIZED}[version]
    assert waiting.finish(LONG) == (refused if code is None else code)
    if code == 0:
        waiting.ping()
        assert waiting.publish(*messages.order(messages.unique("ord")), qos=1) in (0, 0x10)
    else:
        waiting.wait_closed()
        assert broker.log(before).count("unknown user or wrong password") == 1
    # What is known needs no derivation and does not wait.
    if code == 0:
        again = begin(broker, "slow", version=version)
        assert again.finish() == 0


def test_unknown_user(broker):
    publisher = broker.client("inventory-service")
    waiting = begin(broker, "nobody-known")
    assert served_meanwhile(publisher, waiting) == ENOUGH
    assert waiting.finish(LONG) == NOT_AUTHORIZED


def test_newcomer_with_the_same_id(broker):
    """
    The answer to one who went away is not the answer to who comes under his id, whichever of
    the two has the right password.
    """
    for first, second in (("secret", "wrong"), ("wrong", "secret")):
        gone = begin(broker, "slow", first, client_id="same")
        pass_by(broker)
        gone.drop()
        pass_by(broker)
        other = begin(broker, "slow-2", second, client_id="same")
        assert other.finish(LONG) == (0 if second == "secret" else NOT_AUTHORIZED)
        if second == "secret":
            other.ping()
            other.disconnect()


def test_second_connect_while_the_first_waits(broker):
    """The broker closes the second; the first has its answer."""
    first = begin(broker, "slow", client_id="same")
    pass_by(broker)
    with pytest.raises((rawmqtt.Closed, ConnectionError)):
        begin(broker, "slow", client_id="same").finish(LONG)
    assert first.finish(LONG) == 0
    first.ping()


def test_newcomer_in_the_same_place(broker):
    """
    The broker frees a client that goes while it waits, and its memory is the next one's: who
    comes there must not be taken for whoever left.
    """
    begin(broker, "customer-a", broker.password("customer-a")).finish(LONG)
    pass_by(broker)
    for user in ("slow", "slow-2"):
        gone = begin(broker, user, client_id=messages.unique("gone"))
        pass_by(broker)
        gone.drop()
        pass_by(broker)
        others = [broker.client("customer-a") for _ in range(3)]
        # The check of one that came later is over, on the other thread; so is the first.
        for _ in range(THREADS):
            assert begin(broker, "slow-2", "wrong").finish(LONG) == NOT_AUTHORIZED
        before = broker.mark()
        for other in others:
            assert other.publish(*messages.stock("x"), qos=1) == NOT_AUTHORIZED
        assert [each[1] for each in broker.refusals(before)] == ["customer-a"] * len(others)


def test_many_at_once(broker):
    """All have their answers, and what has no place is told so at once."""
    publisher = broker.client("inventory-service")
    blocking = [begin(broker, "slow", "wrong") for _ in range(THREADS)]
    waiting = [begin(broker, "quick", source="127.0.0.%d" % (2 + number // OF_ADDRESS))
               for number in range(PLACES - THREADS)]
    before = broker.mark()
    assert begin(broker, "customer-a", broker.password("customer-a")).finish() == SERVER_BUSY
    assert begin(broker, "customer-a", broker.password("customer-a"), version=4).finish() == 5
    broker.wait_log("refused connection of customer-a .*too many logins wait", before)
    assert served_meanwhile(publisher, blocking[0]) == ENOUGH
    assert [client.finish(LONG) for client in waiting] == [0] * len(waiting)
    assert [client.finish(LONG) for client in blocking] == [NOT_AUTHORIZED] * THREADS
    for client in waiting:
        client.ping()
    assert broker.client("customer-a").code == 0


def test_reload_while_waiting(broker):
    """Who waits goes on waiting, and is judged by the rules that are in force at the end."""
    broker.client("backoffice")  # whose password the reload's own login asks for
    blocking = [begin(broker, "slow", "wrong") for _ in range(THREADS)]
    staying = begin(broker, "slow")
    changed = begin(broker, "slow-2")
    unknown = begin(broker, "nobody-known", "wrong")
    put_password(broker.path("passwords"), "slow-2", QUICK, "another")
    assert "reloaded" in broker.reload()
    assert staying.finish(LONG) == 0
    for client in blocking + [changed, unknown]:
        assert client.finish(LONG) == NOT_AUTHORIZED
    staying.ping()
    assert begin(broker, "slow-2", "another").finish(LONG) == 0


def test_disabled_while_waiting(broker):
    broker.client("backoffice")
    blocking = [begin(broker, "slow", "wrong") for _ in range(THREADS)]
    waiting = begin(broker, "slow")
    with open(broker.path("access.json")) as file:
        access = json.load(file)
    access["users"]["slow"]["disabled"] = True
    with open(broker.path("access.json"), "w") as file:
        json.dump(access, file)
    assert "reloaded" in broker.reload()
    for client in blocking + [waiting]:
        assert client.finish(LONG) == NOT_AUTHORIZED
    broker.wait_log("refused connection of slow .*slow is disabled")


@pytest.mark.parametrize("count", [1, 20])
def test_shutdown_while_waiting(broker, count):
    pass_by(broker)
    waiting = [begin(broker, "slow", "wrong") for _ in range(count)]
    pass_by(broker)
    assert broker.stop() == 0
    with pytest.raises((rawmqtt.Closed, ConnectionError)):
        waiting[0].finish(LONG)


def test_takeover(broker):
    """The old client is served as the living one it is, until the new one is let in."""
    watcher = broker.client("monitor")
    watcher.subscribe("#")
    will = messages.availability("rex", False)
    old = begin(broker, "quick", client_id="same", will=will + (1, False))
    assert old.finish(LONG) == 0
    new = begin(broker, "slow", client_id="same")
    assert served_meanwhile(old, new) == ENOUGH
    assert new.finish(LONG) == 0
    old.wait_closed()
    watcher.until(will[0])
    assert new.publish(*messages.stock("x"), qos=1) in (0, 0x10)


def test_queued_messages(broker):
    """What waits for a session goes out with CONNACK: its owner has to be known by then."""
    options = dict(client_id="away", clean=False, expiry=1000)
    away = broker.client("customer-a", **options)
    away.subscribe("orders/#", "inventory/#", qos=1)
    away.disconnect()
    broker.restart()
    service = broker.client("orders-service")
    mine, other = messages.unique("ord"), messages.unique("ord")
    for order, owner in ((other, "customer-b"), (mine, "customer-a")):
        topic, payload = messages.order(order, userId=owner)
        assert service.publish(topic, payload, qos=1) == 0
    back = begin(broker, "customer-a", broker.password("customer-a"), **options)
    assert back.finish(LONG) == 0 and back.is_session_present
    assert [message.topic for message in broker.barrier(back)] == ["orders/%s/status" % mine]
