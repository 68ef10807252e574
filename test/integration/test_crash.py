"""Some kills under each condition; `make crash RUNS=50` makes more."""

import contextlib

import pytest

import crash


RUNS = 2


@pytest.mark.parametrize("condition", ["plain", "slow+shutdown", "locked+reload", "full", "replay"])
def test_acknowledged_is_kept(template, tmp_path, condition):
    is_small = "full" in condition
    disk = crash.small_disk(tmp_path, RUNS) if is_small else contextlib.nullcontext(True)
    with disk as is_there:
        if not is_there:
            pytest.skip("no right to mount")
        notes = crash.run(template, tmp_path, condition, RUNS)
    assert notes.acknowledged
