"""AUTH of no bytes from a client that is connected: the broker takes it for one that connects."""
import subprocess
import time

import pytest

import harness
import messages
import wire
from rawmqtt import WAIT, Closed
from test_scram import Scram

EMPTY = b"\xf0\x00"


@pytest.fixture
def broker(new_broker):
    broker = new_broker()
    for user in ("customer-a", "backoffice"):
        subprocess.run([harness.BUILD + "/petstorectl", "passwd", "--hash", "scram",
                        "--iterations", "4096", "set", broker.path("scram"), user], input="x\n",
                       text=True, check=True, stdout=subprocess.PIPE)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder))
    return broker.start()


def proof(user):
    scram = Scram(user, "x")
    return {"auth": ("SCRAM-SHA-256", scram.begin(), scram.answer)}


def come(broker, client_id, **options):
    client = broker.try_client(None, None, client_id=client_id, **proof("customer-a"), **options)
    assert client.code == 0
    return client


@pytest.mark.parametrize("expiry", [None, 600])
def test_it_is_disconnected_and_the_broker_stays_whole(broker, expiry):
    options = dict(clean=not expiry, expiry=expiry)
    others = [broker.client("backoffice", client_id="backoffice/%d" % i, clean=False, expiry=600)
              for i in range(10)]
    before = broker.mark()
    for is_back in (False, True):
        for i in range(8):
            client = come(broker, "customer-a/%d" % i, **options)
            assert client.is_session_present == bool(is_back and expiry)
            client.stream.send(EMPTY + (EMPTY if i % 2 else b""))
            with pytest.raises(Closed):
                while True:
                    client._packet(time.monotonic() + WAIT)
    broker.wait_log("it goes on with an exchange that was not begun: disconnected", before)
    broker.reload()
    for other in others:
        other.ping()
    broker.assert_alive()


def test_it_may_do_nothing_meanwhile(broker):
    reader = broker.client("backoffice")
    reader.subscribe("pets/#")
    client = broker.try_client(None, None, **proof("backoffice"))
    topic, payload = messages.pet_status(messages.unique("pet"))
    client.stream.send(EMPTY + wire.publish(5, topic, payload))
    client.wait_closed()
    reader.ping()
    assert not reader.inbox
