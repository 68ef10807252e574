"""Commands for whoever is signed in, and the scopes of the others."""

import base64
import gzip
import json

import pytest

import harness
import messages
import rawmqtt
import watched
from proofs import CN, certificate
from test_everybody_else import allow, change as change_access
from test_monitor_control import ctl
from rawmqtt import NOT_AUTHORIZED

COMMAND = "$CONTROL/petstore/v1"
RESPONSE = COMMAND + "/response"
NEED_A_SCOPE = {
    "status": {}, "counters": {}, "reload": {}, "mode": {}, "listBans": {},
    "liftBan": {"clientId": "*"}, "listAlerts": {}, "explain": {"action": "publish", "topic": "a"},
}


def ask(client, command, **members):
    """The response to one command, on a connection that may be used further; not "busy"."""
    response = {"code": "busy"}
    while response.get("code") == "busy":
        request = {"commands": [dict(members, command=command)]}
        client.publish(COMMAND, json.dumps(request).encode(), qos=1)
        message = client.message()
        while message.topic != RESPONSE:
            message = client.message()
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
        for _ in range(8):  # in one second, however slow the way there and back is
            client.publish(COMMAND, request)
        for _ in range(8):
            responses = json.loads(client.message().payload)["responses"]
            codes += [each.get("code") for each in responses]
        assert len(codes) < 100000, "never busy"
    assert data(broker.client("backoffice"), "whoami")["principal"] == "backoffice"


# ---- contract ------------------------------------------------------------------------------


def read_contract(client):
    """The contract as the account may see it: all parts together, and how many there were."""
    text, digest, offset, parts = "", None, 0, 0
    while offset is not None:
        members = {"offset": offset, "digest": digest} if digest else {}
        part = data(client, "contract", **members)
        assert part["offset"] == offset and (digest is None or part["digest"] == digest)
        assert len(part["text"].encode()) <= 49152
        text, digest, offset, parts = text + part["text"], part["digest"], part["next"], parts + 1
        assert offset is None or offset == len(text.encode())
    assert part["size"] == len(text.encode())
    return json.loads(text), parts


def read_packed(client, parts, **more):
    """The same by gzip, by as many parts in a request (0: each alone), and how many messages came."""
    packed, digest, offset, messages_ = b"", None, 0, 0
    while offset is not None:
        members = {"offset": offset, "encoding": "gzip"} | ({"parts": parts} if parts else {}) | \
            ({"digest": digest} if digest else {}) | more
        part = data(client, "contract", **members)
        for left in reversed(range(max(parts, 1))):
            assert part["offset"] == len(packed) and part["encoding"] == "gzip"
            assert digest in (None, part["digest"])
            packed += base64.b64decode(part["text"], validate=True)
            digest, offset, messages_ = part["digest"], part["next"], messages_ + 1
            assert offset is None or offset == len(packed)
            if left == 0 or offset is None:
                break
            message = client.message()
            assert message.topic == RESPONSE and len(message.payload) < 4096
            part, = (each["data"] for each in json.loads(message.payload)["responses"])
    assert part["size"] == len(packed)
    return json.loads(gzip.decompress(packed)), messages_


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from references(each)


def leads_somewhere(document, ref):
    value = document
    for token in ref[2:].split("/"):
        while isinstance(value, dict) and "$ref" in value:
            value = leads_somewhere(document, value["$ref"])
        value = value[token.replace("~1", "/").replace("~0", "~")]
    return value


@pytest.mark.parametrize("user, channels", [
    ("backoffice", {"alerts", "petAvailability", "petStatus", "orderStatus", "orderPayment",
                    "paymentStatus", "inventoryStock", "refusals"}),
    ("customer-a", {"petAvailability", "petStatus", "orderStatus", "orderPayment", "paymentStatus",
                    "inventoryStock", "refusals"}),
    ("inventory-service", {"inventoryStock", "refusals"}),
    ("collar-7", {"petAvailability", "petStatus", "refusals"}),
])
def test_contract_is_cut(broker, user, channels):
    whole, _ = read_contract(broker.client(user))
    document, = whole["documents"]
    assert set(document["channels"]) == channels
    assert {each["channel"] for each in whole["may"]} == channels
    for ref in references(document):
        assert ref.startswith("#/"), ref  # in one document
        leads_somewhere(document, ref)
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].split("/")[-1] in channels
    assert document["info"]["title"] == "Petstore MQTT API" and document["servers"]
    assert ("$SYS/#" in json.dumps(document)) == (user == "backoffice")
    if user == "inventory-service":
        assert not document["x-entities"] and not document["x-state-machines"]
        words = set(json.dumps(document).replace('"', " ").split())
        assert not {"read:orders", "readOrders", "orderStatus", "petId", "read:sys"} & words
    if user == "collar-7":
        assert set(document["x-entities"]) == {"pet"} and set(document["x-state-machines"]) == {"pet"}


def test_contract_says_who_may(broker):
    may = {each["channel"]: (each["send"], each["receive"])
           for each in read_contract(broker.client("customer-a"))[0]["may"]}
    assert may["orderStatus"] == ("no", "own") and may["inventoryStock"] == ("no", "yes")
    assert may["refusals"] == ("no", "own")
    may = {each["channel"]: (each["send"], each["receive"])
           for each in read_contract(broker.client("backoffice"))[0]["may"]}
    assert may["orderStatus"] == ("yes", "yes") and may["refusals"] == ("no", "yes")


def test_contract_of_who_may_nothing(new_broker):
    broker = new_broker()
    broker.configure()
    watched.change(broker, lambda contract: contract["channels"].pop("refusals") and
                   contract["operations"].pop("receiveRefusals"))
    change_access(broker, lambda access: access["users"]["customer-b"].update(roles=[]))
    broker.start()
    whole, parts = read_contract(broker.client("customer-b"))
    assert parts == 1 and whole["may"] == []
    document, = whole["documents"]
    assert document["channels"] == document["operations"] == {}
    assert set(document["components"]) == {"securitySchemes"}  # of the servers
    assert document["info"]["version"]


def widen(count):
    def edit(contract):
        for number in range(count):
            name = "extra%d" % number
            contract["channels"][name] = dict(
                contract["channels"]["inventoryStock"], address="extra/%d/{productId}/stock" % number,
                description="Ünïcode, \"quoted\" \\ and long. " * 5)
            for kind in ("send", "receive"):
                operation = contract["operations"][kind + "InventoryStock"]
                contract["operations"][kind + name] = dict(
                    operation, channel={"$ref": "#/channels/" + name},
                    messages=[{"$ref": "#/channels/%s/messages/inventoryStock" % name}])
    return edit


def test_parts_of_a_large_contract(new_broker):
    """Of 1,000 channels; a reload between two parts says so, unless nothing is changed."""
    broker = new_broker()
    broker.configure()
    watched.change(broker, widen(1000))
    broker.start()
    client = broker.client("inventory-service")
    whole, parts = read_contract(client)
    assert len(whole["documents"][0]["channels"]) == 1002 and parts > 10
    assert whole["documents"][0]["channels"]["extra7"]["description"].startswith("Ünïcode, \"q")
    for each, most in ((0, 3), (5, 40)):
        packed, count = read_packed(client, each)
        assert packed == whole and each < count < most
    first = data(client, "contract")
    operator = broker.client("backoffice")
    data(operator, "reload")
    second = data(client, "contract", offset=first["next"], digest=first["digest"])
    assert second["offset"] == first["next"]
    watched.change(broker, lambda contract: contract["info"].update(version="78"))
    data(operator, "reload")
    changed = ask(client, "contract", offset=second["next"], digest=first["digest"])
    assert changed["code"] == "changed" and "data" not in changed
    assert read_contract(client)[0]["documents"][0]["info"]["version"] == "78"
    wrong = ask(client, "contract", offset=10 ** 9)
    assert wrong["error"].startswith("offset: ")


def test_contract_by_gzip(broker):
    """Each account gets just what it gets otherwise; anything but gzip is no encoding."""
    for user in ("backoffice", "customer-a", "collar-7"):
        client = broker.client(user)
        whole, _ = read_contract(client)
        assert read_packed(client, 0)[0] == read_packed(client, 32)[0] == whole
        for longest in ("x" * 1024, '"' * 512):  # as much as comes back: parts are small all the same
            assert read_packed(client, 32, correlationData=longest)[0] == whole
            assert ask(client, "whoami", correlationData=longest)["correlationData"] == longest
        assert "correlationData" not in ask(client, "whoami", correlationData="\x01" * 171)  # 1,026 bytes
        assert "correlationData" not in ask(client, "whoami", correlationData="x" * 1025)
    assert ask(client, "contract", encoding="br")["error"].endswith("encoding: expected gzip or identity")
    assert "encoding" not in data(client, "contract", encoding="identity")
    assert ask(client, "contract", parts=3)["error"].endswith("parts: only with the encoding gzip")
    assert ask(client, "contract", encoding="gzip", offset=10 ** 6)["error"].startswith("offset: ")
    assert ask(client, "contract", encoding="gzip", parts=2, digest="0")["code"] == "changed"


def test_many_clients_fetch_the_contract_at_once(broker):
    """Each of sixty clients is answered, none is told to come again, and a lookup finds its place."""
    clients = [broker.client("customer-a") for _ in range(60)]
    operator = broker.client("backoffice")
    request = json.dumps({"commands": [{"command": "contract", "encoding": "gzip", "parts": 32}]}).encode()
    for client in clients:
        client.publish(COMMAND, request, qos=0)
    operator.publish(COMMAND, b'{"commands":[{"command":"listEvents"}]}', qos=0)
    for client in clients + [operator]:
        message = client.message()
        response, = json.loads(message.payload)["responses"]
        assert message.topic == RESPONSE and "data" in response, response


def test_the_answer_of_a_session_that_is_gone(broker):
    """Asked for and not waited for: the client that comes under the same id gets nothing."""
    for _ in range(5):
        client = broker.client("customer-a", client_id="customer-a/gone")
        client.publish(COMMAND, b'{"commands":[{"command":"contract"}]}', qos=0)
        client.drop()
        client = broker.client("customer-a", client_id="customer-a/gone")
        assert data(client, "contract")["offset"] == 0
        client.ping()
        assert not client.inbox
        client.disconnect()


def test_petstorectl(broker):
    status, output = ctl(broker, "ctl", "whoami", user="customer-a")
    assert status == 0 and json.loads(output)["principal"] == "customer-a"
    status, output = ctl(broker, "ctl", "contract", user="backoffice")
    assert status == 0
    assert json.loads(output) == read_contract(broker.client("backoffice"))[0]


def let_in(broker, user, **options):
    client = broker.try_client(user, broker.password(user), **options)
    return client if client.code == 0 else None


@pytest.mark.parametrize("command", ["whoami", "contract"])
def test_an_answer_is_not_left_to_another_user(broker, command):
    """Nothing of it is in the session that the next client takes over."""
    name = messages.unique("left")
    client = broker.client("customer-a", client_id=name, clean=False, expiry=100)
    client.is_auto_ack = False
    assert data(client, command)
    client.drop()
    # That the answer has arrived, the plugin learns a round or two later; until then nobody else is let in.
    other = harness.until(lambda: let_in(broker, "customer-b", client_id=name, clean=False, expiry=100), "to be let in")
    assert other.is_session_present
    other.ping()
    assert not other.inbox


@pytest.mark.parametrize("user", ["customer-a", "customer-b"])
def test_an_answer_that_is_underway(broker, user):
    """Question and takeover come in one round of the broker's loop, before it sends anything."""
    for _ in range(5):
        name = messages.unique("round")
        client = broker.client("customer-a", client_id=name)
        stream = rawmqtt.open_stream("tcp", broker.port("tcp"), broker.authority)
        broker.client("customer-b").ping()  # it has taken the connection
        with watched.at_once(broker):
            client.publish(COMMAND, b'{"commands":[{"command":"whoami"}]}', qos=0)
            other = rawmqtt.RawClient(stream, 5, name, user, broker.password(user), is_patient=False)
        if user == "customer-a":
            assert other.finish() == 0
        elif other.finish() == 0:
            other.ping()
            assert not other.inbox
        # Soon after it is let in.
        while other.code != 0:
            other = broker.try_client(user, broker.password(user), client_id=name)
        assert data(other, "whoami")["principal"] == user
        other.disconnect()


def test_whoami_says_that_the_contract_was_reloaded(broker):
    """So a console knows that it has to ask for it anew."""
    client, operator = broker.client("customer-a"), broker.client("backoffice")
    before = data(client, "whoami")["contract"]["digest"]
    assert len(bytes.fromhex(before)) >= 16
    assert data(operator, "whoami")["contract"]["digest"] == before
    data(operator, "reload")
    assert data(client, "whoami")["contract"]["digest"] != before
