import contextlib
import functools
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from conftest_fixtures import *  # noqa: F401,F403: fixtures

# What a script starts in the background has Ctrl-C ignored, and so has all that it starts itself.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    """All of a journal is allocated, and folders are kept for a while: those of this test go."""
    yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    for journal in folder.rglob("*-journal.ring") if folder else []:
        with contextlib.suppress(OSError):
            journal.unlink()


# ---- several runs at once ---------------------------------------------------------------
#
# CLAIMS names a folder that they have in common, empty at first. Who makes a file of tests' name
# there runs it, all of it: the next one that nobody has, until there is none.

CLAIMS = os.environ.get("CLAIMS")


@functools.lru_cache(maxsize=None)
def is_ours(path):
    with contextlib.suppress(FileExistsError):
        os.close(os.open(os.path.join(CLAIMS, path.name), os.O_CREAT | os.O_EXCL))
        return True
    return False


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """True: nobody is to run it here."""
    return True if CLAIMS and not is_ours(item.path) else None


def pytest_collection_modifyitems(items):
    """The longest files first, so that no run waits for the last one of another: the clusters'."""
    if CLAIMS:
        items.sort(key=lambda item: "cluster" not in item.path.name)
