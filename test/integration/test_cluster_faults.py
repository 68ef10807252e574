"""
One fault of each kind, of two brokers under load; `make cluster-faults RUNS=100` makes more. See
cluster_faults.py.
"""
import os
import random

import cluster_faults
import engines

pytestmark = engines.needs_postgres()
RUNS = 3 if os.environ.get("FULL") else 1


def test_acknowledged_is_kept(template, tmp_path):
    names = list(cluster_faults.FAULTS) * RUNS
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    rng.shuffle(names)
    notes = cluster_faults.run(template, tmp_path / "cluster", names, rng, seed)
    assert notes.acknowledged
