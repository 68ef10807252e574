"""Contracts with so many schemas that they are compiled in parts: memory, and what is said of them."""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import pytest

import harness

MEBIBYTE = 1 << 20
CHANNELS = 20000
# A set of schemas has at most 1024: plugin/gate/rules_documents.c.
SOME = 1100


def reading(number):
    return {"type": "object", "required": ["id", "value"], "additionalProperties": False,
            "properties": {"id": {"type": "string", "minLength": 1},
                           "value": {"type": "number", "minimum": -number, "maximum": number},
                           "at": {"type": "string", "format": "date-time"}}}


def document(count):
    """Every second channel's message and schema are among the components."""
    channels, operations, messages, schemas = {}, {}, {}, {}
    for i in range(count):
        message = {"payload": reading(i)}
        if i % 2:
            schemas[f"s{i}"] = message["payload"]
            messages[f"m{i}"] = {"payload": {"$ref": f"#/components/schemas/s{i}"}}
            message = {"$ref": f"#/components/messages/m{i}"}
        channels[f"c{i}"] = {"address": f"plant/{{id}}/m{i}", "messages": {"m": message},
                             "parameters": {"id": {"location": "$message.payload#/id"}}}
        channel = {"$ref": f"#/channels/c{i}"}
        operations[f"send{i}"] = {"action": "send", "channel": channel}
        operations[f"receive{i}"] = {"action": "receive", "channel": channel}
    return {"asyncapi": "3.0.0", "x-perspective": "client", "info": {"title": "Plant", "version": "1"}, "channels": channels,
            "operations": operations, "components": {"messages": messages, "schemas": schemas}}


def write(folder, contract, name="plant.asyncapi.json"):
    folder.mkdir(exist_ok=True)
    with open(folder / name, "w") as file:
        json.dump(contract, file)
    return str(folder / name)


# Between this process and petstorectl: of a process that begins another, the memory that it has
# itself counts as the other's (getrusage(2), ru_maxrss), and a whole test run has much.
BETWEEN = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    file.write("%d %f %f" % (used.ru_maxrss, used.ru_utime, used.ru_stime))
sys.exit(status)
"""
Usage = collections.namedtuple("Usage", "ru_maxrss ru_utime ru_stime")


def petstorectl(*arguments):
    """Its output, exit status and what it used: getrusage(2)."""
    with tempfile.NamedTemporaryFile("r") as file:
        done = subprocess.run([sys.executable, "-c", BETWEEN, file.name,
                               os.path.join(harness.BUILD, "petstorectl"), *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        usage = Usage(*map(float, file.read().split()))
    return done.stdout, done.returncode, usage


# ---- memory --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write(tmp_path_factory.mktemp("large") / "contract", document(CHANNELS))


def test_the_broker_loads_it_in_bounded_memory(large, tmp_path, template):
    access = write(tmp_path, {"roles": {"any": {}}, "users": {"backoffice": {"roles": ["any"]}}}, "access.json")
    broker = harness.Broker(tmp_path / "run", template, contract=large, access=access)
    broker.start()
    try:
        with open(f"/proc/{broker.process.pid}/status") as file:
            peak = int(re.search(r"VmHWM:\s*(\d+) kB", file.read()).group(1)) * 1024
        client = broker.client("backoffice")
        for i in (0, 1, CHANNELS - 2, CHANNELS - 1):
            before = broker.mark()
            good, bad = ({"id": "a", "value": value} for value in (i, i + 1))
            assert client.publish(f"plant/a/m{i}", json.dumps(good), 1) in (0, 0x10)
            assert broker.refusals(before) == []
            assert client.publish(f"plant/a/m{i}", json.dumps(bad), 1) not in (0, 0x10)
            assert [refusal[3] for refusal in broker.refusals(before)] == ["schema-violation"]
    finally:
        broker.stop()
    assert peak < 185 * MEBIBYTE or harness.PRELOAD, f"{peak / MEBIBYTE:.0f} MiB"


def test_lint_takes_no_more(large):
    _, status, usage = petstorectl("lint", "--contract", large)
    peak = usage.ru_maxrss * 1024
    assert status == 0
    assert peak < 185 * MEBIBYTE or harness.PRELOAD, f"{peak / MEBIBYTE:.0f} MiB"


# ---- time ----------------------------------------------------------------------------------


def test_what_channels_share_is_looked_at_once(tmp_path):
    """4,000 channels of two large messages. Looked at for each channel it takes minutes."""
    count = 4000
    members = {f"member{i}": {"type": "string", "maxLength": i} for i in range(count)}
    messages = {"large": {"payload": {"type": "object", "required": ["member1"], "properties": members},
                          "tags": [{"name": f"t{i}"} for i in range(count)],
                          "examples": [{"payload": {"member1": "a"}}] * count},
                "small": {"payload": {"type": "object"}}}
    both = {"oneOf": [{"$ref": f"#/components/messages/{name}"} for name in messages]}
    contract = {"asyncapi": "2.6.0", "info": {"title": "Plant", "version": "1"},
                "channels": {f"m{i}": {"publish": {"message": both}} for i in range(count)},
                "components": {"messages": messages}}
    _, status, usage = petstorectl("lint", "--contract", write(tmp_path, contract))
    assert status == 0
    assert usage.ru_utime < 30 or harness.PRELOAD


# ---- references between the parts ----------------------------------------------------------


def tangled():
    """Schemas in channels, in components that refer to each other, merged ones, and other drafts."""
    contract = document(SOME)
    schemas = contract["components"]["schemas"]
    channels = contract["channels"]
    for i in range(SOME // 2):
        schemas[f"a/{i}"] = {"items": {"$ref": f"#/components/schemas/b%20{i}/properties/x"}}
        schemas[f"b {i}"] = {"properties": {"x": {"$ref": f"parts.json#/components/schemas/c{i}"}}}
        payload = channels[f"c{2 * i}"]["messages"]["m"]["payload"]
        payload["properties"]["more"] = {"$ref": f"#/components/schemas/a~1{i}"}
    channels["c2"]["messages"]["m"]["headers"] = {"properties": {"n": {"$ref": "#/components/schemas/b%207"}}}
    channels["c2"]["messages"]["m"]["traits"] = [{"headers": {"type": "object"}}]
    for i in (4, SOME - 2):
        channels[f"c{i}"]["messages"]["m"]["payload"] = {
            "schemaFormat": "application/schema+json;version=draft-04",
            "schema": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "string"}, "n": {"minimum": 0, "exclusiveMinimum": True}}}}
    parts = {"components": {"schemas": {
        f"c{i}": {"anyOf": [{"type": "integer"}, {"$ref": "more.json"}]} for i in range(SOME // 2)}}}
    return contract, {"parts.json": parts, "more.json": {"minLength": 1}}


def lint(folder, contract, files):
    for name, text in files.items():
        write(folder, text, name)
    text, status, _ = petstorectl("lint", "--contract", write(folder, contract))
    return [line for line in text.splitlines() if line.startswith("error: ")], status


def test_references(tmp_path):
    assert lint(tmp_path, *tangled()) == ([], 0)


def refer_to_channels(contract, _files):
    contract["components"]["schemas"]["a/9"] = {"$ref": "#/channels/c8/messages/m/payload"}


def use_a_name(contract, _files):
    contract["channels"]["c0"]["messages"]["m"]["payload"]["properties"]["at"]["$id"] = "urn:a:time"
    contract["components"]["schemas"]["a/9"] = {"$ref": "urn:a:time"}


def refer_from_a_file(_contract, files):
    files["more.json"]["allOf"] = [{"$ref": "plant.asyncapi.json#/components/schemas/s1"}]


@pytest.mark.parametrize("change", (refer_to_channels, use_a_name, refer_from_a_file))
def test_references_from_elsewhere(tmp_path, change):
    contract, files = tangled()
    change(contract, files)
    assert lint(tmp_path, contract, files) == ([], 0)


def break_a_channel(contract, _files):
    contract["channels"]["c998"]["messages"]["m"]["payload"]["type"] = "text"
    return r"plant.asyncapi.json:1:\d+: /channels/c998/messages/m/payload/type: "


def break_a_reference(contract, _files):
    contract["components"]["schemas"]["a/500"]["items"]["$ref"] = "#/components/schemas/b500"
    return r'plant.asyncapi.json:1:\d+: /components/schemas/a~1500/items/\$ref: "#/components/schemas/b500"'


def break_a_file(_contract, files):
    files["parts.json"]["components"]["schemas"]["c77"]["anyOf"] = {}
    return r"parts.json:1:\d+: /components/schemas/c77/anyOf: "


def break_a_mark(contract, _files):
    contract["channels"][f"c{SOME - 2}"]["messages"]["m"]["payload"]["schema"] = {
        "$schema": "http://json-schema.org/draft-07/schema#"}
    return rf"plant.asyncapi.json:1:\d+: /channels/c{SOME - 2}/messages/m/payload/schema"


@pytest.mark.parametrize("change", (break_a_channel, break_a_reference, break_a_file, break_a_mark))
def test_faults(tmp_path, change):
    """Each is said once, whichever part it is in."""
    contract, files = tangled()
    expected = change(contract, files)
    lines, status = lint(tmp_path, contract, files)
    assert status == 1
    assert len(lines) == 1 and re.search(expected, lines[0]), "\n".join(lines)
