"""How the bundled demo detectors are made: rendered, trained, exported, evaluated, measured. See README.md here.

Not part of the installed package; run its modules from the repository's root with `python -m training.<step>`.
"""
