"""Contract, messages, access file and alert settings in YAML, for the broker and for lint."""

import json
import os
import re
import shutil
import subprocess

import pytest

import harness
import watched

DATA = os.path.join(harness.TOP, "test", "data", "yaml")
CONTRACT = "greenhouse.asyncapi.yaml"


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    folder = tmp_path_factory.mktemp("greenhouse")
    broker = harness.Broker(folder / "run", template, contract=os.path.join(DATA, CONTRACT),
                            access=os.path.join(DATA, "access.yaml"))
    shutil.copy(os.path.join(DATA, "monitor.yaml"), broker.path("monitor.yaml"))
    broker.edits.append(watched.options(monitor=broker.path("monitor.yaml")))
    broker.start()
    yield broker
    broker.stop()


def publish(broker, topic, payload, user="backoffice"):
    """The reason that the broker logged, and None where it took the message."""
    client = broker.client(user)
    before = broker.mark()
    code = client.publish(topic, payload, 1)
    reasons = [refusal[3] for refusal in broker.refusals(before)]
    assert bool(reasons) == (code not in (0, 0x10))
    return reasons[0] if reasons else None


def test_messages(broker):
    topic = "greenhouse/b1/temperature"
    reading = {"bed": "b1", "value": -15}
    assert publish(broker, topic, json.dumps(reading)) is None
    assert publish(broker, topic, json.dumps(dict(reading, note="dry"))) is None
    assert publish(broker, topic, json.dumps(dict(reading, note="tr\u00e8s sec"))) == "schema-violation"
    assert publish(broker, topic, json.dumps(dict(reading, value=60.5))) == "schema-violation"
    assert publish(broker, topic, json.dumps(dict(reading, bed="b2"))) == "id-mismatch"
    assert publish(broker, "greenhouse/b1/light", json.dumps(reading)) == "topic-parameter"
    assert publish(broker, topic, json.dumps(reading), "customer-a") == "scope-missing"


def test_on_and_off_are_strings(broker):
    for state, reason in (("on", None), ("off", None), (None, None), (True, "schema-violation"),
                          (False, "schema-violation")):
        assert publish(broker, "greenhouse/valve", json.dumps({"state": state})) == reason
    too_long = '{"state": "on"%s}' % (" " * 60)
    assert publish(broker, "greenhouse/valve", too_long) == "payload-too-large"


BAD = {
    "a tab": (CONTRACT, lambda text: text.replace("  title:", "\ttitle:"),
              r"greenhouse.asyncapi.yaml:4:1: /info: not YAML: .*tab"),
    "an address without quotes": (CONTRACT,
                                  lambda text: text.replace("greenhouse/valve", "{valve}/on"),
                                  r"yaml:21:21: .*has to be quoted"),
    "a name twice": (CONTRACT, lambda text: text + "components: {}\n",
                     r"yaml:59:1: /components: occurs twice, first at 52:1"),
    "a boolean for a text": (CONTRACT, lambda text: text.replace("'1.0'", "1.0"),
                             r"yaml:5:3: /info/version: expected a string"),
    "no number": ("messages/reading.yml", lambda text: text.replace("+60", ".inf"),
                  r"messages/reading.yml:9:\d+: .*JSON has no number \.inf"),
    "an alias to nothing": ("access.yaml", lambda text: text.replace("[gardener]", "*roles"),
                            r'access.yaml:6:\d+: /users/backoffice/roles: there is no anchor "roles"'),
    "a role that is not there": ("access.yaml", lambda text: text.replace("[gardener]", "[warden]"),
                                 r'access.yaml:6:\d+: /users/backoffice/roles/0: .*"warden"'),
    "a second document": ("monitor.yaml", lambda text: text + "---\n{}\n",
                          r"monitor.yaml:6:1: a second document"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_changes_nothing(broker, name):
    """One line, with its place; what was in force stays so."""
    file, change, expected = BAD[name]
    path = os.path.join(broker.folder if file in ("access.yaml", "monitor.yaml")
                        else broker.schemas, file)
    with open(path) as saved:
        good = saved.read()
    assert change(good) != good
    with open(path, "w") as changed:
        changed.write(change(good))
    try:
        log = [line for line in broker.reload().splitlines() if "petstore: " in line]
        lint = subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "lint", "--config",
                               broker.path("mosquitto.conf")], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    finally:
        with open(path, "w") as changed:
            changed.write(good)
    assert len([line for line in log if re.search(expected, line)]) == 1, "\n".join(log)
    assert not [line for line in log if "reloaded contract" in line]
    assert lint.returncode == 1
    assert re.search(expected, lint.stdout), lint.stdout
    assert publish(broker, "greenhouse/valve", '{"state": "on"}') is None
    assert "petstore: reloaded contract" in broker.reload()


def test_new_rules_come_with_a_reload(broker):
    path = os.path.join(broker.schemas, CONTRACT)
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("[on, off, ~]", "[on, off]"))
    assert "petstore: reloaded contract" in broker.reload()
    assert publish(broker, "greenhouse/valve", '{"state": null}') == "schema-violation"
    assert publish(broker, "greenhouse/valve", '{"state": "on"}') is None
