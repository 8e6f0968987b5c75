"""What this machine is, whether a worker can run on it, and a given model: `vedette doctor`.

    finding.py             what is said: code, level, what was seen, why it matters, what to do
    facts.py               what is known before anything is concluded
    gather.py              collects the facts: the only I/O, with the two children below
    cpuid_child.py         a process that asks the CPU itself
    trial.py               a process that loads the model and runs an image, and what is seen of it
    trial_child.py         that process
    examine.py             facts -> report: the topics in order
    cpu.py memory.py tensorflow.py packages.py redis.py model.py    one topic each, pure
    microarchitectures.py  x86 family and model numbers -> archspec's names

TensorFlow is imported by the preflight's child and by the trial's, never here: a doctor must not die of the disease.
"""
