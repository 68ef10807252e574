#!/usr/bin/python3
"""The plan of plugin/, held: prints a line for each place that breaks it, nothing where none does.

    structure.py circles | names | heads | functions | words | programs

circles: no file needs another that needs it (a .c and its headers are one file; the line names
all of a circle). names: no two files, structs, enums or unions of one name; private headers end in
_internal.h; beside plugin/'s folders stands its entry only. heads: each .c has a header, or a comment
at its top that says what it is for. functions: none is longer than FUNCTION_LINES. words: terms that
the glossary in ARCHITECTURE.md has others for. programs: each unit test and each fuzzer is in the
Makefile's list, so that it is built and run.
"""

import collections
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PLUGIN = os.path.join(TOP, "plugin")
FUNCTION_LINES = 60
ENTRY = {"plugin.c", "exports.map"}
TWINS = [{"schema/payload_yyjson.c", "schema/payload_jansson.c"}]  # one of them is built
WORDS = re.compile(r"(?:\b|_)(door|parked|parking|census|enroll|unload|watchful)(?:\b|_)", re.I)


def sources():
    for folder, _, names in os.walk(PLUGIN):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(folder, name), PLUGIN)


def read(name):
    with open(os.path.join(PLUGIN, name), encoding="utf-8") as file:
        return file.read()


def stem(name):
    """A file, its header and its private header are one."""
    return name[:-2].removesuffix("_internal")


def includes():
    """{file without its ending: those that it includes}."""
    found = collections.defaultdict(set)
    files = set(sources())
    for name in files:
        for header in re.findall(r'^#include "(.*)"', read(name), re.M):
            if header in files and stem(header) != stem(name):
                found[stem(name)].add(stem(header))
    return found


def reachable(graph, start):
    seen, left = set(), [start]
    while left:
        for other in graph.get(left.pop(), ()):
            if other not in seen:
                seen.add(other)
                left.append(other)
    return seen


def circles():
    graph = includes()
    reached = {name: reachable(graph, name) for name in graph}
    rings = {tuple(sorted({other for other in reached[name] if name in reached.get(other, ())}))
             for name in graph if name in reached[name]}
    return ["circle: " + " ".join(ring) for ring in sorted(rings)]


def repeated(kind, where):
    return ["two %s of one name: %s: %s" % (kind, name, " ".join(sorted(files)))
            for name, files in sorted(where.items())
            if len(files) > 1 and set(files) not in TWINS and len(set(files) | {None}) > 1]


def names():
    faults = []
    files, types = collections.defaultdict(list), collections.defaultdict(list)
    for name in sources():
        files[os.path.basename(name)].append(name)
        for kind in re.findall(r"^(?:struct|enum|union) (\w+) \{", read(name), re.M):
            types[kind].append(name)
        if re.search(r"_(inside|private|impl)\.h$", name):
            faults.append("a private header is named _internal.h: " + name)
    faults += ["beside the folders: " + name for name in sorted(os.listdir(PLUGIN))
               if not os.path.isdir(os.path.join(PLUGIN, name)) and name not in ENTRY]
    return faults + repeated("files", files) + repeated("types", types)


def heads():
    files = set(sources())
    return ["neither a header nor a comment at its top: " + name for name in sorted(files)
            if name.endswith(".c") and name[:-2] + ".h" not in files
            and not read(name).startswith("/*")]


def functions():
    faults = []
    for name in sources():
        start = None
        for number, line in enumerate(read(name).split("\n"), 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start - 1 > FUNCTION_LINES:
                    faults.append("%s:%d: %d lines" % (name, start, number - start - 1))
                start = None
    return faults


def words():
    return ["%s:%d: %s" % (name, number, found[0]) for name in sources()
            for number, line in enumerate(read(name).split("\n"), 1)
            for found in WORDS.finditer(line)]


def programs():
    faults = []
    with open(os.path.join(TOP, "Makefile"), encoding="utf-8") as file:
        makefile = file.read().replace("\\\n", " ")
    for folder, prefix, variable in (("unit", "test_", "UNIT"), ("fuzz", "fuzz_", "FUZZ")):
        named = set(re.findall(r"\w+", re.search(r"(?m)^%s +=(.*)$" % variable, makefile)[1]))
        files = sorted(os.listdir(os.path.join(TOP, "test", folder)))
        faults += ["not in the Makefile's %s: test/%s/%s" % (variable, folder, name)
                   for name in files if name.startswith(prefix) and name.endswith(".c")
                   and name[len(prefix):-2] not in named]
    return faults


if __name__ == "__main__":
    checks = {check.__name__: check
              for check in (circles, names, heads, functions, words, programs)}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    for fault in checks[sys.argv[1]]():
        print(fault)
