import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from conftest_fixtures import *  # noqa: F401,F403: fixtures
