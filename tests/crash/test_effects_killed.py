"""No effect is lost, settled twice, or out of order while workers and the server are killed.

`KAIROS_EFFECTS=100000 KAIROS_EFFECT_KILLS=10 pytest tests/crash/test_effects_killed.py` is the long
form; figures in docs/guides/effects.md.
"""

import os

from crash.effects_kill import Run

EFFECTS = int(os.environ.get("KAIROS_EFFECTS", "1200"))
KILLS = int(os.environ.get("KAIROS_EFFECT_KILLS", "1"))
SUBJECTS = max(EFFECTS // 50, 40)


def test_every_intent_is_settled_once_and_in_order(tmp_path):
    account = Run(tmp_path, EFFECTS, SUBJECTS, KILLS, seed=EFFECTS + KILLS).go()
    print(account)
    assert account.faults == []
    assert account.servers_killed == KILLS
    assert account.acked + account.dead == EFFECTS
    assert account.dead == EFFECTS // 100
