"""
Nobody is kept out by what strangers do under its name or its client id.

Strangers come from addresses of their own; they have no credential.
"""
import pytest

import harness
import rawmqtt
import test_scram
from proofs import CN, certificate, token
from rawmqtt import NOT_AUTHORIZED, field, length
from test_token import Issuers

STRANGERS = ["127.0.0.%d" % number for number in range(2, 8)]
HOME = "127.0.0.99"
EACH = 45  # of each stranger's: fewer than make an address wait, together more than 120 a minute
METHODS = ["first", "known", "certificate", "token", "scram"]
EXCHANGES = 300  # more than there are places for


@pytest.fixture
def at(tmp_path, template):
    issuers = Issuers(tmp_path, template)
    broker = issuers.broker
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore", "plugin_opt_scram_file " + broker.folder))
    test_scram.put_keys(broker, "collar-7", "pencil")
    broker.start()
    yield issuers
    if broker.process:
        broker.assert_alive()
        broker.stop()


def enter(at, method, source=HOME):
    """CONNACK's code for the device collar-7, which comes in the way of @method."""
    broker = at.broker
    if method == "certificate":
        shown = certificate(broker.folder, [(CN, "collar-7")])
        return broker.try_client(None, None, transport="mtls", certificate=shown,
                                 client_id="collar-7", source=source).code
    if method == "token":
        text = token(at.keys["ES256"], at.claims(sub="collar-7"))
        return at.come(text, "collar-7", client_id="collar-7", source=source).code
    if method == "scram":
        return come_by_scram(broker, "collar-7", "pencil", source).code
    return broker.client("collar-7", client_id="collar-7", source=source).code


def come_by_scram(broker, user, password, source, meanwhile=lambda: None):
    scram = test_scram.Scram(user, password)

    def answer(data):
        meanwhile()
        return scram.answer(data)

    return broker.try_client(None, None, client_id=user, source=source,
                             auth=(test_scram.METHOD, scram.begin(), answer))


@pytest.mark.parametrize("method", METHODS)
def test_connects_under_its_client_id(at, method):
    """More than 120 a minute, with nothing shown."""
    if method == "known":
        assert enter(at, method) == 0
    for source in STRANGERS:
        for _ in range(EACH):
            assert at.broker.try_client(None, None, client_id="collar-7",
                                        source=source).code == NOT_AUTHORIZED
    assert enter(at, method) == 0


@pytest.mark.parametrize("method", METHODS)
def test_guesses_at_its_name(at, method):
    """Passwords, SCRAM and tokens that name it, from many addresses."""
    if method == "known":
        assert enter(at, method) == 0
    text = token(at.keys["ES256"], at.claims(sub="collar-7"))[:-4] + "AAAA"
    for source in STRANGERS:
        for number in range(EACH // 3):
            for password in ("guess-%d" % number, text):
                assert at.broker.try_client("collar-7", password, client_id="x",
                                            source=source).code == NOT_AUTHORIZED
            with pytest.raises((rawmqtt.Closed, AssertionError)):
                assert come_by_scram(at.broker, "collar-7", "guess", source).code == 0
    assert enter(at, method) == 0


def half_open(broker, source, data=b"n,,n=collar-7,r=abcdefghijkl"):
    """A connection that began an exchange, and was answered."""
    stream = rawmqtt.open_stream("tcp", broker.plain, source=source)
    properties = b"\x15" + field(test_scram.METHOD) + b"\x16" + field(data)
    body = (field("MQTT") + bytes([5, 2, 0, 60]) + length(len(properties)) + properties +
            field(""))
    stream.send(b"\x10" + length(len(body)) + body)
    answer = stream.receive(rawmqtt.time.monotonic() + rawmqtt.WAIT)
    return stream, answer


def test_half_open_exchanges_of_a_stranger(at):
    """However many it begins, another's goes on."""
    streams = []

    def begin_many():
        for _ in range(EXCHANGES):
            streams.append(half_open(at.broker, STRANGERS[0])[0])

    assert come_by_scram(at.broker, "collar-7", "pencil", HOME, begin_many).code == 0
    assert len(streams) == EXCHANGES
    for stream in streams:
        stream.close()


def is_locked(broker, user, fail):
    """Is the strangers' address? A lock's second may be over when a slow machine asks; the next is longer."""
    for _ in range(8):
        if broker.try_client(user, broker.password(user), source=STRANGERS[0]).code == NOT_AUTHORIZED:
            return True
        fail()
    return False


def test_exchanges_that_fail_at_their_first_step(at):
    """They are failures of their address, and of nobody else."""
    def fail():
        stream, answer = half_open(at.broker, STRANGERS[0], b"nonsense")
        assert answer[0] == 0x20 and answer[3] == NOT_AUTHORIZED
        stream.close()

    for _ in range(50):
        fail()
    before = at.broker.mark()
    fail()
    assert is_locked(at.broker, "monitor", fail)
    at.broker.wait_log("refused connection of monitor .*too many failures: locked", before)
    assert enter(at, "scram") == 0
    assert enter(at, "first") == 0


def test_an_account_does_not_wash_away_its_guesses(at):
    """Success with one's own name clears nothing of what was tried at others'."""
    broker, source = at.broker, STRANGERS[0]

    def guess():
        broker.try_client("collar-7", "guess", source=source)

    for number in range(60):
        if number % 10 == 0:
            broker.try_client("customer-b", broker.password("customer-b"), source=source)
        guess()
    assert is_locked(broker, "customer-b", guess)
    assert enter(at, "first") == 0


def test_an_account_holds_off_itself_alone(at):
    """Whoever comes too often under its own name and another's client id has its own count."""
    broker = at.broker
    for _ in range(130):
        broker.try_client("customer-b", broker.password("customer-b"), client_id="collar-7")
    assert enter(at, "first") == 0
    assert harness.until(lambda: "held off" in broker.log(), "the hold-off")
