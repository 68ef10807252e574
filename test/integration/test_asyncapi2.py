"""A contract of AsyncAPI 2.6, in YAML with a file beside it, served as it is."""

import json
import os
import shutil
import subprocess

import pytest

import harness

DATA = os.path.join(harness.TOP, "test", "data", "translate")
CONTRACT = "garden.asyncapi.yaml"
TOOL = os.path.join(harness.BUILD, "petstorectl")
ACCESS = {"applications": {"Garden": {"x-perspective": "client"}}, "roles": {"any": {"scopes": []}},
          "users": {name: {"roles": ["any"]} for name in ("backoffice", "monitor", "collar-7")}}


def petstorectl(*arguments):
    return subprocess.run([TOOL, *arguments], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


@pytest.fixture(scope="module", params=["2.6", "converted", "bundled"])
def broker(request, tmp_path_factory, template):
    """The document itself, and what petstorectl makes of it: all mean the same."""
    folder = tmp_path_factory.mktemp("garden")
    shutil.copytree(DATA, folder / "data")
    path = str(folder / "data" / CONTRACT)
    if request.param == "converted":
        done = petstorectl("contract", "convert", path, "--view", "client", "--output", path)
        assert done.returncode == 1 and "maxLength: is not carried over" in done.stderr
    elif request.param == "bundled":
        assert petstorectl("contract", "bundle", path, "--output", path).returncode == 0
        os.unlink(folder / "data" / "garden.messages.yaml")
    access = folder / "access.json"
    access.write_text(json.dumps(ACCESS))
    assert "\n0 errors" in petstorectl("lint", "--contract", path).stdout
    broker = harness.Broker(folder / "run", template, contract=path, access=str(access))
    broker.start()
    yield broker
    broker.stop()


def publish(broker, topic, payload, qos=1):
    """The reason that the broker logged, and None where it took the message."""
    client = broker.client("backoffice")
    before = broker.mark()
    code = client.publish(topic, json.dumps(payload), qos)
    reasons = [refusal[3] for refusal in broker.refusals(before)]
    assert bool(reasons) == (code not in (0, 0x10))
    return reasons[0] if reasons else None


@pytest.mark.parametrize("topic, payload, reason", [
    ("beds/north/measured", {"percent": 40}, None),
    ("beds/7/measured", {"celsius": -3.5}, None),
    ("beds/north/measured", {"percent": 101}, "schema-violation"),
    ("beds/north/measured", {"percent": 4, "celsius": 5}, "schema-violation"),
    ("beds/north/measured", {}, "schema-violation"),
    ("beds/middle/measured", {"percent": 40}, "topic-parameter"),
    ("beds/north/valve", "open", "operation-missing"),
    ("beds/north", {"percent": 40}, "topic-unknown"),
])
def test_publish(broker, topic, payload, reason):
    """`publish` is what clients send."""
    assert publish(broker, topic, payload) == reason


def test_binding(broker):
    client = broker.client("backoffice")
    before = broker.mark()
    client.publish("beds/north/measured", json.dumps({"percent": 40}), 0)
    client.ping()
    assert publish(broker, "beds/north/measured", {"percent": 41}) is None
    assert [refusal[3] for refusal in broker.refusals(before)] == ["qos-too-low"]


def test_subscribe(broker):
    """`subscribe` is what they receive."""
    client = broker.client("monitor")
    assert client.subscribe("beds/+/valve") == [2]
    assert client.subscribe("beds/+/measured") == [0x87]
