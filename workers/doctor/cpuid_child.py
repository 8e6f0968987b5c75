"""Asks the CPU itself which features it announces, and prints archspec's names of them, on one line.

A process of its own: CPUID takes a few bytes of machine code in executable memory, which a hardened system may answer
with a signal. archspec has the code and the table of bits; it uses them on Windows, where there is no /proc.
"""

from archspec.cpu.detect import CpuidInfoCollector


def main() -> None:
    print(*sorted(CpuidInfoCollector().features))


if __name__ == "__main__":
    main()
