"""A broker that is told to end takes what its clients send meanwhile for what it is, not for wills."""
import os
import select
import signal
import time

import messages
import wire
from rawmqtt import PUBACK, WAIT

CLIENTS = 60
EACH = 150


def answers(data):
    """The codes of the PUBACKs."""
    while len(data) > 1 and len(data) >= 2 + data[1]:
        body, kind = data[2:2 + data[1]], data[0] >> 4
        data = data[2 + len(body):]
        if kind == PUBACK:
            yield body[2] if len(body) > 2 else 0


def test_nothing_is_refused_in_its_last_round(new_broker):
    broker = new_broker().start()
    clients = [broker.client("orders-service") for _ in range(CLIENTS)]
    for client in clients:
        sent = b"".join(wire.publish(5, *messages.order(messages.unique("ord")), qos=1, mid=mid)
                        for mid in range(1, EACH + 1))
        client.stream.socket.setblocking(False)
        try:
            client.stream.socket.send(sent)
        except BlockingIOError:
            pass
    sockets = {client.stream.socket: b"" for client in clients}
    assert select.select(list(sockets), [], [], WAIT)[0]
    os.kill(broker.process.pid, signal.SIGTERM)
    is_open, deadline = set(sockets), time.monotonic() + WAIT
    while is_open and time.monotonic() < deadline:
        for each in select.select(list(is_open), [], [], 1)[0]:
            try:
                data = each.recv(65536)
            except OSError:
                data = b""
            sockets[each] += data
            if not data:
                is_open.discard(each)
    codes = [code for data in sockets.values() for code in answers(data)]
    assert codes and set(codes) <= {0, 0x10}
