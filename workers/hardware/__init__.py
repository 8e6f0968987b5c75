"""What this machine can do: CPU level and features, memory, cores, and how many slots to cut them into.

    files.py    reads /proc, cgroup files and process limits: the only I/O
    cgroup.py   which cgroup files bind this process, and what they say
    cpu.py      /proc/cpuinfo -> level, features, name
    memory.py   every limit on memory -> what the slots may use
    plan.py     cores, memory, CPU and the operator's caps -> Capability
    probe.py    the steps in order, and the log lines

Everything but files.py is pure, and tested on recorded machines.
"""
