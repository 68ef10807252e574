"""Messages that say what they are (discriminator), and formats that AsyncAPI has."""
import json

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED
from test_notices import notices_of
from test_reload import edit_json

TAKEN = (0, 0x10)


def ref(name):
    return {"$ref": "#/components/schemas/" + name}


def add_animals(contract):
    """Animals by inheritance, vehicles by alternatives, and values with formats."""
    schemas = contract["components"].setdefault("schemas", {})
    schemas.update(
        Animal={"type": "object", "discriminator": "kind", "required": ["kind"],
                "properties": {"kind": {"type": "string"}}},
        Cat={"allOf": [ref("Animal"), {"required": ["lives"]}]},
        Car={"type": "object", "properties": {"what": {}, "wheels": {}},
             "additionalProperties": False},
        Boat={"type": "object", "properties": {"what": {}, "sails": {}},
              "additionalProperties": False})
    payloads = {"animals": ref("Animal"),
                "vehicles": {"discriminator": "what", "oneOf": [ref("Car"), ref("Boat")]},
                "formats": {"type": "object", "properties": {
                    "count": {"type": "integer", "format": "int32"},
                    "bytes": {"type": "string", "format": "byte"},
                    "version": {"type": "string", "format": "semver"}}}}
    for name, payload in payloads.items():
        contract["channels"][name] = {"address": name + "/{id}", "parameters": {"id": {}},
                                      "messages": {name: {"payload": payload}}}
        contract["operations"]["send" + name] = {
            "action": "send", "channel": {"$ref": "#/channels/" + name}}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("zoo") / "run", template)
    edit_json(broker.contract, add_animals)
    with harness.running(broker):
        yield broker


def test_what_is_taken_and_what_not(zoo):
    client = zoo.client("collar-7")
    for topic, is_good, payload in [
            ("animals/1", True, {"kind": "Cat", "lives": 9}),
            ("animals/1", False, {"kind": "Cat"}),
            ("animals/1", False, {"kind": "Nonsense"}),
            ("vehicles/1", True, {"what": "Boat", "sails": 2}),
            ("vehicles/1", True, {"what": "Boat"}),
            ("vehicles/1", False, {"what": "Car", "sails": 2}),
            ("formats/1", True, {"count": 2147483647, "bytes": "aGk=", "version": "any text"}),
            ("formats/1", False, {"count": 2147483648}),
            ("formats/1", False, {"bytes": "aGk"})]:
        answer = client.publish(topic, json.dumps(payload), 1)
        assert (answer in TAKEN) == is_good and (is_good or answer == NOT_AUTHORIZED), payload


def test_the_refusal_names_what_is_allowed(zoo):
    client = zoo.client("collar-7", 5)
    notices_of(client)
    client.publish("animals/" + messages.unique("a"), '{"kind":"Fish"}', 1)
    error, = json.loads(client.message().payload)["errors"]
    assert error["field"] == "/kind"
    assert 'is "Fish", expected one of "Animal", "Cat"' in json.dumps(error, ensure_ascii=False
                                                                      ).replace('\\"', '"')


def test_the_log_names_what_is_not_checked(zoo):
    assert "/properties/version/format: \"semver\" is no format that is known here" in zoo.log()
