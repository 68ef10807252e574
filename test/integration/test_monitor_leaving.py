"""A connection that is closed for what it did is held off for once, whatever arrived with it."""

import json
import struct

import pytest

import harness
import rawmqtt
import watched

BURST = 24


def settings(seconds):
    return {"refusal-streak": {"threshold": 1, "response": "disconnect", "seconds": seconds}}


def burst(client):
    """Refused publishes in one write, over TLS in one record, which the broker reads in one go."""
    packets = b""
    for mid in range(1, BURST + 1):
        body = rawmqtt.field("weather/today") + struct.pack("!H", mid) + b"\0{}"
        packets += bytes([rawmqtt.PUBLISH << 4 | 2]) + rawmqtt.length(len(body)) + body
    client.stream.send(packets)
    client.wait_closed()


def seconds_left(broker):
    """For how long the one that is held off is; 0: nobody is any more."""
    answer, = watched.ask(broker, {"command": "listBans"})
    return max((ban["secondsLeft"] for ban in answer["data"]["bans"]), default=0)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_many_at_once_are_one_event(new_broker, transport):
    broker = new_broker()
    watched.watch(broker, settings(2))
    broker.start()

    def come():
        client = broker.try_client("collar-7", broker.password("collar-7"), client_id="collar", transport=transport)
        return client if client.code == 0 else None

    burst(come())
    assert seconds_left(broker) <= 2
    # Who comes back and goes on is held off for twice as long.
    client = harness.until(come, "the end of the first")
    with open(broker.path("monitor.json"), "w") as file:
        json.dump(settings(600), file)
    broker.reload()
    burst(client)
    assert 600 < seconds_left(broker) <= 1200
