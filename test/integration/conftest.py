import contextlib
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
