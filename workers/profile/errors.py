"""How a profile that cannot be made reaches its caller."""

from contract.errors import VedetteError


class ProfileFailed(VedetteError):
    """A model that could not be measured: it ends its process, or not even one image fits in the budget."""

    code = "profile_failed"
