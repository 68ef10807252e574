"""Schemas of every dialect, side by side in one contract, as schemaFormat, $schema or AsyncAPI say."""
import json

import pytest

import harness
from rawmqtt import NOT_AUTHORIZED
from test_reload import edit_json

TAKEN = (0, 0x10)
PAIR = {"type": "array", "items": [{"type": "integer"}], "additionalItems": False}
TREE = {"$id": "https://example.org/tree", "$recursiveAnchor": True, "type": "object",
        "properties": {"below": {"$recursiveRef": "#"}}, "unevaluatedProperties": False}


def formatted(version, schema):
    return {"schemaFormat": "application/schema+json;version=" + version, "schema": schema}


PAYLOADS = {
    # channel: payload, good messages, bad ones
    "own": (PAIR, [[1], []], [["1"], [1, 2]]),
    "four": (formatted("draft-04", {"type": "object", "properties": {
        "n": {"type": "number", "minimum": 1, "exclusiveMinimum": True}, "i": {"type": "integer"}}}),
             [{"n": 1.5, "i": 1}], [{"n": 1}, {"i": 1.5}]),
    "six": (formatted("draft-06", {"const": {"a": 1}}), [{"a": 1.0}], [{"a": 2}]),
    "seven": (formatted("draft-07", {"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
              [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}]),
    "nineteen": (formatted("2019-09", TREE), [{"below": {"below": {}}}], [{"below": {"above": {}}}]),
    "twenty": ({"$schema": "https://json-schema.org/draft/2020-12/schema",
                "prefixItems": [{"type": "integer"}], "items": False}, [[1]], [["1"], [1, 2]]),
    "next": ({"$schema": "https://json-schema.org/v1", "propertyDependencies": {
        "kind": {"cat": {"required": ["lives"]}}}}, [{"kind": "dog"}], [{"kind": "cat"}]),
    "openapi": ({"schemaFormat": "application/vnd.oai.openapi+json;version=3.0.3",
                 "schema": {"type": "object", "properties": {"v": {"type": "string",
                                                                   "nullable": True}}}},
                [{"v": None}, {"v": "x"}], [{"v": 1}]),
    "referred": ({"type": "object", "$id": "https://example.org/r", "properties": {
        "v": {"$ref": "#/components/schemas/dialectNumber", "minimum": 100}}},
                 [{"v": 1}], [{"v": "1"}]),
}


def add_payloads(contract):
    contract["components"].setdefault("schemas", {})["dialectNumber"] = {"type": "integer"}
    for name, (payload, _, _) in PAYLOADS.items():
        contract["channels"][name] = {"address": name + "/{id}", "parameters": {"id": {}},
                                      "messages": {name: {"payload": payload}}}
        contract["operations"]["send" + name] = {
            "action": "send", "channel": {"$ref": "#/channels/" + name}}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("mixed") / "run", template)
    edit_json(broker.contract, add_payloads)
    with harness.running(broker):
        yield broker


@pytest.mark.parametrize("channel", PAYLOADS)
def test_a_payload_is_held_against_its_dialect(mixed, channel):
    client = mixed.client("collar-7")
    _, good, bad = PAYLOADS[channel]
    for payload in good:
        assert client.publish(channel + "/1", json.dumps(payload), 1) in TAKEN, payload
    for payload in bad:
        assert client.publish(channel + "/1", json.dumps(payload), 1) == NOT_AUTHORIZED, payload


def test_the_log_names_what_a_reference_hides(mixed):
    assert "/channels/referred/messages/referred/payload/properties/v/minimum: is ignored beside " \
        "$ref" in mixed.log()


def test_a_format_and_a_schema_that_disagree_stop_the_start(tmp_path, template):
    broker = harness.Broker(tmp_path / "run", template)

    def contradict(contract):
        add_payloads(contract)
        contract["channels"]["six"]["messages"]["six"]["payload"]["schema"] = {
            "$schema": "http://json-schema.org/draft-07/schema#"}

    edit_json(broker.contract, contradict)
    with pytest.raises(harness.StartError) as error:
        with harness.running(broker):
            pass
    assert "/payload/schema/$schema: says that the schema is written in draft 07" in str(error.value)
