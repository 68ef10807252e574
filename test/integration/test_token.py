"""A JSON Web Token as the password: who signed it, for whom, until when."""

import json
import os
import time

import pytest

import harness
import messages
import rawmqtt
import watched
from proofs import Key, base64url, hmac_of, token
from test_certificate import shipped_access

REFUSED = rawmqtt.NOT_AUTHORIZED
KINDS = ["RS256", "ES256", "EdDSA"]


class Issuers:
    """A broker that trusts three: a key set, a PEM file, a shared secret."""

    def __init__(self, folder, template):
        self.keys = {kind: Key(str(folder), kind) for kind in KINDS + ["HS256"]}
        self.pem = Key(str(folder), "ES256", "pem")
        access = shipped_access()
        access["roles"]["no-stock"] = {"deny": ["read:inventory"]}
        access["users"]["gone"] = {"roles": [], "disabled": True}
        access["users"]["customer-a"]["roles"] = ["customer"]
        common = {"audience": "petstore", "principal": "{sub}", "clockSkew": 0}
        access["issuers"] = [
            dict(common, issuer="https://id.example", algorithms=KINDS, keys="keys.json",
                 scopes=["read:*", "write:inventory", "write:pets:own"],
                 attributes={"petId": "pets"}),
            dict(common, issuer="https://pem.example", algorithms=["ES256"], keys="key.pem",
                 scopes=["read:*"], roles=["no-stock"], principal="pem-{sub}"),
            dict(common, issuer="https://hmac.example", algorithms=["HS256"],
                 keys="secret.json", scopes=["read:inventory"]),
        ]
        path = str(folder / "access.json")
        with open(path, "w") as file:
            json.dump(access, file)
        self.broker = harness.Broker(folder / "run", template, access=path)
        self.write_keys(self.keys[kind] for kind in KINDS)
        self.write("key.pem", self.pem.public_pem())
        self.write("secret.json", json.dumps({"keys": [self.keys["HS256"].jwk()]}))

    def write(self, name, text):
        path = self.broker.path(name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o600)

    def write_keys(self, keys):
        self.write("keys.json", json.dumps({"keys": [key.jwk() for key in keys]}))

    def claims(self, **more):
        now = int(time.time())
        claims = {"iss": "https://id.example", "aud": "petstore", "sub": "tok-1", "iat": now,
                  "exp": now + 600, "scope": "read:inventory write:inventory"}
        claims.update(more)
        return {name: value for name, value in claims.items() if value is not None}

    def come(self, text, user=None, **options):
        options.setdefault("client_id", messages.unique("token"))
        return self.broker.try_client(user, text, **options)


@pytest.fixture(scope="module")
def at(tmp_path_factory, template):
    issuers = Issuers(tmp_path_factory.mktemp("tokens"), template)
    with harness.running(issuers.broker):
        yield issuers


# MQTT 3.1.1 takes no password without a user name; its clients name the token's principal.
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_key_set(at, kind, version):
    text = token(at.keys[kind], at.claims())
    client = at.come(text, "tok-1" if version == 4 else None, version=version)
    assert client.code == 0
    assert client.subscribe("inventory/#") == [2]
    assert client.publish(*messages.stock("x"), qos=1) in (0, 0x10)
    before = at.broker.mark()
    client.publish(*messages.order(messages.unique("ord")), qos=1)
    client.ping()
    assert [(each[1], each[3]) for each in at.broker.refusals(before)] == [
        ("tok-1", "scope-missing")]


def test_pem(at):
    claims = at.claims(iss="https://pem.example", scope=None, scp=["read:inventory", "read:pets"])
    client = at.come(token(at.pem, claims, kid=None))
    assert client.code == 0
    assert client.subscribe("pets/#", "inventory/#") == [2, REFUSED]  # a role denies it


def test_shared_secret(at):
    claims = at.claims(iss="https://hmac.example")
    client = at.come(token(at.keys["HS256"], claims))
    assert client.code == 0
    assert client.publish(*messages.stock("x"), qos=1) == REFUSED  # beyond the issuer's scopes


def test_scopes_are_cut(at):
    """What the issuer's entry does not offer is not had, whatever the token says."""
    client = at.come(token(at.keys["ES256"], at.claims(scope="read:inventory write:orders")))
    assert client.code == 0
    assert client.publish(*messages.order(messages.unique("ord")), qos=1) == REFUSED


def test_own_by_a_claim(at):
    text = token(at.keys["ES256"], at.claims(scope="write:pets:own", pets=["rex"]))
    client = at.come(text)
    assert client.publish(*messages.availability("rex"), qos=1) in (0, 0x10)
    assert client.publish(*messages.availability("tom"), qos=1) == REFUSED


BAD = {
    "expired": dict(exp=int(time.time()) - 10),
    "not yet": dict(nbf=int(time.time()) + 3600),
    "from the future": dict(iat=int(time.time()) + 3600),
    "no expiry": dict(exp=None),
    "too far ahead": dict(exp=int(time.time()) + 10 * 366 * 86400),
    "expiry is text": dict(exp="tomorrow"),
    "wrong audience": dict(aud="another"),
    "no audience": dict(aud=None),
    "wrong issuer": dict(iss="https://evil.example"),
    "no issuer": dict(iss=None),
    "no subject": dict(sub=None),
    "empty subject": dict(sub=""),
    "subject with a wildcard": dict(sub="tok/#"),
    "subject with a NUL": dict(sub="tok-1\0x"),
    "subject is a number": dict(sub=7),
    "disabled": dict(sub="gone"),
    "oversized": dict(more="x" * 9000),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_claims(at, case):
    before = at.broker.mark()
    assert at.come(token(at.keys["ES256"], at.claims(**BAD[case]))).code == REFUSED
    at.broker.wait_log("refused connection of .*: .", before)


def unsigned(_):
    return b""


def confusions(at):
    rsa, es = at.keys["RS256"], at.keys["ES256"]
    claims = at.claims()
    good = token(es, claims)
    head, body, signature = good.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    public = rsa.public_pem()
    return {
        "none": token(unsigned, claims, alg="none"),
        "None": token(unsigned, claims, alg="None", kid=es.kid),
        "no algorithm": token(unsigned, claims, kid=es.kid),
        "public key as secret": token(lambda data: hmac_of(public, data), claims, alg="HS256",
                                      kid=rsa.kid),
        "empty secret": token(lambda data: hmac_of("", data), claims, alg="HS256", kid=es.kid),
        "secret's key for another issuer": token(at.keys["HS256"], claims),
        "algorithm of another key": token(es.sign, claims, alg="RS256", kid=rsa.kid),
        "unknown key": token(at.pem, claims),
        "signature changed": "%s.%s.%s" % (head, body, flipped),
        "signature of another": "%s.%s.%s" % (head, base64url(json.dumps(at.claims(sub="root"))),
                                              signature),
        "no signature": "%s.%s." % (head, body),
        "zero signature": "%s.%s.%s" % (head, body, base64url(bytes(64))),
        "four parts": good + ".x",
        "padded": good + "==",
        "key within": token(es.sign, claims, alg="ES256", jwk=at.pem.jwk()),
        "critical": token(es, claims, crit=["exp"]),
    }


@pytest.mark.parametrize("case", [
    "none", "None", "no algorithm", "public key as secret", "empty secret",
    "secret's key for another issuer", "algorithm of another key", "unknown key",
    "signature changed", "signature of another", "no signature", "zero signature", "four parts",
    "padded", "critical"])
def test_bad_signature(at, case):
    before = at.broker.mark()
    assert at.come(confusions(at)[case]).code == REFUSED
    at.broker.wait_log("refused connection of .*: .", before)


def test_key_within_is_not_used(at):
    """A token does not bring its own key: this one is signed by one of ours, and fine."""
    assert at.come(confusions(at)["key within"]).code == 0
    assert at.come(token(at.pem, at.claims(), kid=None, jwk=at.pem.jwk())).code == REFUSED


def test_another_user_name(at):
    text = token(at.keys["ES256"], at.claims())
    assert at.come(text, "tok-1").code == 0
    assert at.come(text, "backoffice").code == REFUSED


def test_nothing_of_it_is_logged(at):
    text = token(at.keys["ES256"], at.claims(aud="another"))
    at.come(text)
    assert text.split(".")[2] not in at.broker.log()


@pytest.mark.parametrize("version", [4, 5])
def test_session_ends_with_the_token(at, version):
    before = at.broker.mark()
    claims = at.claims(exp=int(time.time()) + 6)
    client = at.come(token(at.keys["EdDSA"], claims), "tok-1", version=version)
    assert client.code == 0
    client.wait_closed()
    at.broker.wait_log("the token of tok-1 has expired", before)
    assert time.time() >= claims["exp"]


def test_reload(at):
    """Sessions stay while their key does; a key that is taken out takes its sessions along."""
    staying = at.come(token(at.keys["ES256"], at.claims(sub="stay")))
    going = at.come(token(at.keys["EdDSA"], at.claims(sub="go")))
    new = Key(os.path.dirname(at.keys["EdDSA"].path), "EdDSA", "next")
    at.write_keys([at.keys["RS256"], at.keys["ES256"], new])
    try:
        assert "reloaded" in at.broker.reload()
        going.wait_closed()
        staying.ping()
        assert staying.publish(*messages.stock("x"), qos=1) in (0, 0x10)
        assert at.come(token(at.keys["EdDSA"], at.claims())).code == REFUSED
        assert at.come(token(new, at.claims())).code == 0
    finally:
        at.write_keys(at.keys[kind] for kind in KINDS)
        at.broker.reload()
    assert at.come(token(at.keys["EdDSA"], at.claims())).code == 0


def test_reload_of_bad_keys(at):
    client = at.come(token(at.keys["ES256"], at.claims()))
    at.write("keys.json", '{"keys": [')
    try:
        said = at.broker.reload()
        assert "reload failed, nothing was changed: " in said and "keys.json" in said
        client.ping()
        assert at.come(token(at.keys["ES256"], at.claims())).code == 0
    finally:
        at.write_keys(at.keys[kind] for kind in KINDS)
        at.broker.reload()


def test_a_reload_by_command(at):
    """The broker asks nobody: what a session proved with is judged by the new rules."""
    device = at.come(token(at.keys["ES256"], at.claims(sub="tok-live")))
    other = at.come(token(at.pem, at.claims(iss="https://pem.example", sub="tok-pem",
                                            scope="read:pets"), kid=None))
    assert (device.code, other.code) == (0, 0)
    assert other.subscribe("pets/#") == [2]
    for _ in range(2):
        response, = watched.ask(at.broker, {"command": "reload"})
        assert "error" not in response
        assert device.publish(*messages.stock("x"), qos=1) in (0, 0x10)
    message = messages.availability(messages.unique("pet"))
    at.broker.client("backoffice").publish(*message, qos=1)
    assert other.message().topic == message[0]
    # Its key is withdrawn: the session ends.
    before = at.broker.mark()
    at.write_keys([at.keys["RS256"], Key(at.broker.folder, "ES256"), at.keys["EdDSA"]])
    response, = watched.ask(at.broker, {"command": "reload"})
    assert "error" not in response
    device.wait_closed()
    at.broker.wait_log("tok-live may not log in any more: disconnected", before)
    other.ping()
    at.write_keys(at.keys[kind] for kind in KINDS)
    at.broker.reload()


def test_messages_wait_for_a_token_that_may_read_them(at):
    """A session that is away outlives its token; what comes waits, and is judged at its return."""
    options = dict(client_id=messages.unique("kept"), clean=False, expiry=1000)
    claims = at.claims(exp=int(time.time()) + 6, scope="read:inventory")
    away = at.come(token(at.keys["ES256"], claims), **options)
    assert away.subscribe("inventory/#", "pets/#", qos=1) == [1, REFUSED]
    away.disconnect()
    publisher = at.broker.client("backoffice")
    harness.until(lambda: publisher.ping() or time.time() > claims["exp"] + 1, "the token's end")
    topic, payload = messages.stock(messages.unique("late"))
    assert publisher.publish(topic, payload, qos=1) in (0, 0x10)
    other = at.come(token(at.keys["ES256"], at.claims(scope="read:pets")), **options)
    assert other.is_session_present  # and holds nothing that this one may not read
    last = messages.availability(messages.unique("pet"))
    assert other.subscribe("pets/#", qos=1) == [1]
    assert publisher.publish(*last, qos=1) in (0, 0x10)
    assert other.until(last[0]) == []


def test_messages_are_there_with_the_next_token(at):
    options = dict(client_id=messages.unique("kept"), clean=False, expiry=1000)
    claims = at.claims(exp=int(time.time()) + 6)
    away = at.come(token(at.keys["ES256"], claims), **options)
    assert away.subscribe("inventory/#", qos=1) == [1]
    away.disconnect()
    publisher = at.broker.client("backoffice")
    harness.until(lambda: publisher.ping() or time.time() > claims["exp"] + 1, "the token's end")
    topic, payload = messages.stock(messages.unique("late"))
    assert publisher.publish(topic, payload, qos=1) in (0, 0x10)
    back = at.come(token(at.keys["ES256"], at.claims()), **options)
    assert back.is_session_present
    assert back.message()[:2] == (topic, payload)
