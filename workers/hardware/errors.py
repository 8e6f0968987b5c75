"""What the probe raises for a machine that no option can make fit (a wrong option is a `SettingsError`)."""

from contract.errors import VedetteError


class MachineUnsupported(VedetteError):
    """No worker can run here: not Linux, an architecture without a TensorFlow, or too little memory for one slot."""

    code = "machine_unsupported"
