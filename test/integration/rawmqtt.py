"""An MQTT client that hides nothing.

Speaks MQTT 3.1, 3.1.1 and 5 over TCP, TLS and websockets, one packet after the other, so that a
test sees the reason codes and the order in which things arrive. No threads: everything that
waits has a deadline.
"""

import base64
import collections
import os
import select
import socket
import ssl
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14
AUTH = 15

NOT_AUTHORIZED = 0x87
WAIT = 60  # seconds that an answer may take on a busy machine

Message = collections.namedtuple("Message", "topic payload qos retain dup")


class Closed(Exception):
    """The broker closed the connection; `reason` is DISCONNECT's code, or None."""

    def __init__(self, reason=None):
        super().__init__("closed by the broker, reason %s" % reason)
        self.reason = reason


def length(number):
    out = b""
    while True:
        number, low = divmod(number, 128)
        out += bytes([low | (0x80 if number else 0)])
        if not number:
            return out


def variable(data):
    """(the number that @data begins with, as length() writes it; what follows)"""
    end = next(i for i, byte in enumerate(data) if byte < 0x80) + 1
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(data[:end])), data[end:]


def field(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def property_of(properties, identifier):
    """The value of a text or binary property; others than these are not expected."""
    while properties:
        found, size = properties[0], int.from_bytes(properties[1:3], "big")
        if found == identifier:
            return properties[3 : 3 + size]
        properties = properties[3 + size :]
    return None


def connack_property(body, identifier):
    """A text or binary property of CONNACK; numbers before it are skipped."""
    size = {0x11: 4, 0x21: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x22: 2, 0x28: 1, 0x29: 1, 0x2A: 1,
            0x13: 2}
    rest = body[3 : 3 + body[2]]
    while rest:
        if rest[0] in size:
            rest = rest[1 + size[rest[0]] :]
            continue
        width = int.from_bytes(rest[1:3], "big")
        if rest[0] == identifier:
            return rest[3 : 3 + width]
        rest = rest[3 + width :]
    return None


class TcpStream:
    def __init__(self, address, context=None, source=None):
        """@source: the address to come from."""
        self.socket = socket.create_connection(address, timeout=WAIT,
                                               source_address=source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, deadline):
        """Some bytes, b"" at the end of the stream; socket.timeout at the deadline."""
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""

    def close(self):
        self.socket.close()


class WebsocketStream(TcpStream):
    """RFC 6455, as little of it as MQTT needs."""

    def __init__(self, address, context, source=None):
        super().__init__(address, context, source)
        key = base64.b64encode(os.urandom(16)).decode()
        super().send(
            (
                "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: %s\r\n\r\n" % key
            ).encode()
        )
        self.raw = b""
        deadline = time.monotonic() + WAIT
        while b"\r\n\r\n" not in self.raw:
            more = super().receive(deadline)
            if not more:
                raise Closed()
            self.raw += more
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def send(self, data):
        mask = os.urandom(4)
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x82, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x82, 0xFE, size)
        else:
            head = struct.pack("!BBQ", 0x82, 0xFF, size)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        super().send(head + mask + masked)

    def receive(self, deadline):
        while True:
            frame = self._frame()
            if frame is not None:
                opcode, data = frame
                if opcode == 8:
                    return b""
                if opcode in (0, 2) and data:
                    return data
                continue
            more = super().receive(deadline)
            if not more:
                return b""
            self.raw += more

    def _frame(self):
        if len(self.raw) < 2:
            return None
        size, start = self.raw[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(self.raw) < 2 + width:
                return None
            size, start = int.from_bytes(self.raw[2 : 2 + width], "big"), 2 + width
        if len(self.raw) < start + size:
            return None
        opcode, data = self.raw[0] & 0x0F, self.raw[start : start + size]
        self.raw = self.raw[start + size :]
        return opcode, data


def open_stream(transport, port, authority=None, certificate=None, source=None):
    """@source: an IPv4 address of the loopback interface to come from."""
    if transport == "tcp":
        return TcpStream(("127.0.0.1", port), source=source)
    context = ssl.create_default_context(cafile=str(authority))
    if certificate:
        context.load_cert_chain(*certificate)
    return (WebsocketStream if transport == "wss" else TcpStream)(("localhost", port), context,
                                                                  source)


class RawClient:
    """A connected client; leaves without DISCONNECT when it is merely dropped."""

    def __init__(self, stream, version=5, client_id="", user=None, password=None, clean=True,
                 will=None, expiry=0, keepalive=60, auth=None, is_patient=True):
        """
        @will: (topic, payload, qos, retain), and bytes of properties. @expiry: of the session, seconds, MQTT 5.
        @auth: (method, data, function from the broker's AUTH data to the answer's), MQTT 5.
        Without @is_patient finish() waits for CONNACK.
        """
        self.stream = stream
        self.version = version
        self.client_id = client_id
        self.user = user
        self.inbox = collections.deque()  # what was delivered, not yet asked for
        self.replies = collections.deque()
        self.buffer = b""
        self.properties = b""  # as bytes, of what was delivered last
        self.mid = 0
        self.is_auto_ack = True
        flags = 0x02 if clean else 0
        body = field(client_id)
        if will:
            topic, payload, qos, retain, *own = will
            flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
            own = b"".join(own)
            body += (length(len(own)) + own if version == 5 else b"") + field(topic) + field(payload)
        if user is not None:
            flags |= 0x80
            body += field(user)
        if password is not None:
            flags |= 0x40
            body += field(password)
        name = "MQIsdp" if version == 3 else "MQTT"  # 3 is MQTT 3.1
        head = field(name) + bytes([version, flags]) + struct.pack("!H", keepalive)
        if version == 5:
            properties = struct.pack("!BI", 0x11, expiry) if expiry else b""
            if auth:
                properties += b"\x15" + field(auth[0]) + b"\x16" + field(auth[1])
            head += length(len(properties)) + properties
        self._send(CONNECT << 4, head + body)
        if auth:
            self._exchange(auth)
        if is_patient:
            self.finish()

    def finish(self, wait=WAIT):
        """Waits for CONNACK; its code."""
        reply = self._reply(CONNACK, wait=wait)
        self.connack = reply
        self.is_session_present = bool(reply[0] & 1)
        self.code = reply[1]  # CONNACK's; 0 is success
        return self.code

    def is_answered(self):
        """Did the broker send something that was not read yet? Over plain TCP."""
        return bool(select.select([self.stream.socket], [], [], 0)[0])

    def _exchange(self, auth):
        """MQTT 5, 4.12: AUTH packets back and forth, until there is a CONNACK."""
        deadline = time.monotonic() + WAIT
        while not any(kind == CONNACK for kind, _ in self.replies):
            self._take(deadline)
            for kind, body in list(self.replies):
                if kind != AUTH:
                    continue
                self.replies.remove((kind, body))
                answer = auth[2](property_of(body[2:], 0x16))
                properties = b"\x15" + field(auth[0]) + b"\x16" + field(answer)
                self._send(AUTH << 4, b"\x18" + length(len(properties)) + properties)

    # ---- asking ----

    def publish(self, topic, payload=b"", qos=0, retain=False, dup=False, mid=None,
                properties=b""):
        """
        The reason code of PUBACK or PUBREC; with QoS 0 (and MQTT 3.1.1) 0. @properties: as bytes,
        of MQTT 5.
        """
        if isinstance(payload, str):
            payload = payload.encode()
        mid = mid or self._next_mid()
        body = field(topic) + (struct.pack("!H", mid) if qos else b"")
        if self.version == 5:
            body += length(len(properties)) + properties
        body += payload
        self._send(PUBLISH << 4 | dup << 3 | qos << 1 | retain, body)
        if qos == 0:
            return 0
        code = self._ack(PUBACK if qos == 1 else PUBREC, mid)
        if qos == 2 and code < 0x80:
            self._send(PUBREL << 4 | 2, struct.pack("!H", mid))
            self._ack(PUBCOMP, mid)
        return code

    def publish_nowait(self, topic, payload, qos, mid, retain=False, dup=False):
        """Sends and does not look at the answer; see ack()."""
        body = field(topic) + struct.pack("!H", mid) + (b"\0" if self.version == 5 else b"")
        self._send(PUBLISH << 4 | dup << 3 | qos << 1 | retain, body + payload)

    def release(self, mid):
        """PUBREL, and does not look at the answer."""
        self._send(PUBREL << 4 | 2, struct.pack("!H", mid))

    def ack(self, mid, kind=PUBACK):
        return self._ack(kind, mid)

    def next_answer(self, wait=WAIT):
        """(kind, packet id, code) of the next packet that answers one of ours."""
        deadline = time.monotonic() + wait
        while not self.replies:
            self._take(deadline)
        kind, body = self.replies.popleft()
        return kind, int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0

    def subscribe(self, *filters, qos=2):
        """The list of SUBACK's codes, one a filter."""
        mid = self._next_mid()
        body = struct.pack("!H", mid) + (b"\0" if self.version == 5 else b"")
        for each in filters:
            body += field(each) + bytes([qos])
        self._send(SUBSCRIBE << 4 | 2, body)
        reply = self._reply(SUBACK, mid)
        return list(reply[3:] if self.version == 5 else reply[2:])

    def unsubscribe(self, *filters):
        mid = self._next_mid()
        body = struct.pack("!H", mid) + (b"\0" if self.version == 5 else b"")
        self._send(UNSUBSCRIBE << 4 | 2, body + b"".join(field(each) for each in filters))
        reply = self._reply(UNSUBACK, mid)
        return list(reply[3:]) if self.version == 5 else [0] * len(filters)

    def ping(self, wait=WAIT):
        """The connection lives, and all that was sent before has been handled."""
        self._send(PINGREQ << 4, b"")
        self._reply(PINGRESP, wait=wait)

    def message(self, wait=WAIT):
        """The next message that was delivered, whatever it is."""
        deadline = time.monotonic() + wait
        while not self.inbox:
            self._take(deadline)
        return self.inbox.popleft()

    def until(self, topic, wait=WAIT):
        """What was delivered before the first message on @topic, which is taken too."""
        deadline = time.monotonic() + wait
        before = []
        while True:
            while not self.inbox:
                self._take(deadline)
            message = self.inbox.popleft()
            if message.topic == topic:
                return before
            before.append(message)

    def wait_closed(self, wait=WAIT):
        """Waits until the broker closes; DISCONNECT's reason, or None."""
        deadline = time.monotonic() + wait
        try:
            while True:
                self._take(deadline)
        except Closed as closed:
            return closed.reason

    def disconnect(self):
        self._send(DISCONNECT << 4, b"")
        self.stream.close()

    def drop(self):
        """Goes without a word: the broker publishes the will."""
        self.stream.close()

    # ---- packets ----

    def _next_mid(self):
        self.mid = self.mid % 65535 + 1
        return self.mid

    def _send(self, first, body):
        self.stream.send(bytes([first]) + length(len(body)) + body)

    def _ack(self, kind, mid):
        reply = self._reply(kind, mid)
        return reply[2] if len(reply) > 2 else 0

    def _reply(self, kind, mid=None, wait=WAIT):
        deadline = time.monotonic() + wait
        while True:
            for reply in self.replies:
                if reply[0] == kind and (mid is None or reply[1][:2] == struct.pack("!H", mid)):
                    self.replies.remove(reply)
                    return reply[1]
            self._take(deadline)

    def _take(self, deadline):
        """Handles one packet."""
        first, body = self._packet(deadline)
        kind = first >> 4
        if kind == DISCONNECT:
            raise Closed(body[0] if body else 0)
        if kind == PUBLISH:
            self._delivered(first, body)
        elif kind == PUBREL:
            self._send(PUBCOMP << 4, body[:2])
        else:
            self.replies.append((kind, body))

    def _packet(self, deadline):
        while True:
            end, size, shift = 1, 0, 0
            while end < len(self.buffer):
                byte = self.buffer[end]
                size |= (byte & 0x7F) << shift
                shift += 7
                end += 1
                if byte < 0x80:
                    if len(self.buffer) >= end + size:
                        packet = self.buffer[0], self.buffer[end : end + size]
                        self.buffer = self.buffer[end + size :]
                        return packet
                    break
            more = self.stream.receive(deadline)
            if not more:
                raise Closed()
            self.buffer += more

    def _delivered(self, first, body):
        qos = first >> 1 & 3
        end = 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode(), body[end:]
        if qos:
            mid, rest = rest[:2], rest[2:]
            if self.is_auto_ack:
                self._send((PUBACK if qos == 1 else PUBREC) << 4, mid)
        if self.version == 5:
            size, rest = variable(rest)
            self.properties, rest = rest[:size], rest[size:]
        self.inbox.append(Message(topic, rest, qos, bool(first & 1), bool(first & 8)))
