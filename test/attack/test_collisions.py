"""
Texts that a hash without its seed takes for the same: words that change places, with the bits of the
length and of the hash's second lane in them. Each pair would collide under every second seed.
"""
import json

import messages

WELL = (0, 0x10)
HEAD = b'{"changedBy":"--'  # 16 bytes, the first lane's
LENGTHS = [64, 256, 512, 1024, 2048, 4096]  # of what stands before the time: one bit each


def is_sound(c):
    """As itself in a text of JSON?"""
    return 0x20 <= c < 0x7f and c not in b"\"\\"


def turned(word, length):
    """The word that is the same number in the other factor."""
    return bytes(c ^ d ^ 0xff for c, d in zip(word, length.to_bytes(8, "little")))


def word(length, start):
    """Eight bytes of ASCII that are four characters when they are turned."""
    low, high = range(0x23, 0x3e), range(0x41, 0x7e)
    ret = bytearray()
    for i, bits in enumerate(length.to_bytes(8, "little")):
        first, last = (0xc3, 0xdf) if i % 2 == 0 else (0x80, 0xbf)
        fit = [c for c in (*low, *high) if is_sound(c) and first <= c ^ bits ^ 0xff <= last]
        ret.append(fit[(start + i) % len(fit)])
    return bytes(ret)


def pair(order, length):
    """Two messages that differ in who changed the order."""
    one, two = word(length, 3), word(length, 11)
    head = HEAD + one + two, HEAD + turned(two, length) + turned(one, length)
    members = {"orderId": order, "status": "PLACED", "userId": "customer-a"}
    for each in head:
        text = each + b'",'
        tail = b'"updatedAt":"'
        text += b" " * (length - len(text) - len(tail)) + tail
        assert len(text) == length
        yield text + messages.WHEN.encode() + b'",' + json.dumps(members).encode()[1:]


def test_said_again_with_other_content(broker):
    """None of them is taken for what was said before: what is delivered is what is kept."""
    publisher, watcher = broker.client("orders-service"), broker.client("backoffice")
    for length in LENGTHS:
        order = messages.unique("ord")
        topic = messages.order(order)[0]
        watcher.subscribe(topic, "inventory/#")
        for count, payload in enumerate(pair(order, length), 1):
            assert publisher.publish(topic, payload, 1) in WELL
            by = json.loads(payload)["changedBy"]
            assert [json.loads(each.payload)["changedBy"] for each in broker.barrier(watcher)] \
                == [by]
            broker.wait_rows([(by, count)],
                             "SELECT changed_by, revision FROM orders WHERE id = ?", order)
