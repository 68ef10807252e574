"""
Checks a message before it is sent, against the schemas that the broker uses. With jsonschema 4
(Debian: python3-jsonschema python3-rfc3339-validator):

    python3 validate.py order-status '{"orderId": "ord-1", "status": "LOST"}'

SCHEMAS names another folder than schemas/. Status changes, ids in the topic, scopes and QoS are
checked by the broker only.
"""
import json
import os
import pathlib
import sys

from jsonschema import Draft202012Validator

FOLDER = pathlib.Path(os.environ.get("SCHEMAS", pathlib.Path(__file__).parents[2] / "schemas"))
SCHEMAS = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.schema.json")}


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
    # Without a format checker a date-time may be any text.
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, format_checker=checker, **where)


if len(sys.argv) != 3:
    sys.exit(__doc__.strip())
errors = list(validator(sys.argv[1]).iter_errors(json.loads(sys.argv[2])))
for error in errors:
    print("/" + "/".join(map(str, error.absolute_path)), error.message)
if errors:
    sys.exit(1)
print("valid")
