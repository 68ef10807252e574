"""What is answered while the database is away or busy, and that it goes on by itself afterwards."""

import contextlib
import fcntl
import json
import os
import struct
import time

import pytest

import engines
import harness
import messages
import postgres
from test_console_lookups import Asker, ids_of, place

LOOKS = [("listEntities", {}), ("listEntities", {"entity": "order"}),
         ("listEntities", {"entity": "payment"}), ("listEvents", {}), ("listEvents", {"mine": True}),
         ("listEvents", {"topic": "orders/x/status"}), ("listEvents", {"since": "2026-01-01T00:00:00Z"})]


@contextlib.contextmanager
def locked(path):
    """By another program, which makes the index of the log (WAL) anew: nobody reads meanwhile."""
    def take():
        try:
            fcntl.fcntl(file, fcntl.F_SETLK,
                        struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 120, 8, 0))
        except OSError:
            return False
        return True

    with open(path + "-shm", "r+b") as file:
        harness.until(take, "the lock")
        yield


def answers(asker, code, error):
    """Each question is answered so, in one sentence."""
    for command, members in LOOKS + [("getEntity", {"entity": "order", "id": "x"})]:
        response = asker.ask(command, **members)
        assert (response.get("code"), response.get("error")) == (code, error), (command, members, response)


def until_answered(asker, order):
    def answered():
        time.sleep(0.5)
        response = asker.response(asker.send("getEntity", entity="order", id=order))
        return "data" in response and response["data"]["row"]["id"] == order
    harness.until(answered, "an answer", 120)


@pytest.mark.parametrize("user", ["backoffice", "customer-a"])
def test_a_database_that_nobody_else_may_write(broker, user):
    order, = place(broker, "customer-a")
    asker = Asker(broker, user)
    with broker.database.locked():
        for command, members in LOOKS + [("getEntity", {"entity": "order", "id": order})]:
            assert asker.data(command, **members)


@engines.sqlite_only("another program that keeps readers out of the file")
def test_a_file_that_nobody_may_read(new_broker):
    """SQLite tries for ten seconds."""
    broker = new_broker()
    broker.start()
    order, = place(broker, "customer-a")
    asker = Asker(broker, "customer-a")
    with locked(broker.database.path):
        asker.send("listEvents")
        response, = json.loads(asker.client.message().payload)["responses"]
        assert (response["code"], response["error"]) == ("busy", "the database is busy now: try again")
    until_answered(asker, order)


@engines.sqlite_only("another program that keeps readers out of the file")
def test_everybody_else_is_served_meanwhile(new_broker):
    """
    The broker's own thread looks for steps that are due right after the first client came, and for
    what is retained: SQLite's ten seconds would be all clients'.
    """
    broker = new_broker()
    broker.start()
    other = broker.client("customer-a")
    client = broker.client("backoffice")
    assert client.publish(*messages.order(messages.unique("ord"), userId="customer-a"), qos=1) < 0x80
    with locked(broker.database.path):
        for _ in range(4):
            time.sleep(0.2)
            other.ping(8)


class Server:
    """A server of the test's own."""

    def __init__(self, new_broker):
        self.servers = postgres.Servers()
        self.server = self.servers.start()
        self.broker = new_broker()
        self.broker.database = engines.Postgres(self.broker.path("petstore.db-journal.ring"), "one",
                                                self.server.create("away"), engines.PATIENT)
        self.broker.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.broker.stop()
        self.servers.close()


@engines.needs_postgres()
@pytest.mark.parametrize("user", ["backoffice", "customer-a"])
def test_a_server_that_is_away(new_broker, user):
    with Server(new_broker) as at:
        order, = place(at.broker, "customer-a")
        asker = Asker(at.broker, user)
        until_answered(asker, order)  # a connection is left open
        at.server.stop()
        answers(asker, "no-database", "the database can't be read now")
        assert "data" in asker.ask("whoami") and "data" in asker.ask("contract")
        at.server.start()
        until_answered(asker, order)
        assert order in ids_of(asker.data("listEntities", entity="order")["rows"])


@engines.needs_postgres()
def test_a_server_that_was_restarted(new_broker):
    """The connection that was left open is none any more: nobody is told of that."""
    with Server(new_broker) as at:
        order, = place(at.broker, "customer-a")
        asker = Asker(at.broker, "customer-a")
        for command, members in [("getEntity", {"entity": "order", "id": order})] + LOOKS[:4]:
            until_answered(asker, order)
            at.server.restart()
            response = asker.ask(command, **members)
            assert "data" in response, response


@engines.needs_postgres()
def test_a_server_that_does_not_answer(new_broker):
    with Server(new_broker) as at:
        order, = place(at.broker, "customer-a")
        asker = Asker(at.broker, "customer-a")
        until_answered(asker, order)
        at.server.pause()
        try:
            for command, members in LOOKS[:4]:
                response = asker.response(asker.send(command, **members))
                assert response.get("code") == "no-database", response
        finally:
            at.server.resume()
        until_answered(asker, order)
