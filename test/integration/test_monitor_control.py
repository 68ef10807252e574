"""Commands to $CONTROL/petstore/v1: who may give them, what they do."""

import json
import os
import subprocess

import harness
import messages
import rawmqtt
import watched


def data(broker, command, **members):
    response, = watched.ask(broker, dict(members, command=command, correlationData="c"))
    assert response["command"] == command and response["correlationData"] == "c"
    assert "error" not in response, response
    return response["data"]


def test_status_and_counters(broker):
    status = data(broker, "status")
    assert status["contract"] == "Petstore MQTT API" and status["broker"] in ("2.0", "2.1")
    client = broker.client("backoffice")
    client.publish(*messages.stock("p", 1), qos=1)
    assert int(data(broker, "counters")["publish/allowed"]) >= 1


def test_nonsense_is_answered(broker):
    client = broker.client("backoffice")
    for payload in (b"", b"{", b"[]", b"\xff", b'{"commands":7}', b'{"commands":[7]}'):
        client.publish("$CONTROL/petstore/v1", payload, qos=1)
        response, = json.loads(client.message().payload)["responses"]
        assert "error" in response
    client.ping()


def test_mode(new_broker):
    broker = new_broker()
    broker.start()
    client = broker.client("backoffice")
    bad = messages.stock("p", -1)
    assert client.publish(*bad, qos=1) == 0x87
    modes = data(broker, "mode", group="schema", mode="observe")
    assert modes["schema"] == {"mode": "observe", "forced": True}
    assert client.publish(*bad, qos=1) in (0, 0x10)
    response, = watched.ask(broker, {"command": "mode", "group": "permission", "mode": "off"})
    assert response["error"] == "only the contract says who may do what"
    # Until the next reload.
    data(broker, "reload")
    assert data(broker, "mode")["schema"] == {"mode": "enforce", "forced": False}
    broker.wait_log("command reload of backoffice \\(client .*\\)\n")
    assert client.publish(*bad, qos=1) == 0x87


def test_reload(new_broker):
    broker = new_broker()
    broker.start()
    watched.change(broker, lambda contract: contract["info"].update(version="77"))
    assert data(broker, "reload")["contractVersion"] == "77"
    with open(broker.contract, "a") as file:
        file.write("}")
    response, = watched.ask(broker, {"command": "reload"})
    assert "petstore.asyncapi.json" in response["error"]
    assert data(broker, "status")["contractVersion"] == "77"


def test_explain(broker):
    topic, payload = messages.stock("p", -1)
    answer = data(broker, "explain", action="publish", topic=topic, payload=payload.decode(),
                  username="backoffice", qos=1)
    assert not answer["allowed"] and answer["reason"] == "schema-violation"
    assert answer["field"] == "/quantity" and answer["channel"] == "inventoryStock"
    assert data(broker, "explain", action="subscribe", topic="orders/+/status",
                username="customer-a")["allowed"]
    nobody = data(broker, "explain", action="publish", topic=topic, username="nobody")
    assert nobody["reason"] == "identity-unknown"


def test_explain_to_oneself(broker):
    """Without a username it is whoever asks, under its own client id."""
    topic, payload = messages.stock("p", -1)
    answer = data(broker, "explain", action="publish", topic=topic, payload=payload.decode())
    assert answer["reason"] == "schema-violation" and answer["field"] == "/quantity"
    client = broker.client("backoffice")

    def explain(**members):
        request = {"commands": [dict(members, command="explain", action="subscribe")]}
        client.publish("$CONTROL/petstore/v1", json.dumps(request).encode(), qos=1)
        response, = json.loads(client.message().payload)["responses"]
        return response["data"]

    own = "refusals/backoffice/%s" % client.client_id
    assert explain(topic=own)["allowed"] and explain(topic="orders/+/status")["allowed"]
    assert explain(topic="no/such/topic")["reason"] == explain(topic="no/such/topic", username="backoffice")["reason"] \
        != "identity-unknown"


def test_bans(new_broker):
    broker = new_broker()
    watched.watch(broker, {"refusal-streak": {"threshold": 3, "response": "ban",
                                              "seconds": 600}})
    broker.start()
    client = broker.client("collar-7", client_id="culprit")
    for _ in range(3):
        client.publish("weather/today", b"{}", qos=1)
    client.wait_closed()

    def code():
        attempt = broker.try_client("collar-7", broker.password("collar-7"), client_id="culprit")
        attempt.drop()
        return attempt.code

    assert code() == rawmqtt.NOT_AUTHORIZED
    bans = data(broker, "listBans")
    assert bans["total"] == 1
    assert bans["bans"][0]["clientId"] == "culprit" and bans["bans"][0]["state"] == "banned"
    assert bans["bans"][0]["of"] == "principal" and bans["bans"][0]["principal"] == "collar-7"
    assert 500 < bans["bans"][0]["secondsLeft"] <= 600
    assert data(broker, "listAlerts")["alerts"][0]["kind"] == "refusal-streak"
    assert data(broker, "liftBan", clientId="nobody") == {"lifted": 0}
    assert data(broker, "liftBan", clientId="culprit") == {"lifted": 1}
    assert code() == 0


def ctl(broker, *arguments, user="backoffice"):
    """(exit status, output) of petstorectl over TLS."""
    done = subprocess.run(
        [os.path.join(harness.BUILD, "petstorectl"), arguments[0], "--port", str(broker.tls),
         "--cafile", broker.authority, "--user", user, "--password-file", "-", *arguments[1:]],
        input=broker.password(user) + "\n", text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=300)
    return done.returncode, done.stdout


def test_petstorectl_ctl(broker):
    status, output = ctl(broker, "ctl", "status")
    assert (status, json.loads(output)["contract"]) == (0, "Petstore MQTT API")
    status, output = ctl(broker, "ctl", "explain", "action=subscribe", "topic=orders/+/status",
                         "username=customer-a")
    assert status == 0 and json.loads(output)["allowed"]
    assert ctl(broker, "ctl", "nonsense") == \
        (1, "petstorectl ctl: nonsense: there is no such command\n")
    assert ctl(broker, "ctl", "staus") == \
        (1, 'petstorectl ctl: staus: there is no such command; did you mean "status"?\n')
    status, output = ctl(broker, "ctl", "status", user="customer-a")
    assert status == 1 and output == "petstorectl ctl: status needs the scope control:status, " \
        "which customer-a lacks\n"
    status, output = ctl(broker, "ctl", "--timeout", "60", "--id", "x", "status")
    assert status == 0


def test_petstorectl_cannot_reach(broker):
    status, output = ctl(broker, "ctl", "--cafile", "/no/such/file", "status")
    assert status == 2 and "petstorectl ctl: " in output
    status, output = ctl(broker, "ctl", "--host", "127.0.0.1", "--port", "1", "status")
    assert status == 2 and output.startswith("petstorectl ctl: 127.0.0.1 port 1: ")


def test_petstorectl_bans(new_broker):
    broker = new_broker()
    watched.watch(broker, {"refusal-streak": {"threshold": 3, "response": "ban",
                                              "seconds": 600}})
    broker.start()
    client = broker.client("collar-7", client_id="culprit")
    for _ in range(3):
        client.publish("weather/today", b"{}", qos=1)
    client.wait_closed()
    status, output = ctl(broker, "bans")
    assert status == 0 and output.splitlines()[1].split()[0:2] == ["banned", "refusal-streak"]
    assert output.splitlines()[1].split()[3:] == ["user", "collar-7", "culprit"]
    assert ctl(broker, "bans", "lift", "someone") == (1, "lifted 0\n")
    assert ctl(broker, "bans", "lift", "culprit") == (0, "lifted 1\n")
    client = broker.client("collar-7", client_id="culprit")
    for _ in range(3):
        client.publish("weather/today", b"{}", qos=1)
    client.wait_closed()
    assert ctl(broker, "bans", "lift-user", "someone") == (1, "lifted 0\n")
    assert ctl(broker, "bans", "lift-user", "collar-7") == (0, "lifted 1\n")
    assert broker.client("collar-7", client_id="culprit")
