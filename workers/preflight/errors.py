"""How a failed preflight reaches the worker that asked for it."""

from contract.errors import VedetteError
from workers.preflight.diagnose import Diagnosis, format_diagnosis


class PreflightFailed(VedetteError):
    """NumPy, TensorFlow or OpenCV do not work on this machine. `str()` is the diagnosis, several lines for the log."""

    code = "preflight_failed"

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(format_diagnosis(diagnosis))
        self.diagnosis = diagnosis
