"""Memory of a slot: seen coming, recorded, and explained after a death.

    sample.py       what this process holds and what it could still get        I/O: Sampler
    oom.py          the kernel's counts of processes it killed for memory      I/O: OomCounter
    blackbox.py     what a slot was doing, in a file that outlives it          I/O
    death.py        signal, counts and black box -> verdict                    pure
    admission.py    model, images and budget -> batch                          pure
    reservation.py  the slots of a machine admit one after the other           I/O
    guard.py        a thread that ends an attempt before the kernel does
    learned.py      what fitted and what failed, for the whole fleet           I/O: LearnedSizes

Nothing here imports TensorFlow, OpenCV or NumPy: the worker's main process uses it too.
"""
