"""A broker whose monitor is quick to see things, and who listens to what it says."""

import contextlib
import json
import os
import signal

import harness
import messages
import rawmqtt

# Two seconds are long for a test and short for a machine: each pattern is staged within one.
QUICK = {
    "refusal-streak": {"threshold": 5, "windowSeconds": 2},
    "rate-limit": {"threshold": 5, "windowSeconds": 2, "response": "disconnect", "seconds": 4},
    "id-probing": {"threshold": 8, "windowSeconds": 2},
    "credential-stuffing": {"threshold": 6, "windowSeconds": 2},
    "user-attack": {"threshold": 6, "windowSeconds": 2},
    "publish-rate": {"threshold": 20, "windowSeconds": 1, "factor": 4},
    "payload-size": {"threshold": 3, "windowSeconds": 2, "factor": 5},
    "duplicate-flood": {"threshold": 10, "windowSeconds": 2},
    "silent-device": {"threshold": 3, "factor": 2},
    "clock-skew": {"threshold": 2, "windowSeconds": 2, "factor": 60},
    "takeover": {"threshold": 3, "windowSeconds": 2},
    "stuck-status": {"windowSeconds": 1},
    "conflict": {"windowSeconds": 2},
}


def options(**lines):
    """An edit of the configuration: plugin_opt_NAME VALUE lines behind the contract's."""
    def edit(text):
        wanted = ["plugin_opt_%s %s" % pair for pair in lines.items()]
        rest = [line for line in text.splitlines()
                if not any(line.startswith("plugin_opt_%s " % name) for name in lines)]
        at = next(i for i, line in enumerate(rest) if line.startswith("plugin_opt_contract "))
        return "\n".join(rest[:at] + wanted + rest[at:]) + "\n"
    return edit


def watch(broker, settings, **lines):
    """Has the broker start with these settings."""
    path = os.path.join(broker.folder, "monitor.json")
    os.makedirs(broker.folder, exist_ok=True)
    with open(path, "w") as file:
        json.dump(settings, file)
    broker.edits.append(options(monitor=path, **lines))


def change(broker, edit):
    """@edit changes the contract, a dictionary."""
    with open(broker.contract) as file:
        contract = json.load(file)
    edit(contract)
    with open(broker.contract, "w") as file:
        json.dump(contract, file)


def roles(broker, **limits):
    """The shipped access file with limits for some roles."""
    with open(harness.ACCESS) as file:
        access = json.loads(harness.unbound(file.read()))
    for role, limit in limits.items():
        access["roles"][role]["limits"] = limit
    path = os.path.join(broker.folder, "limited.json")
    os.makedirs(broker.folder, exist_ok=True)
    with open(path, "w") as file:
        json.dump(access, file)
    broker.edits.append(options(access=path))


@contextlib.contextmanager
def at_once(broker):
    """
    Meanwhile the broker does nothing: what is sent it takes in one go, however long a slow machine
    sends it, and of what is done elsewhere it sees the outcome alone.
    """
    broker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.process.send_signal(signal.SIGCONT)


def publish_at_once(client, *published, qos=1):
    """All before the first is answered, so that no slow way there and back parts them; the codes."""
    for mid, (topic, payload) in enumerate(published, 1000):
        client.publish_nowait(topic, payload, qos, mid)
    kind = rawmqtt.PUBACK if qos == 1 else rawmqtt.PUBREC
    return [client.ack(mid, kind) for mid in range(1000, 1000 + len(published))]


class Listener:
    """Hears every alert."""

    def __init__(self, broker):
        self.client = broker.client("monitor")
        assert self.client.subscribe("alerts/#") == [2]
        self.heard = []

    def wait(self, kind, state, **members):
        """The alert with these members; those that come before it stay in .heard."""
        while True:
            message = self.client.message()
            alert = json.loads(message.payload)
            assert message.topic == "alerts/" + alert["kind"]
            self.heard.append(alert)
            if (alert["kind"], alert["state"]) == (kind, state) and \
               all(alert.get(name) == value for name, value in members.items()):
                return alert


def ask(broker, *commands, user="backoffice"):
    """The responses to commands."""
    client = broker.client(user)
    client.publish("$CONTROL/petstore/v1", json.dumps({"commands": list(commands)}).encode(),
                   qos=1)
    message = client.message()
    assert message.topic == "$CONTROL/petstore/v1/response"
    client.disconnect()
    return json.loads(message.payload)["responses"]
