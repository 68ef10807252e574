"""
The stateful attacker of attacker.py for some seconds; ATTACK_SECONDS=600 is ten minutes.

The seeds found, within some seconds each, before they were mended: a stranger let in over
websockets at a reload (1, 14; 2.0.x), innocents taken for away after an account was (11, 12;
2.0.x), a broker spoilt by what follows CONNECT in its segment (1, 5; 2.1.2), a stranger's will
published in the name of somebody whose memory it was given (2, 3, 7), and a session ended by an
exchange that only began (3; 2.0.11).
"""

import pytest

import attacker

SEEDS = ["1", "3", "11"]


def attack(tmp_path, template, seed, **options):
    print("attacker: ATTACK_SEED=%s" % seed)
    counts = attacker.Run(tmp_path, template, seed, **options).go()
    for name in sorted(counts):
        print("%-36s %d" % (name, counts[name]))
    assert counts["accepted"] and counts["refused"] and counts["guests' visits"]


@pytest.mark.parametrize("seed", attacker.seeds(SEEDS))
def test_nobody_notices(tmp_path, template, seed):
    rounds, seconds = attacker.bounds()
    attack(tmp_path, template, seed, rounds=rounds, seconds=seconds)
