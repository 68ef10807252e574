"""The shipped access file without what binds client ids: for tests of what holds without it."""
import json
import os

import harness


def access(folder, edit=None):
    """Writes it to @folder, changed by @edit (of the dictionary). Its path."""
    with open(os.path.join(harness.TOP, "docker", "access.json")) as file:
        shipped = json.load(file)
    shipped.pop("clientIds", None)
    for holder in list(shipped["roles"].values()) + list(shipped.get("users", {}).values()):
        holder.pop("clientIds", None)
    if edit:
        edit(shipped)
    path = os.path.join(str(folder), "unbound.json")
    with open(path, "w") as file:
        json.dump(shipped, file)
    return path
