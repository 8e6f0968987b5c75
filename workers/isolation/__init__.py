"""Code that may take all memory, or die, in a process of its own: profiles and trial runs of models that nobody knows.

    child.py    in that process: lives on sufferance, answers on the real stdout
    peak.py     in that process: a thread that sees the peak, and ends the process beyond its budget
    raised.py   an exception that it met, on its way to the parent
    watch.py    the parent: starts it, looks on, ends it before it could hurt the machine, says how it ended     I/O

A limit of the kernel would be surer and is no choice: a memory cgroup needs root, and under RLIMIT_AS or RLIMIT_DATA
TensorFlow dies of SIGSEGV long before its memory is used up. So three look on: the child itself, the parent, and, were
both too slow, the kernel, whose first choice the child is.
"""

from workers.isolation.watch import Ending, budget_for, run_isolated

__all__ = ["Ending", "budget_for", "run_isolated"]
