"""
Scripts in the manner of the MQTT guides, written for paho 1.x, run as they are: only host,
port, TLS and credentials are the broker's.
"""

import os
import shlex
import sys

import pytest

import harness

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guide")

# paho 2 asks for the callbacks' version first; the scripts know nothing of it.
RUN = """
import runpy, sys
import paho.mqtt.client as mqtt
if hasattr(mqtt, "CallbackAPIVersion"):
    Client = mqtt.Client
    mqtt.Client = lambda *args: Client(mqtt.CallbackAPIVersion.VERSION1, *args)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def start(broker, script, user, password=None):
    environment = dict(os.environ, BROKER="localhost", PORT=str(broker.tls), CA=broker.authority,
                       USERNAME=user, PASSWORD=password or broker.password(user))
    script = os.path.join(GUIDE, script)
    return harness.Shell(shlex.join(["exec", sys.executable, "-W", "ignore", "-c", RUN, script]), env=environment)


@pytest.fixture
def subscriber(broker):
    process = start(broker, "subscriber.py", "customer-a")
    lines = [process.line() for _ in range(4)]
    assert lines == ["Connected\n", "Subscribed 0\n", "Subscribed 1\n", "Subscribed 0\n"]
    yield process
    process.kill()
    process.finish()


def test_publisher(broker, subscriber):
    publisher = start(broker, "publisher.py", "backoffice")
    status, out = publisher.finish()
    assert status == 0 and out.endswith("Order published\n")
    assert [subscriber.line() for _ in range(6)] == [
        "Received pets/abc123/availability %d\n" % quantity for quantity in range(5)
    ] + ["Received orders/xyz789/status PLACED\n"]
    broker.wait_rows([("PLACED", "customer-a")],
                     "SELECT status, owner FROM orders WHERE id = 'xyz789'")


def test_publisher_without_loop(broker, subscriber):
    publisher = start(broker, "publisher_without_loop.py", "inventory-service")
    assert publisher.finish() == (0, "")
    assert [subscriber.line() for _ in range(3)] == [
        "Received inventory/xyz789/stock %d\n" % quantity for quantity in (42, 41, 40)]


def test_wrong_password(broker):
    process = start(broker, "subscriber.py", "customer-a", "wrong")
    assert process.line() == "Failed to connect, return code 5\n"
    process.kill()
    process.finish()
