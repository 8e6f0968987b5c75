"""Which microarchitecture an x86 CPU is by its family and model numbers: archspec's names, which tell its features.

archspec goes by features, and so takes a CPU whose newest ones a hypervisor hides for an older CPU. The numbers are
seldom masked. Sources: Linux, arch/x86/include/asm/intel-family.h; LLVM, llvm/lib/TargetParser/Host.cpp
(getAMDProcessorTypeAndSubtype). Where archspec has no name of its own, the nearest older one is meant.
"""

from typing import Final

#: Models of family 6. Atoms are left out: nothing that TensorFlow uses is ever hidden in them.
_INTEL: Final[dict[str, tuple[int, ...]]] = {
    "nehalem": (0x1A, 0x1E, 0x1F, 0x2E),
    "westmere": (0x25, 0x2C, 0x2F),
    "sandybridge": (0x2A, 0x2D),
    "ivybridge": (0x3A, 0x3E),
    "haswell": (0x3C, 0x3F, 0x45, 0x46),
    "broadwell": (0x3D, 0x47, 0x4F, 0x56),
    "skylake": (0x4E, 0x5E, 0x8E, 0x9E, 0xA5, 0xA6),  # Kaby, Coffee and Comet Lake too
    "skylake_avx512": (0x55,),
    "cannonlake": (0x66,),
    "icelake": (0x6A, 0x6C, 0x7D, 0x7E, 0x8C, 0x8D, 0xA7),  # Tiger and Rocket Lake too
    "sapphirerapids": (0x8F, 0xCF, 0xAD, 0xAE),  # Emerald and Granite Rapids too
    "alderlake": (0x97, 0x9A, 0xB7, 0xBA, 0xBF, 0xAA, 0xAC),  # Raptor and Meteor Lake too
}
#: Cascade Lake and Cooper Lake are Skylake servers of a later stepping.
_CASCADELAKE_STEPPING: Final = 5

#: Family -> name, first model, last model.
_AMD: Final[dict[int, tuple[tuple[str, int, int], ...]]] = {
    0x15: (
        ("bulldozer", 0x00, 0x01),
        ("piledriver", 0x02, 0x1F),
        ("steamroller", 0x30, 0x3F),
        ("excavator", 0x60, 0x7F),
    ),
    0x17: (("zen", 0x00, 0x2F), ("zen2", 0x30, 0xAF)),
    0x19: (
        ("zen3", 0x00, 0x0F),
        ("zen4", 0x10, 0x1F),
        ("zen3", 0x20, 0x5F),
        ("zen4", 0x60, 0x7F),
        ("zen4", 0xA0, 0xAF),
    ),
    0x1A: (("zen5", 0x00, 0x77),),
}


def microarchitecture(vendor: str, family: int, model: int, stepping: int) -> str | None:
    """archspec's name, or None for a CPU that is not in the table. Numbers as /proc/cpuinfo has them, in decimal.

    GenuineIntel 6 143 8 -> sapphirerapids; GenuineIntel 6 85 7 -> cascadelake; AuthenticAMD 25 1 1 -> zen3.
    """
    if vendor == "AuthenticAMD":
        return next((name for name, first, last in _AMD.get(family, ()) if first <= model <= last), None)
    if vendor != "GenuineIntel" or family != 6:
        return None
    name = next((name for name, models in _INTEL.items() if model in models), None)
    return "cascadelake" if name == "skylake_avx512" and stepping >= _CASCADELAKE_STEPPING else name
