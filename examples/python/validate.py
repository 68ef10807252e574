"""
Checks a message before it is sent, against the schemas that the broker uses. With jsonschema 4
(Debian: python3-jsonschema):

    python3 validate.py order-status '{"orderId": "ord-1", "status": "LOST"}'

SCHEMAS names another folder than schemas/. Status changes, ids in the topic, scopes and QoS are
checked by the broker only.
"""
import json
import os
import pathlib
import re
import sys
from datetime import date

from jsonschema import Draft202012Validator, FormatChecker

FOLDER = pathlib.Path(os.environ.get("SCHEMAS", pathlib.Path(__file__).parents[2] / "schemas"))
SCHEMAS = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.schema.json")}


def is_time(text):
    """RFC 3339. jsonschema itself takes any text where no other package checks it."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
                         r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", text, re.ASCII)
    return bool(found and date.fromisoformat(found[1]))  # ValueError: there is no such day


def validator(message):
    """For one message; "$ref" finds the other files by their "$id", which is the file's name."""
    schema = SCHEMAS[message + ".schema.json"]
    try:
        from referencing import Registry, Resource  # jsonschema 4.18 and later
    except ImportError:
        from jsonschema import RefResolver
        where = {"resolver": RefResolver.from_schema(schema, store=SCHEMAS)}
    else:
        where = {"registry": Registry().with_resources(
            (name, Resource.from_contents(each)) for name, each in SCHEMAS.items())}
    checker = FormatChecker()
    checker.checks("date-time", ValueError)(lambda it: not isinstance(it, str) or is_time(it))
    return Draft202012Validator(schema, format_checker=checker, **where)


if len(sys.argv) != 3 or sys.argv[1] + ".schema.json" not in SCHEMAS:
    names = sorted(name[:-len(".schema.json")] for name in SCHEMAS)
    sys.exit("%s\n\nThe messages are: %s" % (__doc__.strip(), ", ".join(names)))
try:
    instance = json.loads(sys.argv[2])
except ValueError as error:
    sys.exit("not JSON: %s" % error)
errors = list(validator(sys.argv[1]).iter_errors(instance))
for error in errors:
    print("/" + "/".join(map(str, error.absolute_path)), error.message)
if errors:
    sys.exit(1)
print("valid")
