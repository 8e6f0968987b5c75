"""How the page spells ages, rates and counts: short, for they change under one's eyes. Pure."""

from contract.memory import GIB, format_bytes


def age(seconds: float) -> str:
    """`8 s`, `4 min`, `3 h`, `2 days`."""
    for unit_s, name, below in ((1, "s", 60), (60, "min", 60), (3600, "h", 48)):
        if seconds < unit_s * below:
            return f"{int(seconds / unit_s)} {name}"
    return f"{int(seconds / 86400)} days"


def speed(images_per_s: float) -> str:
    """`61.3`, `0.25`, `0.5`; of images per second."""
    return f"{images_per_s:,.1f}" if images_per_s >= 1 or images_per_s == 0 else f"{images_per_s:.2g}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 worker`, `1,200 workers`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def of_bytes(used: int | None, limit: int) -> str:
    """`1.2 of 3.5 GiB`, `512 of 832 MiB`; `3.5 GiB` where it is not known how much is used."""
    if used is None:
        return format_bytes(limit)
    if limit >= GIB:
        return f"{used / GIB:.1f} of {format_bytes(limit)}"
    return f"{format_bytes(used)} of {format_bytes(limit)}"
