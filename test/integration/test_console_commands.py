"""Commands for whoever is signed in, and the scopes of the others."""

import json

import pytest

import messages
import watched
from proofs import CN, certificate
from test_everybody_else import allow, change as change_access
from rawmqtt import NOT_AUTHORIZED

COMMAND = "$CONTROL/petstore/v1"
RESPONSE = COMMAND + "/response"
NEED_A_SCOPE = {
    "status": {}, "counters": {}, "reload": {}, "mode": {}, "listBans": {},
    "liftBan": {"clientId": "*"}, "listAlerts": {}, "explain": {"action": "publish", "topic": "a"},
}


def ask(client, command, **members):
    """The response to one command, on a connection that may be used further."""
    client.publish(COMMAND, json.dumps({"commands": [dict(members, command=command)]}).encode(), qos=1)
    while True:
        message = client.message()
        if message.topic == RESPONSE:
            response, = json.loads(message.payload)["responses"]
            assert response["command"] == command
            return response


def data(client, command, **members):
    response = ask(client, command, **members)
    assert "error" not in response, response
    return response["data"]


# ---- whoami --------------------------------------------------------------------------------


def test_whoami_of_each_account(broker):
    lookups = {"listEntities", "getEntity", "listEvents"}
    for user, commands in (("backoffice", set(NEED_A_SCOPE)), ("supervisor", {"reload"}),
                           ("monitor", {"status", "listRefusals"}), ("orders-service", lookups),
                           ("payments-service", lookups), ("inventory-service", lookups),
                           ("customer-a", lookups), ("collar-7", lookups)):
        me = data(broker.client(user), "whoami")
        assert (me["principal"], me["method"], me["expires"]) == (user, "password", None)
        assert commands | {"whoami", "contract"} <= set(me["commands"]), me
        assert user in ("backoffice", "supervisor") or "reload" not in me["commands"]
        assert {"control:" + each for each in me["commands"][2:]} == \
            {each for each in me["scopes"] if each.startswith("control:")}


def test_whoami_says_all(broker):
    client = broker.client("customer-a", client_id="customer-a/one+two")
    me = data(client, "whoami")
    assert me["clientId"] == "customer-a/one+two" and me["roles"] == ["customer"]
    assert me["own"] == ["read:orders", "read:payments"] and "read:pets" in me["scopes"]
    assert me["notices"] == "refusals/customer-a/customer-a%2Fone%2Btwo"
    assert me["attributes"] == {} and me["applications"] == [] and me["isPeer"] is False
    assert me["contract"]["title"] == "Petstore MQTT API" and me["contract"]["documents"] == 1
    assert me["modes"]["schema"] == {"mode": "enforce", "forced": False}
    assert me["contract"]["loaded"] <= me["time"]
    assert me["broker"]["version"] in ("2.0", "2.1") and me["broker"]["plugin"]
    # Its notices come there.
    assert client.subscribe(me["notices"]) == [2]
    assert client.publish(*messages.stock("p", -1), qos=1) == NOT_AUTHORIZED
    assert client.message().topic == me["notices"]


def test_whoami_by_certificate(broker):
    client = broker.try_client(None, None, transport="mtls",
                               certificate=certificate(broker.folder, [(CN, "collar-9")]))
    me = data(client, "whoami")
    assert (me["principal"], me["method"]) == ("collar-9", "certificate")
    assert me["attributes"] == {"petId": ["collar-9"]}


# ---- who may -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", sorted(NEED_A_SCOPE))
def test_each_command_has_a_scope(broker, command):
    client, before = broker.client("customer-a"), broker.mark()
    response = ask(client, command, **NEED_A_SCOPE[command])
    assert response["code"] == "scope-missing" and response["scope"] == "control:" + command
    assert "data" not in response
    broker.wait_log("command %s of customer-a .*: %s needs the scope control:%s" % (
        command, command, command), before)


def test_an_unknown_command(broker):
    assert ask(broker.client("backoffice"), "nonsense")["code"] == "unknown-command"


def test_denied_though_allowed(new_broker):
    """`deny` takes one command away; a reload gives it back at once."""
    broker = new_broker()
    broker.start()
    client = broker.client("backoffice")

    def deny(access):
        access["roles"]["careful"] = {"deny": ["control:liftBan"]}
        access["users"]["backoffice"]["roles"] = ["backoffice", "careful"]

    change_access(broker, deny)
    data(client, "reload")
    assert ask(client, "liftBan", clientId="*")["scope"] == "control:liftBan"
    data(client, "listBans")
    change_access(broker, lambda access: access["users"]["backoffice"].update(
        roles=["backoffice"]))
    data(client, "reload")
    assert data(client, "liftBan", clientId="*") == {"lifted": 0}


def test_an_old_contract(new_broker):
    """An entry for the commands' topic has no effect, and is warned of in one line."""
    broker = new_broker()

    def edit(contract):
        contract["x-broker-topics"]["control"] = {"address": COMMAND, "action": "send", "security": [
            {"$ref": "#/components/securitySchemes/readPets"}]}

    watched.change(broker, edit)
    broker.start()
    broker.wait_log("x-broker-topics/control/address: this entry has no effect")
    assert broker.log().count("this entry has no effect") == 1
    client = broker.client("customer-a")  # which has read:pets
    assert ask(client, "status")["code"] == "scope-missing"
    assert data(broker.client("collar-7"), "whoami")["principal"] == "collar-7"  # which has not


# ---- who hears it --------------------------------------------------------------------------


def test_answers_are_for_who_asks_alone(broker):
    asking = broker.client("backoffice")
    others = [broker.client("backoffice"), broker.client("customer-a"), broker.client("monitor")]
    for other in others:
        assert other.subscribe(RESPONSE) == [2]
        assert other.subscribe("#")[0] in (2, NOT_AUTHORIZED)
        for wide in ("$CONTROL/#", "$CONTROL/petstore/v1/#", "$CONTROL/petstore/v1/+",
                     "$share/g/" + RESPONSE, COMMAND):
            assert other.subscribe(wide) == [NOT_AUTHORIZED], wide
    data(asking, "whoami")
    data(asking, "status")
    for other in others:
        other.ping()
        assert not [each for each in other.inbox if each.topic.startswith("$CONTROL")]


def test_not_for_who_has_no_name(new_broker):
    broker = new_broker()

    def admit(access):
        access["roles"]["anybody"] = {"scopes": ["read:inventory", "control:*"], "clientIds": ["*"]}
        access["anonymous"] = {"roles": ["anybody"]}

    broker.edits.append(allow)
    broker.configure()
    change_access(broker, admit)
    broker.start()
    client = broker.try_client(None, None, client_id="thing")
    assert client.code == 0
    assert client.publish(COMMAND, b'{"commands":[{"command":"whoami"}]}', qos=1) == NOT_AUTHORIZED
    assert client.subscribe(RESPONSE) == [NOT_AUTHORIZED]
    client.ping()
    assert not client.inbox


def test_a_flood_is_busy(broker):
    """One principal gets a part of each second; what is left is for others."""
    client = broker.client("customer-a")
    request = json.dumps({"commands": [{"command": "whoami"}] * 32}).encode()
    codes = []
    while "busy" not in codes:
        client.publish(COMMAND, request, qos=1)
        responses = json.loads(client.message().payload)["responses"]
        codes += [each.get("code") for each in responses]
        assert len(codes) < 100000, "never busy"
    assert data(broker.client("backoffice"), "whoami")["principal"] == "backoffice"
