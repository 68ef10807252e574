"""
A reload makes the broker ask for its sessions again: nobody comes in between as one of them.
On Mosquitto 2.0 newcomers over websockets are served between the reload and the next tick.
"""
import concurrent.futures
import signal
import time

import pytest

import harness
import messages
import rawmqtt
from test_scram import Scram, put_keys

ROUNDS = 4
SOCKETS = 20
VICTIMS = 16


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("window") / "run", template)
    for user in ("customer-a", "backoffice"):
        put_keys(broker, user, "keys of " + user)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder))
    # What is tried here is no guessing, which would be held off.
    broker.edits.append(lambda text: text.replace(
        "\nplugin_opt_contract", "\nplugin_opt_lockout 0\nplugin_opt_contract", 1))
    with harness.running(broker):
        yield broker


def by_scram(broker, user, **options):
    proof = Scram(user, "keys of " + user)
    return rawmqtt.RawClient(rawmqtt.open_stream("tcp", broker.plain), 5, messages.unique(user),
                             auth=("SCRAM-SHA-256", proof.begin(), proof.answer), **options)


def by_certificate(broker, **options):
    files = (broker.path("clients/collar-7.crt"), broker.path("clients/collar-7.key"))
    return broker.try_client(None, None, transport="mtls", certificate=files,
                             client_id=messages.unique("collar"), **options)


def by_password(broker, **options):
    return broker.client("backoffice", **options)


def sockets(broker, count):
    """Open websockets that have said nothing yet; side by side, for each takes a while."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: rawmqtt.open_stream("wss", broker.wss, broker.authority),
                             range(count)))


VISITS = {
    "password": (by_password, "backoffice"),
    "scram": (lambda broker: by_scram(broker, "customer-a"), "backoffice"),
    "certificate": (by_certificate, None),
}


def hang_up(broker, clients):
    """They go, and the broker has freed them: their addresses are the next ones'."""
    for client in clients:
        client.disconnect()
    broker.client("monitor").disconnect()


@pytest.mark.parametrize("kind", sorted(VISITS))
def test_a_stranger_at_a_reload(broker, kind):
    visit, user = VISITS[kind]
    for _ in range(ROUNDS):
        hang_up(broker, [visit(broker) for _ in range(VICTIMS)])
        streams = sockets(broker, SOCKETS)
        broker.process.send_signal(signal.SIGHUP)
        strangers = []
        for stream in streams:
            strangers.append(rawmqtt.RawClient(stream, 5, messages.unique("stranger"), user,
                                               is_patient=False))
            time.sleep(0.003)  # spread over the reload, wherever it is
        for stranger in strangers:
            assert stranger.finish() == rawmqtt.NOT_AUTHORIZED
            stranger.drop()
        broker.assert_alive()


def test_the_id_of_one_who_is_connected(broker):
    """Nor by saying to be one that is there, which the broker is just asking about."""
    victims = [by_scram(broker, "backoffice") for _ in range(8)] + \
              [by_certificate(broker) for _ in range(4)]
    for _ in range(2):
        streams = sockets(broker, len(victims))
        broker.process.send_signal(signal.SIGHUP)
        strangers = []
        for victim, stream in zip(victims, streams):
            user = None if victim.client_id.startswith("collar") else "backoffice"
            strangers.append(rawmqtt.RawClient(stream, 5, victim.client_id, user,
                                               is_patient=False))
            time.sleep(0.003)
        for stranger in strangers:
            assert stranger.finish() == rawmqtt.NOT_AUTHORIZED
            stranger.drop()
    for victim in victims:
        victim.ping()
        victim.drop()


def test_who_is_there_stays(broker):
    """By whatever it came, on whatever transport, through one reload after the other."""
    clients = [by_password(broker, transport=each) for each in ("tcp", "tls", "wss")]
    clients += [by_scram(broker, "customer-a"), by_certificate(broker)]
    for _ in range(3):
        broker.reload()
    for client in clients:
        client.ping()
        client.drop()


def test_who_comes_at_a_reload_with_a_password(broker):
    """It is a login like any other: let in, and not asked about twice."""
    for _ in range(3):
        streams = sockets(broker, 8)
        broker.process.send_signal(signal.SIGHUP)
        password = broker.password("backoffice")
        clients = [rawmqtt.RawClient(stream, 5, messages.unique("late"), "backoffice", password,
                                     is_patient=False) for stream in streams]
        for client in clients:
            assert client.finish() == 0
            assert client.subscribe("inventory/#") == [2]
            client.drop()


def test_a_guess_at_a_reload_counts(new_broker):
    """The lock on guesses holds at a reload, too."""
    broker = new_broker().start()
    streams = sockets(broker, 24)
    mark = broker.mark()
    broker.process.send_signal(signal.SIGHUP)
    for stream in streams:
        rawmqtt.RawClient(stream, 5, messages.unique("guess"), "backoffice", "wrong",
                          is_patient=False)
        time.sleep(0.002)
    broker.wait_log("guess.*unknown user or wrong password", mark)
    harness.until(lambda: len(broker.log(mark).split("refused connection")) > 24, "all refusals")
    for stream in streams:
        stream.close()
