"""What a model needs, measured: memory by images and pixels, images per second, the best batch and threads.

    protocol.py    what a child is asked, and what it reports
    child.py       runs one load in a process of its own, because memory that a process once touched stays with it
    outcome.py     it ran, or it does not fit
    watch.py       runs a load in such a child (`workers.isolation`), and says what its end means
    plan.py        which load comes next, from the signature and what was measured so far     pure
    fit.py         measured peaks -> base, per image, per megapixel, and their error          pure
    best.py        measured speeds -> the best batch and threads                              pure
    ways/          the fastest way to run it here: its engine plan
    profile.py     the steps in order: what others call
    provenance.py  where a number comes from: command, machine, date

Only the child imports TensorFlow. A profile never takes more than a share of what the machine has free at the moment.
"""

from typing import Final

from workers.profile.errors import ProfileFailed
from workers.profile.plan import MINIMAL, QUICK, THOROUGH, Effort
from workers.profile.profile import Check, Profile, profile, with_profile

#: By what a user calls them.
EFFORTS: Final = {"minimal": MINIMAL, "quick": QUICK, "thorough": THOROUGH}

__all__ = [
    "EFFORTS",
    "MINIMAL",
    "QUICK",
    "THOROUGH",
    "Check",
    "Effort",
    "Profile",
    "ProfileFailed",
    "profile",
    "with_profile",
]
