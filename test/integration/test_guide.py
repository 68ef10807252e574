"""
Scripts in the manner of the MQTT guides, written for paho 1.x, run as they are: only host,
port, TLS and credentials are the broker's.
"""

import os
import shlex
import subprocess
import sys

import pytest

import harness

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guide")

# paho 2 asks for the callbacks' version first; the scripts know nothing of it. Who wants it paced has a
# pause end with a line on stdin.
RUN = """
import os, runpy, sys, time
import paho.mqtt.client as mqtt
if "PACED" in os.environ:
    time.sleep = lambda _: sys.stdin.readline()
if hasattr(mqtt, "CallbackAPIVersion"):
    Client = mqtt.Client
    mqtt.Client = lambda *args: Client(mqtt.CallbackAPIVersion.VERSION1, *args)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def start(broker, script, user, password=None, **more):
    environment = dict(os.environ, BROKER="localhost", PORT=str(broker.tls), CA=broker.authority,
                       USERNAME=user, PASSWORD=password or broker.password(user))
    script = os.path.join(GUIDE, script)
    if more:
        environment["PACED"] = "1"
    return harness.Shell(shlex.join(["exec", sys.executable, "-W", "ignore", "-c", RUN, script]), env=environment, **more)


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
    """It reads nothing, and what a slow broker has not taken when it closes is lost: its pauses wait for that."""
    publisher = start(broker, "publisher_without_loop.py", "inventory-service", stdin=subprocess.PIPE)
    for quantity in (42, 41, 40):
        assert subscriber.line() == "Received inventory/xyz789/stock %d\n" % quantity
        publisher.process.stdin.write("\n")
        publisher.process.stdin.flush()
    assert publisher.finish() == (0, "")
    publisher.process.stdin.close()


def test_wrong_password(broker):
    process = start(broker, "subscriber.py", "customer-a", "wrong")
    assert process.line() == "Failed to connect, return code 5\n"
    process.kill()
    process.finish()
