"""The Petstore's messages: each function returns (topic, payload)."""

import itertools
import json
import os
import time

def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


# One for all messages of a file of tests (conftest_fixtures.py), so that the same message is a repeat:
# the monitor reports what is dated 5 minutes from now.
WHEN = now()

_number = itertools.count(1)
_run = os.urandom(3).hex()


def unique(kind):
    """An id that no other test uses."""
    return "%s-%s-%d" % (kind, _run, next(_number))


def _message(topic, members, more):
    members.update(updatedAt=WHEN)
    members.update(more)
    members = {name: value for name, value in members.items() if value is not None}
    return topic, json.dumps(members).encode()


def availability(pet, available=True, **more):
    members = {"petId": pet, "available": available}
    return _message("pets/%s/availability" % pet, members, more)


def pet_status(pet, status="AVAILABLE", **more):
    return _message("pets/%s/status" % pet, {"petId": pet, "status": status}, more)


def order(order_id, status="PLACED", **more):
    members = {"orderId": order_id, "status": status}
    if status == "PLACED":
        members["userId"] = "customer-a"
    return _message("orders/%s/status" % order_id, members, more)


def order_payment(order_id, status="PENDING", **more):
    members = {"orderId": order_id, "status": status, "amount": "149.99", "currency": "USD"}
    return _message("orders/%s/payment" % order_id, members, more)


def payment(payment_id, order_id="ord-1", status="PENDING", **more):
    members = {"paymentId": payment_id, "orderId": order_id, "status": status,
               "amount": "149.99", "currency": "USD"}
    return _message("payments/%s/status" % payment_id, members, more)


def stock(product, quantity=1, **more):
    members = {"productId": product, "quantity": quantity}
    return _message("inventory/%s/stock" % product, members, more)
