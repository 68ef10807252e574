"""Guessing passwords takes ever longer; whoever knows his own waits for seconds at most."""

import harness
import messages
from proofs import CN, certificate, token
from rawmqtt import NOT_AUTHORIZED
from test_token import Issuers

FREE_OF_USER = 20
FREE_OF_ADDRESS = 50
CONNECTS = 120  # a minute, of a client id


def fail(broker, user, times):
    for number in range(times):
        assert broker.try_client(user, "wrong-%d" % number).code == NOT_AUTHORIZED


def test_user(new_broker):
    """Some mistakes are free; then the right password has to wait as well, for a moment."""
    broker = new_broker().start()
    password = broker.password("customer-a")
    fail(broker, "customer-a", FREE_OF_USER)
    broker.client("customer-a").ping()  # which clears them
    fail(broker, "customer-a", FREE_OF_USER + 1)
    assert broker.try_client("customer-a", password).code == NOT_AUTHORIZED
    broker.wait_log("petstore: refused connection of customer-a .*: .*locked for 1 s")
    broker.client("customer-b").ping()
    harness.until(lambda: broker.try_client("customer-a", password).code == 0, "the lock to open")


def test_certificate_of_a_locked_name(new_broker):
    broker = new_broker().start()
    fail(broker, "collar-7", FREE_OF_USER + 3)
    assert broker.try_client("collar-7", broker.password("collar-7")).code == NOT_AUTHORIZED
    shown = certificate(broker.folder, [(CN, "collar-7")])
    assert broker.try_client(None, None, transport="mtls", certificate=shown,
                             client_id="c").code == 0


def test_token_of_a_locked_name(tmp_path, template):
    """Nobody keeps a user out by guessing his password: a token gets in, from anywhere."""
    at = Issuers(tmp_path, template)
    at.broker.start()
    try:
        fail(at.broker, "customer-a", FREE_OF_USER + 3)
        client = at.broker.try_client("customer-a", at.broker.password("customer-a"))
        assert client.code == NOT_AUTHORIZED
        text = token(at.keys["ES256"], at.claims(sub="customer-a"))
        assert at.come(text).code == 0
        assert at.come(text, "customer-a").code == 0
        assert at.come(text[:-4] + "AAAA", "customer-a").code == NOT_AUTHORIZED
    finally:
        at.broker.stop()


def test_address(new_broker):
    """Many names from one address: it waits, whoever it says to be."""
    broker = new_broker().start()
    for number in range(FREE_OF_ADDRESS + 3):
        broker.try_client("name-%d" % number, "x")
    assert broker.try_client("monitor", broker.password("monitor")).code == NOT_AUTHORIZED


def test_turned_off(new_broker):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_lockout 1", "plugin_opt_lockout 0"))
    broker.start()
    fail(broker, "customer-a", FREE_OF_USER + 5)
    broker.client("customer-a").ping()


def test_connected_clients_stay(new_broker):
    """A lock is for logins: who is there stays, at a reload too."""
    broker = new_broker().start()
    customer = broker.client("customer-a")
    fail(broker, "customer-a", FREE_OF_USER + 3)
    assert "reloaded" in broker.reload()
    customer.ping()


def test_reloads_count_nothing(new_broker):
    """SIGHUP asks for every session again; none of it is a login or a connect."""
    broker = new_broker().start()
    broker.client("customer-a", client_id="steady", clean=False, expiry=1000).disconnect()
    customer = broker.client("customer-b", client_id="live")
    for _ in range(FREE_OF_USER + 5):
        broker.reload()
    customer.ping()
    broker.client("customer-a", client_id="steady").ping()
    broker.client("customer-b").ping()


def test_flapping(new_broker):
    """A client that comes again and again is held off; others are not."""
    broker = new_broker().start()
    password = broker.password("customer-a")
    for _ in range(CONNECTS):
        broker.try_client("customer-a", password, client_id="flap").disconnect()
    before = broker.mark()
    assert broker.try_client("customer-a", password, client_id="flap").code == NOT_AUTHORIZED
    broker.wait_log("connects too often: held off", before)
    broker.client("customer-a", client_id=messages.unique("calm")).ping()
