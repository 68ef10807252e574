"""
AsyncAPI documents read without the project's code, and messages made of their schemas: which are
good is the judgement of python's jsonschema.
"""

import contextlib
import copy
import itertools
import json
import os
import re
import urllib.parse

import jsonschema
import yaml

BAD_TEXT = " !"  # at its end a text is of none of the formats below
FORMATS = {
    "date-time": "2026-01-15T10:00:00Z", "date": "2026-01-15", "time": "10:00:00Z",
    "email": "a@example.com", "uri": "https://example.com/a", "uri-reference": "/a",
    "iri": "https://example.com/a", "iri-reference": "/a", "hostname": "example.com",
    "uuid": "00000000-0000-4000-8000-000000000000", "ipv4": "10.0.0.1", "ipv6": "::1",
    "byte": "YWJj",
}
TIME = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
VALUES_MAX = 6  # good ones of a message
MUTANTS_MAX = 40  # of a good one


# ---- reading ------------------------------------------------------------------------------


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, where on and no are texts and no text is a date."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in (
        ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", "[-+]?[0-9]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789")):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


def merge(target, patch):
    """JSON Merge Patch."""
    if not isinstance(target, dict) or not isinstance(patch, dict):
        return patch
    merged = {**target, **{key: merge(target.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def unescaped(part):
    """Of a JSON Pointer in a URI."""
    return urllib.parse.unquote(part).replace("~1", "/").replace("~0", "~")


class Place:
    """A value, and the file that its references are read in."""

    def __init__(self, file, value):
        self.file, self.value = file, value


class Document:
    """
    A document of AsyncAPI 3. @path is where its references lead from; @text, if it isn't the
    file's own.
    """

    def __init__(self, path, text=None):
        self.files = {}
        self.path = path
        self.root = self.read(path, text)

    def read(self, path, text=None):
        if path not in self.files:
            if text is None:
                with open(path, encoding="utf-8") as file:
                    text = file.read()
            self.files[path] = yaml.load(text, Core)
        return self.files[path]

    def follow(self, place):
        """To the end of its references."""
        while isinstance(place.value, dict) and isinstance(place.value.get("$ref"), str):
            file, _, pointer = place.value["$ref"].partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(place.file), file)) if file else place.file
            value = self.read(path)
            for part in pointer.split("/")[1:]:
                value = self.follow(Place(path, value)).value if "$ref" in value else value
                value = value[int(part)] if isinstance(value, list) else value[unescaped(part)]
            place = Place(path, value)
        return place

    def member(self, place, *names):
        """Of it or of what it refers to; None: there is none."""
        for name in names:
            value = self.follow(place).value
            if not isinstance(value, dict) or value.get(name) is None:
                return None
            place = Place(self.follow(place).file, value[name])
        return self.follow(place)

    def with_traits(self, place):
        """What counts of an operation or a message."""
        found = self.follow(place)
        merged = {}
        for trait in found.value.get("traits") or []:
            merged = merge(merged, copy.deepcopy(self.follow(Place(found.file, trait)).value))
        own = {key: value for key, value in found.value.items() if key != "traits"}
        return Place(found.file, merge(merged, copy.deepcopy(own)))

    # ---- what it says ----

    def servers(self):
        root = Place(self.path, self.root)
        return {name: self.follow(Place(self.path, server)).value
                for name, server in ((self.member(root, "servers") or Place(None, {})).value).items()}

    def is_topic(self, channel):
        def is_mqtt(server):
            return "mqtt" in server.get("protocol", "") or "mqtt" in server.get("bindings", {})

        servers = self.servers()
        names = [each["$ref"].rsplit("/", 1)[1] for each in channel.value.get("servers") or []]
        return isinstance(channel.value.get("address"), str) and (
            not servers or any(is_mqtt(servers[name]) for name in names or servers))

    def operations(self):
        """And those that replies are: on channels that have none of their kind."""
        found = [self.with_traits(Place(self.path, each))
                 for each in (self.root.get("operations") or {}).values()]
        kinds = {(each.value["action"], each.value["channel"]["$ref"]) for each in found}
        for each in found[:]:
            reply = self.member(each, "reply")
            action = "receive" if each.value["action"] == "send" else "send"
            if reply and "channel" in reply.value and (action, reply.value["channel"]["$ref"]) not in kinds:
                messages = {"messages": reply.value["messages"]} if reply.value.get("messages") else {}
                found.append(Place(reply.file, {"action": action, "channel": reply.value["channel"], **messages,
                                                "security": each.value.get("security", [])}))
        return found

    def topics(self):
        """{address: Topic}: channels of one address are one."""
        found = {}
        channels = self.root.get("channels") or {}
        for name in channels:
            channel = self.follow(Place(self.path, channels[name]))
            if self.is_topic(channel):
                topic = found.setdefault(channel.value["address"], Topic(channel.value))
                topic.channels[name] = channel
        for operation in self.operations():
            name = unescaped(operation.value["channel"]["$ref"][len("#/channels/"):])
            for topic in found.values():
                if name in topic.channels:
                    topic.add(self, operation, name)
        return found

    def scopes(self):
        """All that it speaks of."""
        def walk(value):
            if isinstance(value, dict):
                yield from (scope for scope in value.get("scopes") or [] if isinstance(scope, str))
                value = list(value.values())
            if isinstance(value, list):
                for each in value:
                    yield from walk(each)

        return sorted(set(walk(self.root)))


class Topic:
    def __init__(self, channel):
        self.name = re.sub(r"\{[^}]*\}", "7", channel["address"])
        self.channels = {}
        self.send, self.receive = {}, {}  # messages by where they are
        self.sends, self.receives = [], []  # operations
        self.qos = 0  # at least this

    def add(self, document, operation, name):
        is_send = operation.value["action"] == "send"
        channel = self.channels[name]
        into = self.send if is_send else self.receive
        (self.sends if is_send else self.receives).append(operation.value)
        for each in operation.value.get("messages", [None]):
            if each is None:
                for key, message in (channel.value.get("messages") or {}).items():
                    into[name, key] = document.with_traits(Place(channel.file, message))
            else:
                at = tuple(unescaped(part) for part in each["$ref"].split("/")[2::2])
                into[at] = document.with_traits(Place(operation.file, each))
        if is_send:
            self.qos = max(self.qos, operation.value.get("bindings", {}).get("mqtt", {}).get("qos", 0))


# ---- judging ------------------------------------------------------------------------------


class Judge:
    """Of one schema: a payload's or the headers'."""

    checker = jsonschema.FormatChecker(formats=())

    def __init__(self, document, place):
        files = {"file://" + path: tree for path, tree in document.files.items()}
        with contextlib.suppress(DeprecationWarning):
            resolver = jsonschema.RefResolver("file://" + place.file, document.files[place.file], store=files,
                                              handlers={"file": lambda uri: document.read(uri[7:])})
        self.validator = jsonschema.Draft7Validator(place.value, resolver=resolver,
                                                    format_checker=self.checker)

    def is_good(self, value):
        return self.validator.is_valid(value)


for each in FORMATS:
    Judge.checker.checkers[each] = (
        (lambda value: not isinstance(value, str) or re.fullmatch(TIME, value) is not None)
        if each == "date-time" else
        (lambda value: not isinstance(value, str) or not value.endswith(BAD_TEXT)), ())
for each, bits in (("int32", 31), ("int64", 63)):
    Judge.checker.checkers[each] = (
        lambda value, bits=bits: not isinstance(value, (int, float)) or -2**bits <= value < 2**bits, ())


# ---- making -------------------------------------------------------------------------------


class Maker:
    """Values that a schema might admit; whether it does is asked of the judge."""

    def __init__(self, document):
        self.document = document

    def make(self, place, is_full, pick, depth=0):
        place = self.document.follow(place)
        schema = place.value
        if not isinstance(schema, dict) or depth > 12:
            return {}
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][pick % len(schema["enum"])]
        parts = [self.document.follow(Place(place.file, each)) for each in schema.get("allOf", [])]
        for name in ("oneOf", "anyOf"):
            if schema.get(name):
                parts.append(Place(place.file, schema[name][pick % len(schema[name])]))
        values = [self.make(each, is_full, pick, depth + 1) for each in parts]
        values = [each for each in values if each != {}] or values
        own = self.of_type(place, is_full, pick, depth)
        if values and all(isinstance(each, dict) for each in values) and isinstance(own, (dict, type(None))):
            return dict(itertools.chain.from_iterable(each.items() for each in [*values, own or {}]))
        return values[0] if values and (own is None or own == {}) else own

    def of_type(self, place, is_full, pick, depth):
        schema = place.value
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            kind = kind[pick % len(kind)]
        if kind == "object":
            return self.object(place, is_full, pick, depth)
        if kind == "array":
            count = max(schema.get("minItems", 0), 1 if is_full and depth < 8 else 0)
            items = Place(place.file, schema.get("items", {}))
            return [self.make(items, is_full, pick, depth + 1) for _ in range(count)]
        if kind == "string":
            text = FORMATS.get(schema.get("format"), "text")
            text = text.ljust(schema.get("minLength", 0), "x")
            return text[:schema.get("maxLength", len(text))]
        if kind in ("integer", "number"):
            return schema.get("minimum", schema.get("exclusiveMinimum", schema.get("maximum", 6) - 1) + 1)
        return {"boolean": True, "null": None, None: {}}[kind]

    def object(self, place, is_full, pick, depth):
        schema = place.value
        members = schema.get("properties", {})
        names = [name for name in members
                 if name in schema.get("required", []) or is_full and depth < 8]
        return {name: self.make(Place(place.file, members[name]), is_full, pick, depth + 1)
                for name in names}

    def candidates(self, message):
        for example in message.value.get("examples") or []:
            if "payload" in example:
                yield example["payload"]
        payload = self.document.member(message, "payload")
        for pick in range(4):
            for is_full in (True, False):
                yield self.make(payload, is_full, pick)


def mutants(value):
    """The value with one thing wrong, as far as that can be known without its schema."""
    others = [None, 17.5, -10 ** 12, "no such thing", [], {}, True]
    yield from others
    if isinstance(value, str):
        yield value + BAD_TEXT
    if isinstance(value, dict):
        yield {**value, "noSuchMember": 1}
        for name in value:
            yield {key: each for key, each in value.items() if key != name}
        for name, each in value.items():
            for other in mutants(each):
                yield {**value, name: other}
    if isinstance(value, list) and value:
        for other in mutants(value[0]):
            yield [other, *value[1:]]


def text_of(value):
    return json.dumps(value, sort_keys=True)


def some(values, most):
    """At most so many different ones, from all over the list."""
    values = list({text_of(each): each for each in values}.values())
    step = max(len(values) / most, 1)
    return [values[int(i * step)] for i in range(min(most, len(values)))]
