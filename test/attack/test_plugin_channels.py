"""
What the plugin publishes goes to channels declared for exactly that: nobody reads it by another
scope, and nobody says it in its place.
"""

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED

from test_reload import edit_json


def add(contract, name, address, reader="readPets", writer="writePets"):
    """A channel of the contract's own, with everything open to who may see pets."""
    contract["channels"][name] = {
        "address": address,
        "parameters": {level[1:-1]: {} for level in address.split("/") if level[0] == "{"},
        "messages": {"any": {"payload": True}},
    }
    for action, scheme in (("send", writer), ("receive", reader)):
        contract["operations"][action + name] = {
            "action": action,
            "channel": {"$ref": "#/channels/" + name},
            "security": [{"$ref": "#/components/securitySchemes/" + scheme}],
        }


def drop(contract, *names):
    for name in names:
        del contract["channels"][name]
        for key, operation in list(contract["operations"].items()):
            if operation["channel"]["$ref"].endswith("/" + name):
                del contract["operations"][key]


def refuse_something(broker):
    """A refused publish, and the streak of it that is an alert."""
    client = broker.client("orders-service")
    before = broker.mark()
    for _ in range(25):
        assert client.publish("orders/o-1/status", '{"orderId":"secret"}', 1) == NOT_AUTHORIZED
    broker.wait_log("alert raised: refusal-streak", before)


def test_other_channels_hear_nothing(new_broker):
    """Topics of two and three levels: neither notices nor alerts are told there."""
    broker = new_broker()

    def edit(contract):
        drop(contract, "refusals", "alerts")
        add(contract, "devices", "{site}/{device}")
        add(contract, "parts", "{site}/{device}/{part}")

    edit_json(broker.contract, edit)
    broker.start()
    reader = broker.client("customer-a")
    assert reader.subscribe("+/+", "+/+/+", "inventory/#") == [2, 2, 2]
    refuse_something(broker)
    assert [each.topic for each in broker.barrier(reader)
            if each.topic.startswith(("alerts", "refusals"))] == []


@pytest.mark.parametrize("address, theirs", [
    ("alerts/mine", "alerts/{kind}"),
    ("refusals/backoffice/{clientId}", "refusals/{principal}/{clientId}"),
])
def test_no_channel_overlaps_them(new_broker, address, theirs):
    broker = new_broker()
    edit_json(broker.contract, lambda contract: add(contract, "mine", address))
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert '/channels/mine/address: "%s" has topics of "%s" of channel' % (address, theirs) in \
        error.value.log


def test_a_parameter_in_the_first_level_has_none_of_theirs(new_broker):
    """A literal level wins: who reads and writes {site}/{device} gets and gives no alert."""
    broker = new_broker()

    def edit(contract):
        add(contract, "devices", "{site}/{device}")
        add(contract, "parts", "{site}/{device}/{part}")

    edit_json(broker.contract, edit)
    broker.start()
    reader = broker.client("customer-a")
    assert reader.subscribe("+/+", "+/+/+") == [2, 2]
    refuse_something(broker)
    assert [each.topic for each in broker.barrier(reader)
            if each.topic.startswith(("alerts", "refusals"))] == []
    writer = broker.client("backoffice")
    assert writer.publish("alerts/takeover", "{}", 1) == NOT_AUTHORIZED


def test_at_reload_too(new_broker):
    broker = new_broker().start()
    edit_json(broker.contract, lambda contract: add(contract, "mine", "alerts/mine"))
    log = broker.reload()
    assert "reload failed, nothing was changed" in log and "/channels/mine/address" in log


@pytest.mark.parametrize("name, schema, says", [
    ("refusals", {"type": "object", "required": ["colour"]}, "lacks the member"),
    ("alerts", {"type": "object", "properties": {"kind": {"enum": ["takeover"]}}}, "/kind: "),
])
def test_their_schema_takes_what_the_plugin_says(new_broker, name, schema, says):
    broker = new_broker()

    def edit(contract):
        contract["channels"][name]["messages"] = {"mine": {"payload": schema}}
        for operation in contract["operations"].values():
            if operation["channel"]["$ref"].endswith("/" + name):
                operation.pop("messages")

    edit_json(broker.contract, edit)
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert "/channels/%s/messages: the schema refuses what the plugin publishes to %s/" % (
        name, name) in error.value.log
    assert says in error.value.log


@pytest.mark.parametrize("topic", ["alerts/takeover", "alerts/mine", "refusals/backoffice/x",
                                   "$SYS/broker/petstore/publish/accepted",
                                   "$CONTROL/petstore/v1/response"])
@pytest.mark.parametrize("retain", [False, True])
def test_nobody_speaks_for_the_plugin(broker, topic, retain):
    client = broker.client("backoffice")
    assert client.publish(topic, "{}", 1, retain) == NOT_AUTHORIZED


def test_a_will_does_not_either(broker):
    """Not judged before its client is gone."""
    listener = broker.client("backoffice")
    assert listener.subscribe("alerts/#", "refusals/#", "$CONTROL/petstore/v1/response",
                              "inventory/#") == [2, 2, 2, 2]
    before = broker.mark()
    for topic in ("alerts/takeover", "refusals/backoffice/x"):
        client = broker.client("backoffice", will=(topic, b"{}", 1, False))
        client.drop()
        broker.wait_log("refused will %s" % topic, before)
    assert [each.payload for each in broker.barrier(listener) if each.payload == b"{}"] == []
