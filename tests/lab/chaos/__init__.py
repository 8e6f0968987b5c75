"""The chaos driver: everything that goes wrong with a fleet, mixed at random under load, from a seed.

    python -m tests.lab.chaos --seconds 600 --seed 1 --workers 2        (make chaos SECONDS=600 SEED=1)

    schedule.py   which fault, when, for how long: pure          orders.py   which jobs: pure
    faults.py     does one fault to the world                    load.py     producers that submit the orders
    world.py      Redis, workers, models, images                 tally.py    what became of each image: pure
    run.py        the order of steps                             report.py   the tally and what is wrong, as text

The seed decides faults, jobs and their order; what is under way when a fault strikes is the machine's doing.
"""
