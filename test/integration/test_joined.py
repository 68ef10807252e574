"""
Documents that others wrote (SHARED, or ../shared beside the project), unchanged and joined in one
broker, each as its own team sees it: for each there is a user that is its application, one that
talks to it, and one more that is nothing to anybody. What each may publish and receive is what its
document says, whatever the others say of the same topics.
"""

import json
import os
import shutil
import subprocess

import pytest

pytest.importorskip("jsonschema")
pytest.importorskip("yaml")

import engines
import harness
import rawmqtt
from documents import some
from test_agree import LINT, SHARED, lint
from test_documents import PATHS, TAKEN, is_2, judges, payloads_of, read, usual

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FOLDER = os.path.join(SHARED, "contract-documents")
MESSAGES_MAX = 2  # of each message
CASE = os.path.join(SHARED, "contract-cases", "two-services")


class Broker(harness.Broker):
    """With the documents, or folders of them, at @paths below @root, and a user of each of @roles."""

    def __init__(self, folder, template, paths, root, roles):
        self.folder, self.schemas, self.contract = str(folder), None, paths[0]
        self.paths, self.root = paths, root
        self.process, self.is_bound, self.environment = None, False, {}
        self.database = engines.database_of(self.folder)
        os.mkdir(self.folder)
        shutil.copy(os.path.join(template, "credentials"), self.path("credentials"))
        with open(os.path.join(template, "passwords"), encoding="utf-8") as file:
            hashed = next(line for line in file if line.startswith("backoffice:")).split(":", 1)[1]
        users = {name: [name] for name in roles} | {"nobody": []}
        with open(self.path("passwords"), "w", encoding="utf-8") as file:
            file.writelines(f"{user}:{hashed}" for user in users)
        with open(self.path("access.json"), "w", encoding="utf-8") as file:
            json.dump({"roles": roles, "users": {user: {"roles": of} for user, of in users.items()}}, file)

    def password(self, user):
        return super().password("backoffice")

    def configure(self):
        self.tls, self.wss, self.mtls, self.plain = harness.free_ports(4)
        with open(self.path("mosquitto.conf"), "w", encoding="utf-8") as file:
            file.write(f"listener {self.plain} 127.0.0.1\nallow_anonymous false\nuser root\nplugin {harness.PLUGIN}\n")
            file.writelines(f"plugin_opt_contract {path}\n" for path in self.paths)
            file.write(self.database.configure(
                f"plugin_opt_contract_root {self.root}\n"
                f"plugin_opt_access {self.folder}/access.json\n"
                f"plugin_opt_password_file {self.folder}/passwords\n"
                "plugin_opt_database its\nplugin_opt_journal_size 4194304\n"))


def lint_joined(paths, root):
    """The warnings, or errors, of several documents."""
    words = [word for path in paths for word in ("--contract", path)]
    done = subprocess.run([LINT, "lint", "--json", *words, "--contract-root", root], capture_output=True, text=True,
                          check=False)
    return [finding["text"] for finding in json.loads(done.stdout)]


def may_publish(broker, user, topic, payload, qos=1, properties=b""):
    client = broker.client(user)
    code = client.publish(topic, payload, qos, properties=properties)
    client.disconnect()
    return code in TAKEN


def may_subscribe(broker, user, topic):
    client = broker.client(user)
    codes = client.subscribe(topic)
    client.disconnect()
    return codes[0] < rawmqtt.NOT_AUTHORIZED and codes[0] < 0x80


def name_of(root):
    return root.get("id") or root["info"]["title"]


def groups(paths):
    """[[document]]: those that load, as few contracts as can be, without two of one name in any."""
    found = []
    for path in paths:
        document = read(path)
        if document.topics() and lint(path)[0]:
            name = name_of(document.root)
            group = next((group for group in found if name not in group), None)
            if group is None:
                found.append(group := {})
            group[name] = document
    return [list(group.values()) for group in found]


class Side:
    """One user's view of a document, turned or not: 2.x is read as the clients of it see it."""

    def __init__(self, broker, user, document, is_turned):
        self.client, self.document, self.is_turned = broker.client(user), document, is_turned

    def messages(self, topic):
        """That it may publish there: [(the message, the judge of its payload)]."""
        messages = topic.receive if self.is_turned else topic.send
        return [(message, judge) for message, judge, _ in judges_of(self.document, messages).values()]

    def is_good(self, topic, payload):
        """None: it is not for this test to say."""
        known = [judge for _, judge in self.messages(topic)]
        fitting = sum(judge is None or judge.is_good(payload) for judge in known)
        return None if fitting > 1 else fitting == 1

    def publish(self, topic, payload, properties):
        data = payload if isinstance(payload, bytes) else b"" if payload == "" else json.dumps(payload).encode()
        return self.client.publish(topic.name, data, 2, properties=properties) in TAKEN


def judges_of(document, messages):
    class Some:
        send = messages

    return judges(document, Some)


def try_topic(topic, document, sides, nobody):
    wrong = []
    for each in sides:
        for message, judge in each.messages(topic):
            for payload in some(payloads_of(document, message, judge), MESSAGES_MAX):
                for user in sides:
                    expected = user.is_good(topic, payload)
                    if expected is not None and user.publish(topic, payload, usual(document, message)) != expected:
                        wrong.append(f"{topic.name} {'talks' if user.is_turned else 'is'} {expected} {payload!r}"[:300])
                if nobody.publish(topic, payload, b""):
                    wrong.append(f"{topic.name}: nobody may publish")
    for user in sides:
        expected = bool(topic.send if user.is_turned else topic.receive)
        if (user.client.subscribe(topic.name)[0] < 0x80) != expected:
            wrong.append(f"{topic.name} {'talks' if user.is_turned else 'is'} subscribes: {not expected}")
    return wrong


def try_document(broker, document, number):
    with open(document.path, encoding="utf-8") as file:
        is_client = is_2(file.read())
    sides = [Side(broker, f"is{number}", document, is_client), Side(broker, f"talks{number}", document, not is_client)]
    nobody = Side(broker, "nobody", document, False)
    wrong = [f"{os.path.relpath(document.path, FOLDER)}: {each}" for topic in document.topics().values()
             for each in try_topic(topic, document, sides, nobody)]
    for side in [*sides, nobody]:
        side.client.disconnect()
    return wrong


@pytest.mark.skipif(not PATHS, reason=f"no contract-documents in {SHARED}")
def test_each_side_of_each_document(template, tmp_path):
    for part, documents in enumerate(groups(PATHS)):
        roles = {}
        for number, document in enumerate(documents):
            name = name_of(document.root)
            roles[f"is{number}"] = {"is": [name]}
            roles[f"talks{number}"] = {"talksTo": [name], "scopes": document.scopes()}
        paths = [document.path for document in documents]
        broker = Broker(tmp_path / str(part), template, paths, FOLDER, roles)
        with harness.running(broker):
            wrong = [each for number, document in enumerate(documents)
                     for each in try_document(broker, document, number)]
        assert not wrong, "\n".join(wrong)


# ---- the social media: backend, comments, notifications and the public API ------------------

SOCIAL = [os.path.join(FOLDER, number, "examples", "social-media") for number in ("s18", "s19", "s20")]
SERVICES = ("backend", "comments-service", "notification-service", "public-api")
SOCIAL_ROLES = {"backend": {"is": ["Website Backend"]}, "comments": {"is": ["Comments Service"]},
                "notifications": {"is": ["Notifications Service"]}, "public": {"is": ["Public API"]},
                "visitor": {"talksTo": ["Public API"]}}


def tree(folder):
    """What its files say."""
    found = []
    for around, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            with open(os.path.join(around, name), encoding="utf-8") as file:
                found.append((os.path.relpath(os.path.join(around, name), folder), file.read()))
    return tuple(found)


def matrix(broker, users, messages):
    """{user: (the topics that it may publish on, those that it may subscribe to)}, as words."""
    return {user: ([name for name, (topic, payload) in messages.items()
                    if may_publish(broker, user, topic, payload)],
                   [name for name, (topic, _) in messages.items() if may_subscribe(broker, user, topic)])
            for user in users}


@pytest.mark.skipif(not os.path.isdir(SOCIAL[0]), reason=f"no social-media in {SHARED}")
def test_social_media(template, tmp_path):
    root = SOCIAL[0]
    assert len(set(tree(each) for each in SOCIAL)) == 1  # one test of all three
    paths = [os.path.join(root, service, "asyncapi.yaml") for service in SERVICES]
    broker = Broker(tmp_path / "run", template, paths, root, SOCIAL_ROLES)
    liked = b'{"commentId": "c1"}'
    messages = {"liked": ("comment/liked", liked), "changed": ("comment/c1/changed", liked),
                "wrong": ("comment/liked", b"7"), "websocket": ("like/comment", liked)}
    with harness.running(broker):
        assert matrix(broker, [*SOCIAL_ROLES, "nobody"], messages) == {
            "backend": (["liked"], ["changed"]),
            "comments": (["changed"], ["liked", "wrong"]),
            "notifications": ([], ["liked", "wrong"]),
            "public": ([], ["liked", "wrong"]),
            "visitor": (["liked"], []),
            "nobody": ([], []),
        }
        reader, backend = broker.client("public"), broker.client("backend")
        reader.subscribe("comment/#")
        backend.publish("comment/liked", liked, 1)
        assert reader.message().payload == liked
        for client in (reader, backend):
            client.disconnect()


@pytest.mark.skipif(not os.path.isdir(SOCIAL[0]), reason=f"no social-media in {SHARED}")
def test_why_the_frontend_is_not_mqtt():
    path = os.path.join(SOCIAL[0], "frontend", "asyncapi.yaml")
    assert lint(path) == (False, [
        path + ":5:1: /servers: no MQTT server: expected one with the protocol mqtt or mqtts "
        "(or ws, wss with an mqtt binding)"])
    done = lint_joined([os.path.join(SOCIAL[0], each, "asyncapi.yaml") for each in SERVICES], SOCIAL[0])
    assert [each for each in done if "clientId: is advice" not in each] == [
        f"{SOCIAL[0]}/backend/asyncapi.yaml:{place}: /channels/{name}/servers: no MQTT server has this channel: "
        "it is no topic, and what its operations say is not enforced"
        for place, name in (("36:5", "newLikeComment"), ("57:5", "updateCommentsCount"))]


# ---- two services, of which one refers to the other's channel -------------------------------


@pytest.mark.skipif(not os.path.isdir(CASE), reason=f"no two-services in {SHARED}")
@pytest.mark.parametrize("paths", [[CASE], [os.path.join(CASE, name) for name in ("sensor.json", "dashboard.json")]],
                         ids=["folder", "documents"])
def test_two_services(template, tmp_path, paths):
    roles = {"sensor": {"is": ["sensor"]}, "dashboard": {"is": ["dashboard"]}, "reader": {"talksTo": ["sensor"]},
             "simulator": {"talksTo": ["dashboard"]}}
    if paths == [CASE]:
        roles["both"] = {"is": ["both"]}
    broker = Broker(tmp_path / "run", template, paths, CASE, roles)
    messages = {"reading": ("plant/7/reading", b'{"v": 1}'), "wrong": ("plant/7/reading", b"{}"),
                "other": ("plant/7/other", b'{"v": 1}')}
    expected = {"sensor": (["reading"], []), "dashboard": ([], ["reading", "wrong"]),
                "reader": ([], ["reading", "wrong"]), "simulator": (["reading"], []),
                "both": (["reading"], ["reading", "wrong"]), "nobody": ([], [])}
    with harness.running(broker):
        assert matrix(broker, [*roles, "nobody"], messages) == {user: expected[user] for user in [*roles, "nobody"]}
