"""A source becomes a model of the store: `add_model`.

    add.py         the steps in order: fetch, inspect and trial run, labels, profile, register
    protocol.py    what the child is asked, and what it answers
    child.py       looks at the SavedModel and runs it: a process of its own, for TensorFlow may die of it
    look.py        starts that child and says what its end means                                    I/O
    labelled.py    which label belongs to which number of the model                                 pure

Nothing is in the store before the last step, and whatever fails leaves nothing behind but a download to go on with.
"""

from workers.adding.add import Added, Told, Wanted, add_model

__all__ = ["Added", "Told", "Wanted", "add_model"]
