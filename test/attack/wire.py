"""A connection that never waits, and the packets that cross it.

TCP, TLS (in memory, so that a handshake can stop half way) and websockets, from whatever
loopback address. What is written is queued; pump() takes in what has come and returns the MQTT
packets that are whole. Nothing here judges anything.
"""

import base64
import collections
import os
import socket
import ssl
import struct

from rawmqtt import AUTH, CONNECT, DISCONNECT, PINGREQ, PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from rawmqtt import field, length

PENDING_MAX = 4 << 20  # bytes that one connection may have unsent
INWARD_MAX = 8 << 20  # bytes of an unfinished packet
SHOWN = 16  # packets that a report shows
SHOWN_BYTES = 120

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10  # RFC 6455, 5.2


class Wire:
    def __init__(self, transport, port, source, context=None):
        self.transport = transport
        self.source = source
        self.is_closed = False
        self.is_shaken = context is None
        self.is_upgraded = transport != "wss"
        self.history = collections.deque(maxlen=SHOWN)
        self.early = []  # waits for TLS and websockets to be open
        self.pending = bytearray()  # for the socket
        self.framed = b""  # below websockets
        self.buffer = b""  # MQTT
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((source, 0))
        self.socket.connect_ex(("127.0.0.1", port))
        self.tls = None
        if context:
            self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.inward, self.outward, server_hostname="localhost")
            self._shake()

    @property
    def is_open(self):
        """MQTT packets get through."""
        return self.is_shaken and self.is_upgraded and not self.is_closed

    def fileno(self):
        return self.socket.fileno()

    # ---- out ----

    def write(self, data, note=None):
        """MQTT bytes, in one websocket frame where there are such."""
        self.history.append("-> %s" % (note or data[:SHOWN_BYTES].hex()))
        self._write(frame(data) if self.transport == "wss" else data)

    def write_raw(self, data):
        """Bytes below the websocket framing, but within TLS."""
        self.history.append("-> raw %s" % data[:SHOWN_BYTES].hex())
        self._write(data)

    def _write(self, data):
        if not self.is_closed:
            self.early.append(data)
            self._push()

    def _push(self):
        if self.is_shaken and self.is_upgraded:
            for data in self.early:
                self._seal(data)
            self.early.clear()
        self.flush()

    def _seal(self, data):
        if self.tls:
            self.tls.write(data) if data else None
        else:
            self.pending += data

    def flush(self):
        if self.is_closed:
            return
        if self.tls:
            self.pending += self.outward.read()
        if not self.pending:
            return
        try:
            sent = self.socket.send(self.pending)
            del self.pending[:sent]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            # The rest can't be sent; what has come is still to be read, up to its end.
            self.pending.clear()
        if len(self.pending) > PENDING_MAX:
            self.close()

    # ---- in ----

    def pump(self):
        """The MQTT packets that came: [(first byte, body)]."""
        self.flush()
        ended = False
        while not self.is_closed:
            try:
                data = self.socket.recv(65536)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                data = b""
            if not data:
                ended = True
                break
            self._take(data)
            if len(data) < 65536:
                break
        packets = list(self._cut())
        if ended:
            self._end()
        return packets

    def _take(self, data):
        if self.tls:
            self.inward.write(data)
            if not self.is_shaken and not self._shake():
                return
            data = b""
            try:
                while True:
                    more = self.tls.read(65536)
                    if not more:
                        break
                    data += more
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self._unwrap(data)
                self._end()
                return
            self.flush()
        self._unwrap(data)

    def _shake(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush()
            return False
        except ssl.SSLError:
            self.flush()
            self._end()
            return False
        self.is_shaken = True
        if self.transport == "wss":
            self._seal(upgrade())
        self._push()
        return True

    def _unwrap(self, data):
        if self.transport != "wss":
            self.buffer += data
            return
        self.framed += data
        if not self.is_upgraded:
            if b"\r\n\r\n" not in self.framed:
                return
            head, self.framed = self.framed.split(b"\r\n\r\n", 1)
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._end()
                return
            self.is_upgraded = True
            self._push()
        while True:
            found = unframe(self.framed)
            if found is None:
                return
            opcode, data, self.framed = found
            if opcode in (CONTINUATION, BINARY):
                self.buffer += data
            elif opcode == PING:
                self._write(frame(data, PONG))
            elif opcode == CLOSE:
                self._end()
                return

    def _cut(self):
        while True:
            found = cut(self.buffer)
            if found is None:
                if len(self.buffer) > INWARD_MAX:
                    self._end()
                return
            first, body, self.buffer = found
            self.history.append("<- %02x %s" % (first, body[:SHOWN_BYTES].hex()))
            yield first, body

    # ---- the end ----

    def _end(self):
        if not self.is_closed:
            self.history.append("<- closed")
            self.is_closed = True
            self.socket.close()

    def close(self, is_abrupt=False):
        """With a FIN, or abruptly with a RST."""
        if self.is_closed:
            return
        self.history.append("-> %s" % ("RST" if is_abrupt else "FIN"))
        if is_abrupt:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_closed = True
        self.socket.close()


def client_hello(context):
    """The first bytes of a TLS handshake."""
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(inward, outward, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outward.read()


# ---- websockets ---------------------------------------------------------------------------


def upgrade():
    key = base64.b64encode(os.urandom(16)).decode()
    return ("GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: %s\r\n\r\n" % key).encode()


def frame(data, opcode=BINARY, is_final=True, is_masked=True):
    first = opcode | (0x80 if is_final else 0)
    size, flag = len(data), 0x80 if is_masked else 0
    if size < 126:
        head = struct.pack("!BB", first, flag | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    if not is_masked:
        return head + data
    mask = os.urandom(4)
    wide = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(wide, "big")
    return head + mask + masked.to_bytes(size, "big")


def unframe(data):
    """(opcode, payload, the rest), or None."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(data) < 2 + width:
            return None
        size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    if len(data) < start + size:
        return None
    return data[0] & 0x0F, data[start : start + size], data[start + size :]


# ---- MQTT ---------------------------------------------------------------------------------


def cut(data):
    """(first byte, body, the rest) of a whole packet, or None."""
    end, size, shift = 1, 0, 0
    while end < len(data) and end < 5:
        byte = data[end]
        size |= (byte & 0x7F) << shift
        shift += 7
        end += 1
        if byte < 0x80:
            if len(data) < end + size:
                return None
            return data[0], data[end : end + size], data[end + size :]
    return None


def varint(data):
    """(number, the rest)"""
    number, shift = 0, 0
    for at, byte in enumerate(data[:4]):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, data[at + 1 :]
    return 0, b""


SIZES = {0x01: 1, 0x02: 4, 0x11: 4, 0x13: 2, 0x17: 1, 0x18: 4, 0x19: 1, 0x21: 2, 0x22: 2, 0x23: 2,
         0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}


def property_of(identifier, data):
    """The first property of that kind among @data, which begins with their length; or None."""
    size, rest = varint(data)
    rest = rest[:size]
    while rest:
        kind, rest = rest[0], rest[1:]
        if kind == 0x0B:
            end = len(rest) - len(varint(rest)[1])
        elif kind in SIZES:
            end = SIZES[kind]
        else:
            end = 2 + int.from_bytes(rest[:2], "big")
            if kind == 0x26:
                end += 2 + int.from_bytes(rest[end : end + 2], "big")
        if kind == identifier:
            return rest[:end] if kind in SIZES else rest[2:end]
        rest = rest[end:]
    return None


def auth_data(body):
    """The authentication data in an AUTH packet."""
    return property_of(0x16, body[1:]) or b""


def packet(first, body=b""):
    return bytes([first]) + length(len(body)) + body


def properties(version, *parts):
    joined = b"".join(parts)
    return length(len(joined)) + joined if version == 5 else b""


def connect(version, client_id, user=None, password=None, clean=True, keepalive=60, expiry=None,
            auth=None, will=None, more=b""):
    """@will: (topic, payload, qos, retain, delay); @auth: (method, data); @more: properties."""
    flags = 0x02 if clean else 0
    body = field(client_id)
    if will:
        topic, payload, qos, retain, delay = will
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        wait = struct.pack("!BI", 0x18, delay) if delay else b""
        body += properties(version, wait) + field(topic) + field(payload)
    if user is not None:
        flags |= 0x80
        body += field(user)
    if password is not None:
        flags |= 0x40
        body += field(password)
    parts = [more] if version == 5 else []
    if expiry is not None:
        parts.append(struct.pack("!BI", 0x11, expiry))
    if auth:
        parts.append(b"\x15" + field(auth[0]))
        parts.append(b"\x16" + field(auth[1]) if auth[1] is not None else b"")
    head = field("MQTT") + bytes([version, flags]) + struct.pack("!H", keepalive)
    return packet(CONNECT << 4, head + properties(version, *parts) + body)


def publish(version, topic, payload, qos=0, retain=False, dup=False, mid=0, alias=None):
    body = field(topic) + (struct.pack("!H", mid) if qos else b"")
    part = struct.pack("!BH", 0x23, alias) if alias is not None else b""
    first = PUBLISH << 4 | dup << 3 | qos << 1 | retain
    return packet(first, body + properties(version, part) + payload)


def subscribe(version, mid, filters, options=1, identifier=None):
    part = b"\x0b" + length(identifier) if identifier else b""
    body = struct.pack("!H", mid) + properties(version, part)
    return packet(SUBSCRIBE << 4 | 2,
                  body + b"".join(field(each) + bytes([options]) for each in filters))


def unsubscribe(version, mid, filters):
    body = struct.pack("!H", mid) + properties(version)
    return packet(UNSUBSCRIBE << 4 | 2, body + b"".join(map(field, filters)))


def acknowledge(kind, mid, code=None):
    """PUBACK, PUBREC, PUBREL, PUBCOMP."""
    body = struct.pack("!H", mid) + (bytes([code]) if code is not None else b"")
    return packet(kind << 4 | (2 if kind == 6 else 0), body)


def auth(code, method, data):
    return packet(AUTH << 4, bytes([code]) + properties(
        5, b"\x15" + field(method), b"\x16" + field(data) if data is not None else b""))


def disconnect(version, code=None, expiry=None):
    if version != 5 or code is None:
        return packet(DISCONNECT << 4)
    part = struct.pack("!BI", 0x11, expiry) if expiry is not None else b""
    return packet(DISCONNECT << 4, bytes([code]) + properties(5, part))


def ping():
    return packet(PINGREQ << 4)
