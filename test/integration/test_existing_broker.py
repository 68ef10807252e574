"""
examples/existing-broker: a contract over a part of a broker (x-unlisted). What it lists is enforced,
and what Zigbee2MQTT and Tasmota send besides goes on as it did, for those who have the scope.
"""

import json
import os
import shutil

import pytest

import harness
import rawmqtt
import simulated

RUN = os.path.join(harness.TOP, "examples", "existing-broker", "run.sh")
NOT_AUTHORIZED = 0x87


class House:
    def __init__(self, folder, limits=None):
        self.folder, (self.port,) = str(folder), harness.free_ports(1)
        if limits:
            for name in ("access.json", "house.asyncapi.yaml"):
                shutil.copy(os.path.join(os.path.dirname(RUN), name), self.folder)
            with open(os.path.join(self.folder, "house.asyncapi.yaml"), "a") as file:
                file.write("\nx-limits: %s\n" % json.dumps(limits))
        self.shell = harness.Shell(
            "exec %s %s" % (RUN, self.folder), wait=3600,
            env=harness.broker_environment(B=harness.BUILD, PORT=str(self.port), ITERATIONS="101"))
        self.shell.line_with(" running\n")

    def client(self, user, client_id=None, **options):
        with open("%s/%s.password" % (self.folder, user)) as file:
            password = file.read().strip()
        stream = rawmqtt.open_stream("tcp", self.port)
        client = rawmqtt.RawClient(stream, 5, client_id or user, user, password, **options)
        assert client.code == 0
        return client

    def end(self):
        self.shell.process.terminate()
        return self.shell.finish()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    status, said = house.end()
    assert status == 0, said[-2000:]


def is_let_through(code):
    return code in (0, 0x10)


def got(client, topic):
    """The payloads on @topic, of all that the broker has delivered until now."""
    client.ping()
    return [each.payload for each in client.inbox if each.topic == topic]


def test_what_is_listed_is_enforced(house):
    hub, kitchen, boiler = (house.client(user, user + "/a")
                            for user in ("homeassistant", "kitchen", "boiler"))
    hub.subscribe("#")
    assert is_let_through(kitchen.publish("heating/kitchen/temperature", "21.5", qos=1))
    assert kitchen.publish("heating/kitchen/temperature", "warm", qos=1) > 0x7f
    assert kitchen.publish("heating/attic/temperature", "21.5", qos=1) > 0x7f
    assert is_let_through(hub.publish("cmnd/boiler/POWER", "ON", qos=1))
    assert hub.publish("cmnd/boiler/POWER", "TOGGLE", qos=1) > 0x7f
    assert is_let_through(boiler.publish("stat/boiler/POWER", "OFF", qos=1))
    assert boiler.publish("cmnd/boiler/POWER", "ON", qos=1) > 0x7f
    assert got(hub, "heating/kitchen/temperature") == [b"21.5"]
    assert got(hub, "stat/boiler/POWER") == [b"OFF"]


def test_the_rest_goes_on_as_it_did(house):
    """Each message of the traffic reaches the hub, byte by byte; so does what is retained."""
    hub, zigbee = (house.client(user, user + "/b") for user in ("nodered", "zigbee2mqtt"))
    hub.subscribe("zigbee2mqtt/#", "stat/#", "tele/#")
    traffic = list(simulated.zigbee(rounds=4))
    for topic, payload, qos, retain in traffic:
        zigbee.publish(topic, payload.encode(), qos=qos, retain=retain)
        hub.ping()  # so that it acknowledges
    zigbee.publish("zigbee2mqtt/lamp_1/image", b"\xff\xd8\x00", qos=1)
    hub.ping()
    assert [(each.topic, each.payload) for each in hub.inbox] == [
        (topic, payload.encode()) for topic, payload, _, _ in traffic] + [
            ("zigbee2mqtt/lamp_1/image", b"\xff\xd8\x00")]
    late = house.client("homeassistant", "homeassistant/late")
    late.subscribe("zigbee2mqtt/lamp_2")
    assert "brightness" in json.loads(late.message().payload)


def test_only_for_who_has_the_scope(house):
    zigbee, kitchen, resident = (house.client(user, user + "/c")
                                 for user in ("zigbee2mqtt", "kitchen", "resident"))
    assert kitchen.publish("zigbee2mqtt/lamp_1/set", "{}", qos=1) == NOT_AUTHORIZED
    assert kitchen.publish("heating/kitchen/temperatur", "21.5", qos=1) == NOT_AUTHORIZED
    assert resident.subscribe("zigbee2mqtt/+", "tele/+/TEMPERATURE") == [NOT_AUTHORIZED] * 2
    assert resident.subscribe("#", "zigbee2mqtt/#") == [2, 2]
    zigbee.publish("zigbee2mqtt/lamp_1", "{}", qos=1)
    zigbee.publish("zigbee2mqtt/bridge/logging", "{}", qos=1)
    zigbee.publish("zigbee2mqtt/bridge/state", '{"state":"offline"}', qos=1)
    assert got(resident, "zigbee2mqtt/bridge/state")[-1] == b'{"state":"offline"}'
    assert got(resident, "zigbee2mqtt/lamp_1") + got(resident, "zigbee2mqtt/bridge/logging") == []
    assert zigbee.publish("$CONTROL/dynamic-security/v1", "{}", qos=1) == NOT_AUTHORIZED
    assert zigbee.publish("refusals/nobody", "{}", qos=1) == NOT_AUTHORIZED
    assert zigbee.subscribe("$SYS/#") == [NOT_AUTHORIZED]


def test_wills_and_what_is_cleared(house):
    hub = house.client("nodered", "nodered/d")
    hub.subscribe("zigbee2mqtt/lamp_9/#")
    for user in ("zigbee2mqtt", "kitchen"):
        dying = house.client(user, user + "/dying",
                             will=("zigbee2mqtt/lamp_9/by", user.encode(), 1, True))
        dying.drop()
    assert hub.message().payload == b"zigbee2mqtt"
    house.client("zigbee2mqtt", "zigbee2mqtt/e").publish("zigbee2mqtt/lamp_9/by", b"", qos=1,
                                                         retain=True)
    assert hub.message().payload == b""
    late = house.client("nodered", "nodered/late")
    late.subscribe("zigbee2mqtt/lamp_9/#")
    late.ping()
    assert not late.inbox


def test_shared_subscriptions(house):
    """Who may not read all of it would take it from the group."""
    resident, zigbee = (house.client(user, user + "/f") for user in ("resident", "zigbee2mqtt"))
    assert resident.subscribe("$share/g/heating/+/temperature") == [2]
    assert resident.subscribe("$share/g/#") == [NOT_AUTHORIZED]
    assert zigbee.subscribe("$share/g/tele/#") == [2]
    assert zigbee.subscribe("$share/g/#") == [NOT_AUTHORIZED]


def test_limits_of_the_document(tmp_path):
    """All unlisted topics together are as one channel."""
    house = House(tmp_path, {"messagesPerSecond": 1, "burst": 3, "payloadBytes": 100})
    try:
        zigbee, plug = house.client("zigbee2mqtt"), house.client("plug-1")
        assert zigbee.publish("zigbee2mqtt/lamp", b"x" * 101, qos=1) > 0x7f
        for n in range(1, 41):  # in one second, however slow the way there and back is
            zigbee.publish_nowait("zigbee2mqtt/lamp_%d" % n, b"{}", 1, 1000 + n)
        codes = [zigbee.ack(1000 + n) for n in range(1, 41)]
        assert [is_let_through(code) for code in codes[:3]] == [True] * 3
        assert max(codes) > 0x7f
        assert is_let_through(plug.publish("tele/plug-1/STATE", "{}", qos=1))
    finally:
        house.end()
