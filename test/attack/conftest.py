"""The integration tests' harness and fixtures, for tests that attack the broker."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "integration"))

from conftest_fixtures import *  # noqa: F401,F403: fixtures
