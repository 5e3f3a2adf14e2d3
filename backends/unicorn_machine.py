"""A bare machine of Unicorn, for where no QEMU is: memory, the semihosting calls of harness/semihosting.c, instructions counted by harness/unicorn_hook.c.

Use: python -m tinyir.backends.unicorn_machine PROGRAM HOOK ARCHITECTURE MODE[,MODE] CPU ADDRESS+BYTES...
with the names of Unicorn's constants less their prefixes; CPU may be empty.  The machine runs up to the program's semihosting trap, the call is served here,
and it runs on behind the trap: so no hook for exceptions is needed, which differ between the architectures.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from tinyir.backends.elf import Elf, read_elf

SYS_OPEN, SYS_CLOSE, SYS_WRITE0, SYS_WRITE, SYS_READ, SYS_EXIT_EXTENDED = 1, 2, 4, 5, 6, 0x20
MODES = {1: "rb", 5: "wb"}
BLOCK_HOOK = 8


class Machine:
    """One processor with its memory; `run` returns the program's exit code."""

    def __init__(self, elf: Elf, hook: str, architecture: str, mode: str, cpu: str, memories: Sequence[str]) -> None:
        self.unicorn: Any = importlib.import_module("unicorn")
        self.constants: Any = importlib.import_module(f"unicorn.{architecture.lower()}_const")
        self.architecture = architecture
        self.elf = elf
        self.files: list[IO[bytes]] = []
        self.closing = ExitStack()
        modes = [getattr(self.unicorn, f"UC_MODE_{word}") for word in mode.split(",")]
        self.engine: Any = self.unicorn.Uc(getattr(self.unicorn, f"UC_ARCH_{architecture}"), sum(modes))
        if cpu:
            self.engine.ctl_set_cpu_model(getattr(self.constants, f"UC_CPU_{architecture}_{cpu}"))
        for memory in memories:
            base, size = memory.split("+")
            self.engine.mem_map(int(base, 0), int(size, 0))
        for segment in elf.segments:
            self.engine.mem_write(segment.physical, segment.data)
        self._count(hook, thumb="THUMB" in mode)

    def _count(self, hook: str, thumb: bool) -> None:
        """Has every block counted by the hook in C: Python stands aside while the machine runs."""
        library: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib
        counter = ctypes.CDLL(hook)
        counter.counter_new.restype = ctypes.c_void_p
        counter.counter_new.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_uint64]
        read = ctypes.cast(library.uc_mem_read, ctypes.c_void_p)
        state = counter.counter_new(read, int(thumb), self.elf.symbols["harness_start"], self.elf.symbols["harness_stop"])
        handle = ctypes.c_size_t()
        function = ctypes.cast(counter.counter_hook, ctypes.c_void_p)
        everywhere = (ctypes.c_uint64(1), ctypes.c_uint64(0))
        status = library.uc_hook_add(self.engine._uch, ctypes.byref(handle), BLOCK_HOOK, function, ctypes.c_void_p(state), *everywhere)
        if status:
            raise SystemExit(f"unicorn takes no hook: status {status}")

    def _register(self, name: str) -> int:
        return int(getattr(self.constants, f"UC_{self.architecture}_REG_{name}"))

    def run(self) -> int:
        trap, resume = self.elf.symbols["harness_trap"], self.elf.symbols["harness_resume"]
        operation, block = (self._register(name) for name in (("R0", "R1") if self.architecture == "ARM" else ("A0", "A1")))
        at = reset = self.elf.symbols["harness_reset"]  # bit 0 tells Thumb; some linkers leave the entry of the file at 0
        if self.architecture == "ARM":
            self.engine.reg_write(self._register("SP"), self.elf.symbols["harness_estack"])
        while True:
            self._run_to(at, trap)
            number, address = self.engine.reg_read(operation), self.engine.reg_read(block)
            if number == SYS_EXIT_EXTENDED:
                return self._words(address, 2)[1]
            self.engine.reg_write(operation, self._serve(number, address))
            at = resume | reset & 1

    def _run_to(self, at: int, trap: int) -> None:
        try:
            self.engine.emu_start(at, trap)
        except self.unicorn.UcError as error:
            raise SystemExit(f"the processor stopped at {self._at():#x}: {error}") from error
        if self._at() != trap:
            raise SystemExit(f"the processor stopped at {self._at():#x}, away from its semihosting trap")

    def _at(self) -> int:
        return int(self.engine.reg_read(self._register("PC")))

    def _words(self, address: int, count: int) -> list[int]:
        size = self.elf.bits // 8
        data = self.engine.mem_read(address, size * count)
        return [int.from_bytes(data[i * size : (i + 1) * size], "little") for i in range(count)]

    def _text(self, address: int) -> str:
        text = bytearray()
        while (byte := self.engine.mem_read(address + len(text), 1)[0]) != 0:
            text.append(byte)
        return text.decode()

    def _serve(self, number: int, address: int) -> int:
        """One call of Arm's semihosting; the value that the program gets (for a read or a write the bytes that were left over)."""
        if number == SYS_OPEN:
            name, mode, length = self._words(address, 3)
            path = Path(bytes(self.engine.mem_read(name, length)).decode())
            self.files.append(self.closing.enter_context(path.open(MODES[mode])))
            return len(self.files) - 1
        if number == SYS_WRITE0:
            sys.stderr.write(self._text(address))
            return 0
        handle, data, size = self._words(address, 1 if number == SYS_CLOSE else 3) + ([0, 0] if number == SYS_CLOSE else [])
        if number == SYS_CLOSE:
            self.files[handle].close()
        elif number == SYS_READ:
            found = self.files[handle].read(size)
            self.engine.mem_write(data, found)
            return size - len(found)
        elif number == SYS_WRITE:
            self.files[handle].write(bytes(self.engine.mem_read(data, size)))
        else:
            raise SystemExit(f"semihosting call {number} is not served")
        return 0


def main(arguments: Sequence[str]) -> int:
    program, hook, architecture, mode, cpu, *memories = arguments
    machine = Machine(read_elf(Path(program)), hook, architecture, mode, cpu, memories)
    with machine.closing:
        return machine.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
