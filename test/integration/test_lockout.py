"""Guessing makes the address wait that it comes from, ever longer, and nobody else."""

import itertools
import re

import pytest

import harness
import messages
from proofs import CN, certificate, token
from rawmqtt import NOT_AUTHORIZED
from test_token import Issuers

FREE = 50  # failures of an address
CONNECTS = 120  # a minute, of a client id
STRANGER, OTHER = "127.0.0.2", "127.0.0.3"


def fail(broker, user, times, source=STRANGER, **options):
    for number in range(times):
        assert broker.try_client(user, "wrong-%d" % number, source=source,
                                 **options).code == NOT_AUTHORIZED


def wait_locked(broker, fail_once, come):
    """
    Until @come is refused for the lock of its address. What failed may not have counted: a busy machine
    had no time for a password's check. Or the lock, of a second at first, was over before @come.
    """
    def is_locked():
        before = broker.mark()
        fail_once()
        return come().code == NOT_AUTHORIZED and \
            re.search(r"petstore: refused connection of .* locked for \d+ s", broker.log(before))

    harness.until(is_locked, "the lock", 120)


def test_guesses_at_a_user(new_broker):
    """Whoever guesses waits, and not who is guessed at: in a first login, and once it is known."""
    broker = new_broker().start()
    password = broker.password("customer-a")
    fail(broker, "customer-a", FREE)
    wait_locked(broker, lambda: fail(broker, "customer-a", 1),
                lambda: broker.try_client("customer-a", password, source=STRANGER))
    for _ in range(2):
        assert broker.try_client("customer-a", password, source=OTHER).code == 0
    broker.client("customer-b").ping()
    harness.until(lambda: broker.try_client("customer-a", password, source=STRANGER).code == 0,
                  "the lock to open")


def test_certificate_from_a_locked_address(new_broker):
    broker = new_broker().start()
    fail(broker, "collar-7", FREE)
    wait_locked(broker, lambda: fail(broker, "collar-7", 1), lambda: broker.try_client(
        "collar-7", broker.password("collar-7"), source=STRANGER))
    shown = certificate(broker.folder, [(CN, "collar-7")])
    assert broker.try_client(None, None, transport="mtls", certificate=shown,
                             client_id="collar-7", source=STRANGER).code == 0


def test_token_from_a_locked_address(tmp_path, template):
    """A token can't be guessed: it gets in from anywhere, and a wrong one counts."""
    at = Issuers(tmp_path, template)
    at.broker.start()
    try:
        text = token(at.keys["ES256"], at.claims(sub="customer-a"))
        wrong = text[:-4] + "AAAA"

        def fail_once():
            assert at.come(wrong, "customer-a", source=STRANGER).code == NOT_AUTHORIZED

        for _ in range(FREE):
            fail_once()
        wait_locked(at.broker, fail_once, lambda: at.broker.try_client(
            "customer-a", at.broker.password("customer-a"), source=STRANGER))
        for user in (None, "customer-a"):
            assert at.come(text, user, client_id="customer-a", source=STRANGER).code == 0
    finally:
        at.broker.stop()


def test_address(new_broker):
    """Many names from one address: it waits, whoever it says to be."""
    broker = new_broker().start()
    names = ("name-%d" % number for number in itertools.count())

    def fail_once():
        assert broker.try_client(next(names), "x", source=STRANGER).code == NOT_AUTHORIZED

    for _ in range(FREE):
        fail_once()
    wait_locked(broker, fail_once, lambda: broker.try_client(
        "monitor", broker.password("monitor"), source=STRANGER))
    broker.client("monitor").ping()


def test_websockets_are_of_the_same_address(new_broker):
    """Which may be told as ::ffff:127.0.0.2 there."""
    broker = new_broker().start()
    fail(broker, "customer-a", FREE - 5)
    fail(broker, "customer-a", 5, transport="wss")
    wait_locked(broker, lambda: fail(broker, "customer-a", 1, transport="wss"),
                lambda: broker.try_client("monitor", broker.password("monitor"), source=STRANGER))


def test_networks_that_are_never_locked(new_broker):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_never_lock 10.0.0.0/8,fd00::/8",
                                                  "plugin_opt_never_lock 127.0.0.2/31,unix"))
    broker.start()
    fail(broker, "customer-a", FREE + 3)
    broker.mark()
    broker.client("monitor", source=STRANGER).ping()
    fail(broker, "customer-a", FREE, source="127.0.0.4")
    wait_locked(broker, lambda: fail(broker, "customer-a", 1, source="127.0.0.4"),
                lambda: broker.try_client("monitor", broker.password("monitor"), source="127.0.0.4"))


def test_networks_have_to_be_well_formed(new_broker):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_never_lock 10.0.0.0/8,fd00::/8",
                                                  "plugin_opt_never_lock 127.0.0.2/8"))
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert ('plugin_opt_never_lock: "127.0.0.2/8": expected zeros behind the network\'s bits'
            in error.value.log)


def test_turned_off(new_broker):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_lockout 1", "plugin_opt_lockout 0"))
    broker.start()
    fail(broker, "customer-a", FREE + 5)
    broker.mark()
    broker.client("customer-a", source=STRANGER).ping()


def test_connected_clients_stay(new_broker):
    """A lock is for logins: who is there stays, at a reload too."""
    broker = new_broker().start()
    customer = broker.client("customer-a")
    password = broker.password("backoffice")
    fail(broker, "customer-a", FREE, source=None)
    wait_locked(broker, lambda: fail(broker, "customer-a", 1, source=None),
                lambda: broker.try_client("backoffice", password))
    before = broker._log_size()
    broker.process.send_signal(1)
    broker.wait_log("reloaded contract", before)
    customer.ping()  # the reload is over: the broker forgets a SIGHUP that comes before
    harness.until(lambda: broker.try_client("backoffice", password).code == 0, "the lock to open")
    assert "reloaded" in broker.reload()
    customer.ping()


def test_reloads_count_nothing(new_broker):
    """SIGHUP asks for every session again; none of it is a login or a connect."""
    broker = new_broker().start()
    broker.client("customer-a", client_id="steady", clean=False, expiry=1000).disconnect()
    customer = broker.client("customer-b", client_id="live")
    for _ in range(25):
        broker.reload()
    customer.ping()
    broker.client("customer-a", client_id="steady").ping()
    broker.client("customer-b").ping()


def test_flapping(new_broker):
    """A client that comes again and again is held off; others are not."""
    broker = new_broker().start()
    password = broker.password("customer-a")
    before = broker.mark()
    for number in range(10 * CONNECTS):  # a slow machine makes fewer in a minute, and goes on
        client = broker.try_client("customer-a", password, client_id="flap")
        if client.code != 0:
            break
        client.disconnect()
    assert client.code == NOT_AUTHORIZED and number >= CONNECTS
    broker.wait_log("connects too often: held off", before)
    broker.client("customer-a", client_id=messages.unique("calm")).ping()
