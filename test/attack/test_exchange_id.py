"""Who begins to authenticate under another's client id, and never ends it, takes nothing from it."""
import contextlib
import subprocess

import pytest

import harness
import messages
import wire
from rawmqtt import open_stream

EXPIRIES = {"at once": None, "with the session": 1}


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("exchange") / "run", template)
    subprocess.run([harness.BUILD + "/petstorectl", "passwd", "--hash", "scram", "--iterations",
                    "4096", "set", broker.path("scram"), "customer-a"], input="x\n", text=True,
                   check=True, stdout=subprocess.PIPE)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder))
    with harness.running(broker):
        yield broker


def begin(broker, client_id, clean, expiry):
    """A stranger's exchange up to the broker's challenge; the stream."""
    stream = open_stream("tcp", broker.plain)
    stream.send(wire.connect(5, client_id, clean=clean, expiry=expiry, auth=(
        "SCRAM-SHA-256", "n,,n=customer-a,r=" + messages.unique("nonce"))))
    assert stream.socket.recv(1000)[0] == 0xF0
    return stream


@pytest.mark.parametrize("ends", sorted(EXPIRIES))
@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("last", [b"", b"\x30\x00", b"\xe0\x00", wire.auth(
    0x18, "SCRAM-SHA-256", "c=biws,r=x,p=eA==")], ids=["closed", "malformed", "left", "wrong"])
@pytest.mark.parametrize("is_away", [True, False])
def test_the_session_stays(broker, is_away, last, clean, ends):
    client_id = messages.unique("backoffice/victim")
    victim = broker.client("backoffice", client_id=client_id, clean=False, expiry=600)
    assert victim.subscribe("inventory/#") == [2]
    if is_away:
        victim.disconnect()
    before = broker.mark()
    stranger = begin(broker, client_id, clean, EXPIRIES[ends])
    if last:
        stranger.send(last)
        with contextlib.suppress(ConnectionError):
            while stranger.socket.recv(1000):
                pass
    stranger.close()
    if EXPIRIES[ends] and last != wire.auth(0x18, "SCRAM-SHA-256", "c=biws,r=x,p=eA=="):
        broker.wait_log("Expiring client|losed|isconnected", before)
    topic, payload = messages.stock(messages.unique("shelf"))
    broker.client("inventory-service").publish(topic, payload, qos=1)
    if is_away:
        victim = broker.client("backoffice", client_id=client_id, clean=False, expiry=600)
        assert victim.is_session_present
    victim.until(topic)
    victim.disconnect()
    again = broker.client("backoffice", client_id=client_id, clean=False, expiry=600)
    assert again.is_session_present
    again.disconnect()


def test_the_right_proof_gets_in_under_its_id(broker):
    from test_scram import Scram

    client_id = messages.unique("customer-a/own")
    for is_present in (False, True):
        scram = Scram("customer-a", "x")
        client = broker.try_client(None, None, client_id=client_id, clean=False, expiry=600,
                                   auth=("SCRAM-SHA-256", scram.begin(), scram.answer))
        assert client.code == 0 and client.is_session_present == is_present
        broker.wait_log("as %s " % client_id)
        client.disconnect()
