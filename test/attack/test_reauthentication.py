"""Who is connected and authenticates once more keeps what it has, and is watched as before."""
import subprocess
import time

import pytest

import harness
import messages
import wire
from rawmqtt import AUTH, WAIT
from test_reload import edit_json
from test_scram import Scram

METHOD = "SCRAM-SHA-256"


@pytest.fixture
def broker(new_broker):
    broker = new_broker()
    subprocess.run([harness.BUILD + "/petstorectl", "passwd", "--hash", "scram", "--iterations",
                    "4096", "set", broker.path("scram"), "monitor"], input="x\n", text=True,
                   check=True, stdout=subprocess.PIPE)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder))
    return broker.start()


def authenticate_again(client, scram):
    client.stream.send(wire.auth(0x19, METHOD, scram.begin()))
    first, body = client._packet(time.monotonic() + WAIT)
    assert first >> 4 == AUTH and body[0] == 0x18
    client.stream.send(wire.auth(0x18, METHOD, scram.answer(wire.auth_data(body))))
    first, body = client._packet(time.monotonic() + WAIT)
    assert first >> 4 == AUTH and (not body or body[0] == 0)


@pytest.mark.parametrize("clean", [True, False])
def test_its_shared_subscription_ends_with_its_scope(broker, clean):
    """It would take the group's messages away: the plugin must know of it still."""
    scram = Scram("monitor", "x")
    loser = broker.try_client(None, None, client_id="monitor/1", clean=clean,
                              expiry=None if clean else 600,
                              auth=(METHOD, scram.begin(), scram.answer))
    worker = broker.client("orders-service")
    assert worker.subscribe("$share/g/orders/+/status") == [2]
    assert loser.subscribe("$share/g/orders/+/status") == [2]
    authenticate_again(loser, Scram("monitor", "x"))
    edit_json(broker.path("access.json"),
              lambda access: access["roles"]["monitor"]["scopes"].remove("read:orders"))
    assert "petstore: reloaded" in broker.reload()
    loser.wait_closed()
    publisher = broker.client("backoffice")
    sent = [messages.order(messages.unique("ord")) for _ in range(10)]
    for topic, payload in sent:
        assert publisher.publish(topic, payload, 1) in (0, 0x10)
    worker.ping()
    assert sorted(each.topic for each in worker.inbox) == sorted(topic for topic, _ in sent)
