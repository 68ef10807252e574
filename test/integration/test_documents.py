"""
Good and bad messages for every channel of the documents that others wrote (SHARED, or ../shared
beside the project), over a real broker. Messages are made of the schemas; which of them are good is
the judgement of python's jsonschema, and the broker has to answer, deliver and keep accordingly.
"""

import contextlib
import difflib
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import warnings

import pytest

jsonschema = pytest.importorskip("jsonschema")
pytest.importorskip("yaml")
warnings.filterwarnings("ignore", category=DeprecationWarning, module="jsonschema|documents")

import engines
import harness
import rawmqtt
from documents import MUTANTS_MAX, VALUES_MAX, Document, Judge, Maker, Place, mutants, some
from test_agree import LINT, SHARED, find, lint, root_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TAKEN = (0, 0x10)
CONTENT_TYPE, RESPONSE_TOPIC, USER_PROPERTY = 0x03, 0x08, 0x26


def different(paths):
    """Each document once, whatever the number of folders that have it as it is."""
    found = {}
    for path in paths:
        folder = os.path.dirname(root_of(path) or path)
        digest = hashlib.sha256(os.path.relpath(path, folder).encode())
        for around, _, names in sorted(os.walk(root_of(path) or os.path.dirname(path))):
            for name in sorted(names):
                with open(os.path.join(around, name), "rb") as file:
                    digest.update(file.read())
        found.setdefault(digest.digest(), path)
    return sorted(found.values())


PATHS = different(find(os.path.join(SHARED, "contract-documents")))


def is_2(text):
    return re.search(r"(?m)^asyncapi: *['\"]?2", text) is not None


def read(path):
    """Of 2.x as the translation to 3.x, which has tests of its own."""
    with open(path, encoding="utf-8") as file:
        if not is_2(file.read()):
            return Document(path)
    done = subprocess.run([LINT, "contract", "convert", path, "--view", "client"],
                          capture_output=True, text=True, check=False)
    return Document(path, done.stdout)


def turned(path, folder):
    """A copy whose operations are the other way round, so that all its schemas are tried."""
    source = root_of(path) or os.path.dirname(path)
    copy = os.path.join(folder, os.path.relpath(source, os.path.join(source, "..", "..")))
    shutil.copytree(source, copy)
    copied = os.path.join(copy, os.path.relpath(path, source))
    with open(copied, encoding="utf-8") as file:
        text = file.read()
    if is_2(text):
        text = re.sub("(?m)^( +)(publish|subscribe)(?=: *$)",
                      lambda found: found[1] + {"publish": "subscribe"}.get(found[2], "publish"), text)
    else:
        text = re.sub("(?<=action: )(['\"]?)(send|receive)",
                      lambda found: found[1] + {"send": "receive"}.get(found[2], "send"), text)
    os.chmod(copied, 0o644)
    with open(copied, "w", encoding="utf-8") as file:
        file.write(text)
    return copied


class Broker(harness.Broker):
    """With the document as contract, where it lies, and without what `make run` adds to it."""

    def __init__(self, folder, template, path, scopes):
        self.folder, self.schemas, self.contract = str(folder), None, path
        self.process, self.is_bound, self.environment = None, False, {}
        self.database = engines.database_of(self.folder)
        os.mkdir(self.folder)
        for name in ("passwords", "credentials"):
            shutil.copy(os.path.join(template, name), self.path(name))
        with open(self.path("access.json"), "w", encoding="utf-8") as file:
            root = Document(path).root
            json.dump({"applications": {root.get("id") or root["info"]["title"]: {"x-perspective": "client"}},
                       "roles": {"all": {"scopes": scopes}, "none": {"scopes": []}},
                       "users": {"backoffice": {"roles": ["all"]}, "monitor": {"roles": ["all"]},
                                 "customer-a": {"roles": ["none"]}}}, file)

    def configure(self):
        self.tls, self.wss, self.mtls, self.plain = harness.free_ports(4)
        root = root_of(self.contract)
        with open(self.path("mosquitto.conf"), "w", encoding="utf-8") as file:
            file.write(self.database.configure(
                f"listener {self.plain} 127.0.0.1\nallow_anonymous false\nuser root\n"
                f"plugin {harness.PLUGIN}\nplugin_opt_contract {self.contract}\n"
                + (f"plugin_opt_contract_root {root}\n" if root else "") +
                f"plugin_opt_access {self.folder}/access.json\n"
                f"plugin_opt_password_file {self.folder}/passwords\n"
                "plugin_opt_database its\nplugin_opt_journal_size 4194304\n"))


def differences(what, expected, found):
    """In two lists, in their order."""
    lines = difflib.unified_diff([repr(each) for each in expected], [repr(each) for each in found], "sent", what,
                                 lineterm="", n=1)
    return ["\n".join(lines)] if expected != found else []


class Trial:
    """What is published to one topic, and what should come of it."""

    def __init__(self, broker, document, topic):
        self.broker, self.document, self.topic = broker, document, topic
        self.client = broker.client("backoffice")
        self.reader = broker.client("monitor")
        self.taken, self.refused, self.wrong = [], 0, []
        self.is_read = bool(topic.receives)
        codes = self.reader.subscribe(topic.name)
        if codes != [2 if self.is_read else rawmqtt.NOT_AUTHORIZED]:
            self.wrong.append(f"subscribing is answered with {codes}")

    def publish(self, payload, is_good, said="", topic=None, qos=None, properties=b"", is_late=False,
                user="backoffice"):
        """
        @is_late: of a refusal for its properties 2.0's acknowledgement does not tell, only what is
        kept and delivered.
        """
        payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        qos = max(self.topic.qos, 1) if qos is None else qos
        topic = topic or self.topic.name
        client = self.client if user == "backoffice" else self.broker.client(user)
        code = client.publish(topic, payload, qos, properties=properties)
        if is_good:
            self.taken.append((topic, payload))
        else:
            self.refused += 1
        if qos > 0 and not (is_late and not harness.IS_2_1) and (code in TAKEN) != is_good:
            self.wrong.append(f"{said or payload[:300]} is answered with 0x{code:02x}")

    def finish(self):
        """[what is wrong]"""
        self.client.ping()
        if self.is_read:
            count = -1
            while count < len(self.reader.inbox):  # 20 at a time
                count = len(self.reader.inbox)
                self.reader.ping()
            self.wrong += differences("delivered", self.taken,
                                      [(each.topic, each.payload) for each in self.reader.inbox])
        for client in (self.client, self.reader):
            client.disconnect()
        return [f"{self.topic.name}: {each}" for each in self.wrong]


def content(document, message):
    """What tells it from other messages, as text."""
    found = {name: document.member(message, name) for name in ("payload", "headers", "contentType", "correlationId")}
    return json.dumps({name: (each.file, each.value) for name, each in found.items() if each}, sort_keys=True)


def judges(document, topic):
    """{where a message is: (the message, the judge of its payload, of its headers)}; equal ones count once"""
    def judge(message, name):
        schema = document.member(message, name)
        return schema and Judge(document, schema)

    unlike = {content(document, message): where for where, message in reversed(topic.send.items())}
    return {where: (topic.send[where], judge(topic.send[where], "payload"), judge(topic.send[where], "headers"))
            for where in topic.send if where in unlike.values()}


def payloads_of(document, message, judge):
    """Good ones."""
    if judge is None:
        return [""]
    return some(filter(judge.is_good, Maker(document).candidates(message)), VALUES_MAX)


def user(name, value):
    return bytes([USER_PROPERTY]) + rawmqtt.field(name) + rawmqtt.field(value)


def correlation(document, message):
    """Where a correlation id has to be: ("header", name), ("payload", name), or nothing: a schema that
    has the member says whether it is required."""
    found = document.member(message, "correlationId")
    found = found and re.fullmatch("[$]message.(header|payload)#/([^/]*)", found.value["location"])
    if not found:
        return None, None
    where, name = found.groups()
    schema = document.member(message, "headers" if where == "header" else "payload")
    properties = document.member(schema, "properties") if schema else None
    return (None, None) if properties and name in properties.value else (where, name)


def usual(document, message):
    """The user property that its correlation id has to be in."""
    where, name = correlation(document, message)
    return user(name, "c") if where == "header" else b""


def try_properties(trial, payload, message, headers):
    """Of a message that is good without them."""
    always = usual(trial.document, message)
    for is_reply in [True] * any(each.get("reply") for each in trial.topic.sends):
        trial.publish(payload, False, is_late=is_reply,
                      properties=always + bytes([RESPONSE_TOPIC]) + rawmqtt.field("no/such"))
    has_type = message.value.get("contentType") or trial.document.root.get("defaultContentType")
    trial.publish(payload, not has_type, is_late=True,
                  properties=always + bytes([CONTENT_TYPE]) + rawmqtt.field("image/png"))
    if always:
        trial.publish(payload, False, is_late=True)
    names = headers.validator.schema.get("properties", {}) if headers else {}
    for name, value in itertools.product(names, ("text", "7", "-1", "1000000", "1.5")):
        is_number = "integer" in json.dumps(names[name]) and value != "text"
        good = headers.is_good({name: json.loads(value) if is_number else value})
        other = b"" if user(name, "c") == always else always
        trial.publish(payload, good, f"{name}: {value}", properties=other + user(name, value),
                      is_late=not good)


def asks_scope(document, topic):
    """Is there none who may send without one?"""
    def has_scopes(securities):
        followed = [document.follow(Place(document.path, each)).value for each in securities]
        return bool(followed) and all(each.get("scopes") for each in followed)

    return all(has_scopes(operation.get("security", [])) for operation in topic.sends) or \
        has_scopes([each for server in document.servers().values()
                    for each in server.get("security", [{"type": "none"}])])


def try_message(trial, message, judge, headers, is_good):
    good = payloads_of(trial.document, message, judge)
    assert good, f"no message could be made for {trial.topic.name}"
    always = usual(trial.document, message)
    bad = [each for value in good[:2]
           for each in some(itertools.islice(mutants(value), 3000), MUTANTS_MAX)]
    for value in some(good + bad, len(good + bad)):
        trial.publish(value, is_good(value), properties=always)
    for text in (b"{", b"", b'"\xff"'):
        trial.publish(text, False)
    first = next(filter(is_good, good), None)
    if first is not None:
        trial.publish(first, not asks_scope(trial.document, trial.topic), "without scopes",
                      properties=always, user="customer-a")
        trial.publish(first, False, topic=trial.topic.name + "/7")
        if trial.topic.qos > 0:
            trial.publish(first, False, qos=0)
        try_properties(trial, first, message, headers)


def try_channel(trial, known):
    """Everything of one topic that may be sent to."""
    def is_good(value):
        """Is it one message, with a correlation id where the payload has to have one?"""
        fitting = [message for message, judge, _ in known.values() if judge is None or judge.is_good(value)]
        where, name = correlation(trial.document, fitting[0]) if len(fitting) == 1 else (None, None)
        return len(fitting) == 1 and (where != "payload" or name in value)

    for message, judge, headers in known.values():
        if judge is None:
            trial.publish(b"", len(known) == 1)
        else:
            try_message(trial, message, judge, headers, is_good)


def try_document(path, template, folder):
    document = read(path)
    broker = Broker(folder, template, path, document.scopes())
    wrong, taken, refused = [], [], 0
    with harness.running(broker):
        topics = document.topics().values()
        for topic in topics:
            trial = Trial(broker, document, topic)
            known = judges(document, topic)
            if known:
                try_channel(trial, known)
            else:
                trial.publish({}, False)
            wrong += trial.finish()
            taken += trial.taken
            refused += trial.refused
        broker.client("backoffice").publish("no/such/topic", b"{}", 1)
        with contextlib.suppress(AssertionError):  # what lacks is said below
            harness.until(lambda: broker.rows("SELECT count(*) FROM events")[0][0] >= len(taken), "rows")
        kept = broker.rows("SELECT topic, payload FROM events ORDER BY seq")
    kept = [(topic, payload.encode() if isinstance(payload, str) else payload) for topic, payload in kept]
    wrong += differences("kept", taken, kept)
    return wrong, len(topics), len(taken), refused


@pytest.mark.parametrize("is_turned", [False, True], ids=["", "turned"])
@pytest.mark.parametrize("path", PATHS, ids=[os.path.relpath(path, SHARED) for path in PATHS])
def test_messages(path, is_turned, template, tmp_path):
    is_good, errors = lint(path)
    if not is_good:
        pytest.skip(f"does not load: {errors[0]}")
    if is_turned:
        path = turned(path, tmp_path)
    wrong, *_ = try_document(path, template, tmp_path / "run")
    assert not wrong, "\n".join(wrong)


if __name__ == "__main__":  # the table of what was tried
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        harness.prepare(os.path.join(scratch, "run"))
        for count, each in enumerate(PATHS):
            shown = os.path.relpath(each, SHARED)
            if not lint(each)[0]:
                print(f"{shown}: {lint(each)[1][0]}")
                continue
            found, *numbers = try_document(each, os.path.join(scratch, "run"), os.path.join(scratch, str(count)))
            print("{}: {} topics, {} accepted, {} refused".format(shown, *numbers), *found, sep="\n\t")
