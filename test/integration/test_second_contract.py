"""
A contract that has nothing to do with pets, served by the same binary: a smart home with
lights, temperatures and an alarm.
"""

import json
import os

import pytest

import harness
from rawmqtt import NOT_AUTHORIZED

AT = "2026-02-01T18:00:00+01:00"
CONTRACT = os.path.join(harness.TOP, "test", "data", "smarthome", "smarthome.asyncapi.json")

# The demo's accounts, with other roles: credentials are not the contract's business.
ACCESS = {
    "roles": {
        "resident": {"scopes": ["home.read", "lights.write", "alarm.read", "alarm.write",
                                "alarm.disarm"]},
        "guest": {"scopes": ["home.read"]},
        "sensor": {"scopes": ["sensors.write"]},
        "hub": {"scopes": ["broker.read"]},
    },
    "users": {
        "backoffice": {"roles": ["resident"]},
        "customer-a": {"roles": ["guest"]},
        "collar-7": {"roles": ["sensor"]},
        "monitor": {"roles": ["hub"]},
    },
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    folder = tmp_path_factory.mktemp("home")
    access = folder / "access.json"
    access.write_text(json.dumps(ACCESS))
    broker = harness.Broker(folder / "run", template, contract=CONTRACT, access=str(access))
    broker.start()
    yield broker
    broker.stop()


def light(**more):
    return json.dumps(dict(room="kitchen", lightId="ceiling-1", power="ON", at=AT, **more))


def temperature(room="kitchen", celsius=21.5):
    return json.dumps({"room": room, "celsius": celsius, "sensor": {"id": "k1"}, "at": AT})


def alarm(state, zone="ground", **more):
    return json.dumps(dict(zone=zone, state=state, at=AT, **more))


def test_light(broker):
    """Retained, QoS 1 at least, and never brighter than 100."""
    topic = "home/kitchen/lights/ceiling-1/state"
    resident = broker.client("backoffice")
    assert resident.publish(topic, light(brightness=80), 1, retain=True) in (0, 0x10)
    guest = broker.client("customer-a")
    assert guest.subscribe("home/+/lights/#") == [2]
    assert json.loads(guest.message().payload)["brightness"] == 80
    refusals = [
        (resident, topic, light(brightness=101), 1, True, "schema-violation"),
        (resident, topic, light(color="#ffffff"), 1, True, "schema-violation"),
        (resident, topic, light(), 0, True, "qos-too-low"),
        (resident, topic, light(), 1, False, "retain-required"),
        (resident, "home/cellar/lights/ceiling-1/state", light(), 1, True, "id-mismatch"),
        (resident, "home/kitchen/lights/Ceiling/state", light(), 1, True, "topic-parameter"),
        (guest, topic, light(), 1, True, "scope-missing"),
    ]
    for client, topic, payload, qos, retain, reason in refusals:
        before = broker.mark()
        code = client.publish(topic, payload, qos, retain)
        client.ping()
        assert code == (NOT_AUTHORIZED if qos else 0), reason
        assert [each[3] for each in broker.refusals(before)] == [reason]


def test_temperature(broker):
    """Two ways to be allowed to read: of the home, or a sensor oneself."""
    sensor = broker.client("collar-7")
    guest = broker.client("customer-a")
    assert sensor.subscribe("home/+/temperature") == [2]
    assert guest.subscribe("home/+/temperature") == [2]
    assert sensor.publish("home/kitchen/temperature", temperature(), 0) == 0
    assert sensor.message().payload == guest.message().payload == temperature().encode()
    assert sensor.publish("home/kitchen/temperature", temperature(celsius=101), 1) == 0x87
    assert sensor.publish("home/cellar/temperature", temperature("kitchen"), 1) == 0x87


def test_alarm(broker):
    """A state machine, a table and an owner, under names of their own."""
    resident = broker.client("backoffice")
    topic = "home/security/ground"
    for state, more, code in (
        ("TRIGGERED", {"cause": "DOOR"}, NOT_AUTHORIZED),
        ("DISARMED", {"resident": "anna", "armed": False, "sensors": 7}, 0),
        ("ARMED", {"by": "anna", "armed": True}, 0),
        ("TRIGGERED", {}, NOT_AUTHORIZED),
        ("TRIGGERED", {"cause": "DOOR", "reason": "?"}, NOT_AUTHORIZED),
        ("TRIGGERED", {"cause": "DOOR"}, 0),
        ("ARMED", {}, NOT_AUTHORIZED),
    ):
        got = resident.publish(topic, alarm(state, **more), 2)
        assert got in ((0, 0x10) if code == 0 else (code,)), (state, more)
    broker.wait_rows([("ground", "anna", "TRIGGERED", "anna", "DOOR", 1, 7, 3)],
                     "SELECT id, owner, state, last_by, cause, is_armed, sensors, revision"
                     " FROM alarm_zones")
    assert resident.publish("home/security/attic", alarm("ARMED", "attic"), 2) == NOT_AUTHORIZED
    guest = broker.client("customer-a")
    assert guest.subscribe("home/security/ground") == [NOT_AUTHORIZED]


def test_everyone_hears(broker):
    """A channel without scopes to receive; observed, so that a mistake passes and is logged."""
    hub = broker.client("monitor")
    assert hub.subscribe("home/announcements", "home/+/temperature") == [2, NOT_AUTHORIZED]
    resident = broker.client("backoffice")
    before = broker.mark()
    assert resident.publish("home/announcements", '{"txt": "Dinner"}', 1) == 0
    assert hub.message().payload == b'{"txt": "Dinner"}'
    assert "observed publish home/announcements by backoffice" in broker.log(before)
    assert broker.client("customer-a").publish("home/announcements", '{"text": "x"}',
                                               1) == NOT_AUTHORIZED


def test_broker_topics(broker):
    everyone = broker.client("collar-7")
    assert everyone.subscribe("$SYS/broker/uptime", "$SYS/broker/version") == [2, NOT_AUTHORIZED]
    assert broker.client("monitor").subscribe("$SYS/broker/#") == [2]


def test_pets_are_unknown(broker):
    before = broker.mark()
    broker.client("backoffice").publish("pets/abc123/status", "{}", 1)
    assert [each[3] for each in broker.refusals(before)] == ["topic-unknown"]
