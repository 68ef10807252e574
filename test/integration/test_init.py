"""
From documents to a broker that enforces them (petstorectl init): what is printed is run as it is.
And AsyncAPI's own street lights, unchanged, where they are (SHARED, or ../shared beside the
project): who may publish, subscribe and receive what.
"""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

import harness
import rawmqtt

TOOL = os.path.join(harness.BUILD, "petstorectl")
SHARED = os.environ.get("SHARED", os.path.join(os.path.dirname(harness.TOP), "shared"))
APPLICATIONS = os.path.join(harness.TOP, "test", "data", "applications")
LIGHTS = os.path.join(SHARED, "contract-documents", "s01", "streetlights-mqtt-asyncapi.yml")
API = "Streetlights MQTT API"

needs_lights = pytest.mark.skipif(not os.path.exists(LIGHTS), reason="no %s" % LIGHTS)


class Made:
    """A folder of petstorectl init and its broker, started with the printed command."""

    def __init__(self, folder, *documents):
        self.folder = folder
        self.port, = harness.free_ports(1)
        self.text = subprocess.run(
            [TOOL, "init", *documents, "--out", str(folder), "--port", str(self.port), "--plugin",
             harness.PLUGIN], text=True, check=True, stdout=subprocess.PIPE).stdout
        # A machine with much to do takes a second for a key, which is the share of two.
        file = folder / "mosquitto.conf"
        file.write_text(re.sub("(?m)^(plugin .*\n)", r"\1plugin_opt_derivation_share 100\n",
                               file.read_text()))
        self.process = None

    def commands(self, program):
        return [line.strip() for line in self.text.splitlines()
                if line.strip().startswith(program + " ")]

    def log(self):
        return (self.folder / "log").read_text()

    def __enter__(self):
        start, = self.commands("mosquitto")
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen("exec " + start, shell=True, stdout=log, stderr=log,
                                            env=harness.broker_environment())
        harness.until(lambda: re.search(r"mosquitto version \S+ running", self.log()) or
                      self.process.poll() is not None, "the broker")
        assert self.process.poll() is None, self.log()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(harness.WAIT) == 0, self.log()

    def client(self, user):
        lines = (self.folder / "credentials").read_text().splitlines()
        password = dict(line.split() for line in lines)[user]

        def come():
            stream = rawmqtt.open_stream("tcp", self.port)
            client = rawmqtt.RawClient(stream, client_id=user, user=user, password=password)
            return client if client.code == 0 else None

        return harness.until(come, "a login")


def run(command):
    return subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300).stdout


def listening(command):
    """Its shell; None: a busy machine has derived all keys that a second has time for."""
    shell = harness.Shell(command + " -d")
    try:
        shell.line_with("SUBACK")
        return shell
    except AssertionError:
        shell.finish()
        return None


def try_all(made):
    """The printed commands: what is said to be accepted is delivered, the rest is refused."""
    reader, publisher = made.commands("mosquitto_sub")
    publishes = made.commands("mosquitto_pub")
    listeners = []
    try:
        for command in (reader, publisher):
            listeners.append(harness.until(lambda: listening(command), "a login"))
        valid, invalid = publishes[:2]
        assert "Not authorized" not in run(valid)
        assert "Not authorized" in run(invalid)
        assert "Not authorized" in run(publishes[-1])
        topic = re.search(r" -t (\S+) -m ", valid).group(1)
        assert listeners[0].line_with(topic)
        assert listeners[1].line_with('"schema-violation"').startswith("refusals/")
        if len(publishes) > 3:  # the other way round
            assert "Not authorized" not in run(publishes[2])
            assert listeners[1].line_with(re.search(r" -t (\S+) -m ", publishes[2]).group(1))
    finally:
        for listener in listeners:
            listener.kill()
            listener.finish()
    for command in made.text.splitlines():
        if "petstorectl" in command:
            assert subprocess.run(command, shell=True, stdout=subprocess.PIPE).returncode == 0


def printed_by_init(document, folder):
    """What is printed for it. No broker is started."""
    (folder / "its.asyncapi.json").write_text(json.dumps(document))
    return subprocess.run(
        [TOOL, "init", str(folder / "its.asyncapi.json"), "--out", str(folder / "made"),
         "--plugin", harness.PLUGIN], text=True, check=True, stdout=subprocess.PIPE).stdout


def test_what_does_not_show_is_not_pasted(tmp_path):
    """An escape sequence that ends what a terminal takes for pasted, in an example and a topic."""
    document = {
        "asyncapi": "3.0.0", "info": {"title": "Odd", "version": "1.0.0"},
        "channels": {"c": {
            "address": "odd/{id}",
            "parameters": {"id": {"examples": ["1\x1b[201~\ntouch x\n"]}},
            "messages": {"m": {
                "contentType": "text/plain", "payload": {"type": "string"},
                "examples": [{"payload": "2\x1b[201~\ntouch x\n"}, {"payload": "'$(touch x)`"}]}}}},
        "operations": {"say": {"action": "send", "channel": {"$ref": "#/channels/c"}}}}
    text = printed_by_init(document, tmp_path)
    assert "-m ''\\''$(touch x)`'" in text
    assert "\x1b" not in text and "\ntouch" not in text


def test_a_made_payload_names_the_topic(tmp_path):
    """Where a parameter's value stands in the payload, the topic has the one that was made."""
    document = {
        "asyncapi": "3.0.0", "info": {"title": "Shop", "version": "1.0.0"},
        "channels": {"c": {
            "address": "orders/{id}", "parameters": {"id": {"location": "$message.payload#/id"}},
            "messages": {"m": {"payload": {
                "type": "object", "required": ["id"],
                "properties": {"id": {"const": "order-number-seventy-seven"}}}}}}},
        "operations": {"say": {"action": "send", "channel": {"$ref": "#/channels/c"}}}}
    text = printed_by_init(document, tmp_path)
    assert "-t orders/order-number-seventy-seven -m " in text


def test_the_plugin_of_its_own_prefix(tmp_path):
    """As `make install` puts them, under any PREFIX: bin/ and lib/."""
    for folder, path in (("bin", TOOL), ("lib", harness.PLUGIN)):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder)
    lamp = os.path.join(APPLICATIONS, "lamp.asyncapi.yaml")
    subprocess.run([tmp_path / "bin" / "petstorectl", "init", lamp, "--out", tmp_path / "try"],
                   check=True, stdout=subprocess.DEVNULL)
    lines = (tmp_path / "try" / "mosquitto.conf").read_text().splitlines()
    assert "plugin %s" % os.path.realpath(tmp_path / "lib" / "mosquitto_petstore.so") in lines


def test_a_folder_in_the_way(tmp_path):
    """--force replaces all of the files or none."""
    made = tmp_path / "made"
    (made / "passwords").mkdir(parents=True)
    (made / "access.json").write_text("mine")
    done = subprocess.run(
        [TOOL, "init", os.path.join(APPLICATIONS, "lamp.asyncapi.yaml"), "--out", str(made),
         "--force", "--plugin", harness.PLUGIN], text=True, stderr=subprocess.PIPE)
    assert done.returncode == 2 and "passwords: Is a directory" in done.stderr
    assert (made / "access.json").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["made"]


def test_several_documents(tmp_path):
    documents = sorted(glob.glob(os.path.join(APPLICATIONS, "*.yaml")))
    for document in documents:
        shutil.copy(document, tmp_path)
    with Made(tmp_path / "try", str(tmp_path)) as made:
        assert oct((tmp_path / "try" / "credentials").stat().st_mode & 0o777) == "0o600"
        try_all(made)


@needs_lights
def test_street_lights(tmp_path):
    shutil.copy(LIGHTS, tmp_path)
    with Made(tmp_path / "try", str(tmp_path / os.path.basename(LIGHTS))) as made:
        try_all(made)


def test_clients_view(tmp_path):
    """The shipped contract, which has notices of its own: one user, who may do everything."""
    shutil.copytree(os.path.join(harness.TOP, "schemas"), tmp_path / "schemas")
    with Made(tmp_path / "try", str(tmp_path / "schemas" / "petstore.asyncapi.json")) as made:
        assert list(json.loads((tmp_path / "try" / "access.json").read_text())["users"]) == ["client"]
        assert not (tmp_path / "try" / "notices.asyncapi.yaml").exists()
        listener = harness.until(lambda: listening(made.commands("mosquitto_sub")[0]), "a login")
        valid, invalid = made.commands("mosquitto_pub")[:2]
        assert "Not authorized" not in run(valid)
        assert "Not authorized" in run(invalid)
        assert listener.line_with(re.search(r" -t (\S+) -m ", valid).group(1))
        listener.kill()
        listener.finish()


# ---- the street lights, unchanged ----------------------------------------------------------

EVENT = "smartylighting/streetlights/1/0/event/%s/lighting/measured"
ON = "smartylighting/streetlights/1/0/action/%s/turn/on"
DIM = "smartylighting/streetlights/1/0/action/%s/dim"
MEASURED, COMMAND, PERCENT = '{"lumens": 3}', '{"command": "on"}', '{"percentage": 40}'

# user: (topic, payload, accepted)
PUBLISHES = {
    "centre": [(EVENT % "lamp-7", MEASURED, False), (ON % "lamp-7", COMMAND, True),
               (ON % "lamp-8", COMMAND, True), (ON % "lamp-7", '{"command": "blink"}', False),
               (DIM % "lamp-7", PERCENT, True), (DIM % "lamp-7", '{"percentage": 101}', False),
               ("smartylighting/other", "{}", False)],
    "lamp-7": [(EVENT % "lamp-7", MEASURED, True), (EVENT % "lamp-8", MEASURED, False),
               (EVENT % "lamp-7", '{"lumens": -3}', False), (ON % "lamp-7", COMMAND, False),
               (DIM % "lamp-8", PERCENT, False)],
    "stranger": [(EVENT % "lamp-7", MEASURED, False), (ON % "lamp-7", COMMAND, False),
                 (DIM % "lamp-7", PERCENT, False)],
}

# user: (filter, granted)
SUBSCRIBES = {
    "centre": [(EVENT % "+", True), (ON % "lamp-7", False)],
    "lamp-7": [(ON % "lamp-7", True), (DIM % "lamp-7", True), (ON % "lamp-8", False),
               (EVENT % "lamp-7", False)],
    "stranger": [(EVENT % "+", False), (ON % "+", False), ("smartylighting/#", False)],
}

# user: of all of the above it receives, having subscribed to #
DELIVERED = {
    "centre": [EVENT % "lamp-7"],
    "lamp-7": [ON % "lamp-7", DIM % "lamp-7"],
    "stranger": [],
}

ROLES = {
    "centre": {"is": [API]},
    "lamp": {"talksTo": [API], "where": {"streetlightId": ["{name}"]}},
    "nothing": {},
}
USERS = {"centre": "centre", "lamp-7": "lamp", "stranger": "nothing"}


def set_accounts(folder):
    """Lamp, control centre and one who is nothing, in place of the two users that were made."""
    access = folder / "access.json"
    text = json.loads(access.read_text())
    text.update(roles=ROLES, users={user: {"roles": [role]} for user, role in USERS.items()})
    access.write_text(json.dumps(text))
    (folder / "credentials").write_text("".join("%s secret\n" % user for user in USERS))
    for user in USERS:
        subprocess.run([TOOL, "passwd", "set", "--iterations", "10000", folder / "passwords", user],
                       input="secret\n", text=True, check=True)


@needs_lights
def test_street_lights__who_may_what(tmp_path):
    document = tmp_path / os.path.basename(LIGHTS)
    shutil.copy(LIGHTS, document)
    made = Made(tmp_path / "try", str(document))
    set_accounts(tmp_path / "try")
    with made:
        clients = {user: made.client(user) for user in USERS}
        for user, rows in SUBSCRIBES.items():
            for topic, is_granted in rows:
                assert (clients[user].subscribe(topic)[0] < 0x80) == is_granted, (user, topic)
                clients[user].unsubscribe(topic)
        for user, client in clients.items():
            client.subscribe("#", "refusals/%s/+" % user)
        for user, rows in PUBLISHES.items():
            for topic, payload, is_accepted in rows:
                code = clients[user].publish(topic, payload, qos=1)
                assert (code < 0x80) == is_accepted, (user, topic, payload)
        for user, expected in DELIVERED.items():
            clients[user].ping()
            got = [each.topic for each in clients[user].inbox]
            assert [each for each in got if not each.startswith("refusals/")] == expected, user
            assert {each for each in got if each.startswith("refusals/")} == {
                "refusals/%s/%s" % (user, user)}
    with open(LIGHTS, "rb") as before:
        assert before.read() == document.read_bytes()
