"""From facts to a report: the topics in their order. Pure."""

from contract.capability import Capability
from workers.doctor.cpu import cpu_findings
from workers.doctor.facts import Facts, Machine
from workers.doctor.finding import Finding, Report, Topic
from workers.doctor.memory import memory_findings
from workers.doctor.model import model_findings
from workers.doctor.packages import package_findings
from workers.doctor.redis import redis_findings
from workers.doctor.tensorflow import tensorflow_findings
from workers.hardware.cpu import Cpu
from workers.hardware.errors import MachineUnsupported
from workers.hardware.plan import Caps
from workers.hardware.probe import measure, measure_cpu


def examine(facts: Facts) -> Report:
    machine = facts.machine
    cpu = cpu_of(machine)
    capability = capability_of(machine)
    found: list[Finding] = []
    if isinstance(cpu, Cpu):
        found += cpu_findings(machine, cpu)
    else:
        found.append(_unsupported(cpu, "cpu"))
    if isinstance(capability, Capability):
        found += memory_findings(machine, capability)
    else:
        found += memory_findings(machine, None)
        if isinstance(cpu, Cpu):  # else it is the CPU's error again
            found.append(_unsupported(capability, "memory"))
    if isinstance(cpu, Cpu):
        found += tensorflow_findings(facts.preflight, cpu, facts.environment)
    found += package_findings(facts.packages)
    found += redis_findings(facts.redis)
    if facts.model is not None and isinstance(capability, Capability):
        found += model_findings(facts.model, capability, machine.now)
    return Report(tuple(found), capability if isinstance(capability, Capability) else None)


def cpu_of(machine: Machine) -> Cpu | MachineUnsupported:
    try:
        return measure_cpu(machine.files)
    except MachineUnsupported as error:
        return error


def capability_of(machine: Machine) -> Capability | MachineUnsupported:
    """What a worker without caps would advertise."""
    try:
        return measure(machine.files, Caps())
    except MachineUnsupported as error:
        return error


def _unsupported(error: MachineUnsupported, topic: Topic) -> Finding:
    seen, _, rest = str(error).partition(". ")
    return Finding(
        error.code, "problem", topic, f"{seen.rstrip('.')}.", "No worker can run here.", rest or "Use another machine."
    )
