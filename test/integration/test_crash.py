"""Some kills under each condition; `make crash RUNS=50` makes more."""

import contextlib

import pytest

import crash


@pytest.mark.parametrize("condition", crash.CONDITIONS)
def test_acknowledged_is_kept(template, tmp_path, condition):
    disk = crash.small_disk(tmp_path, 3) if condition == "full" else contextlib.nullcontext(True)
    with disk as is_there:
        if not is_there:
            pytest.skip("no right to mount")
        notes = crash.run(template, tmp_path, condition, runs=3)
    assert notes.acknowledged
