"""Two brokers with the plugin, and a bridge from the one to the other."""
import hashlib
import base64
import json

import harness

# The users of the two ends: with which the bridge logs in far away, and as whom it publishes near.
FAR_USER, NEAR_USER = "branch", "head-office"
PASSWORD = "a bridge's own"


def password_line(user, password=PASSWORD):
    """As mosquitto_passwd writes it, of few rounds."""
    salt = b"twelve bytes"
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return "%s:$7$101$%s$%s\n" % (user, base64.b64encode(salt).decode(),
                                  base64.b64encode(key).decode())


def add_users(path, *users):
    """With PASSWORD, at the end of a password file; again where other ports are tried."""
    with open(path, "r+", encoding="utf-8") as file:
        known = {line.partition(":")[0] for line in file}
        file.write("".join(password_line(user) for user in users if user not in known))


def with_peer(folder, user, trust, name="access.peer.json"):
    """The shipped access file with a bridge's user, who is trusted on the topics @trust."""
    with open(harness.ACCESS) as file:
        access = json.loads(harness.unbound(file.read()))
    access["roles"]["peer"] = {"peer": True, "trust": trust,
                               "scopes": ["read:*", "write:*", "control:*"], "deny": []}
    access["users"][user] = {"roles": ["peer"]}
    path = str(folder / name)
    with open(path, "w") as file:
        json.dump(access, file)
    return path


def peer(new_broker, folder, user, trust=(), lines=(), before=()):
    """
    A broker that has @user as a peer; not started. @lines: at the end of its configuration,
    @before: in front of its listeners. Either may be a function that returns them.
    """
    folder.mkdir(exist_ok=True)
    broker = new_broker(access=with_peer(folder, user, list(trust)))

    def edit(text):
        add_users(broker.path("passwords"), user)
        head = before() if callable(before) else before
        tail = lines() if callable(lines) else lines
        at = text.index("\nlistener ")
        return "%s\n%s%s\n%s\n" % (text[:at], "\n".join(head), text[at:], "\n".join(tail))

    broker.edits.append(edit)
    return broker


def connection(far, *topics, name="near"):
    """The section of a bridge to @far."""
    return ["connection " + name, "address 127.0.0.1:%d" % far.plain, "remote_clientid " + name,
            "local_clientid %s.local" % name, "remote_username " + FAR_USER,
            "remote_password " + PASSWORD, "local_username " + NEAR_USER, "restart_timeout 1",
            "cleansession false", *topics]
