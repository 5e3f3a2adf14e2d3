"""What specs/encodings says of instructions is compared with what an assembler makes of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyir.backends.elf import EXECUTE, read_elf
from tinyir.backends.encodings import load_encodings, read_encodings
from tinyir.backends.target import load_target
from tinyir.backends.toolchain import choose_toolchain
from tinyir.ir.errors import TinyirError

THUMB = """
data_processing 1 0: adds r0, r1, r2; add r8, r9; movw r0, #4660; ssat r0, #8, r1; sxtb16 r0, r1, ror #8; ubfx r0, r1, #3, #4; ite eq; nop; nop
data_processing 1 0: rev r0, r1; uxtb r1, r2; mvn.w r0, r1, lsl #3; vmrs r0, fpscr; dmb; add sp, #8; cmp r8, r9
multiply 1 0: muls r0, r1, r0; mul r8, r1, r0
multiply_accumulate 1 0: mla r0, r1, r2, r3; mls r0, r1, r2, r3; smlabb r0, r1, r2, r3; smmulr r0, r1, r2; smmla r0, r1, r2, r3
dual_multiply_accumulate 1 0: smlad r0, r1, r2, r3; smuad r0, r1, r2; smladx r0, r1, r2, r3; smlsd r0, r1, r2, r3
multiply_long 1 0: smull r0, r1, r2, r3; umull r0, r1, r2, r3
multiply_long_accumulate 1 0: smlal r0, r1, r2, r3; umlal r0, r1, r2, r3; smlald r0, r1, r2, r3
divide 1 0: sdiv r0, r1, r2; udiv r0, r1, r2
load 1 4: ldr r0, [r1, #4]; ldr r0, [sp, #4]; ldr r0, [r1, r2]; ldr r0, [pc, #8]; ldr.w r8, [r1, #400]; ldr r0, [r1], #4; ldrex r0, [r1]
load 1 2: ldrh r0, [r1, #2]; ldrsh r0, [r1, r2]; ldrh r0, [r1], #2; ldrsh.w r8, [r1, #4]
load 1 1: ldrb r0, [r1, #2]; ldrsb r0, [r1, r2]; ldrb r0, [r1, r2]; ldrsb r0, [r1, #1]; ldrb r8, [r1, r2, lsl #2]
store 1 4: str r0, [r1, #4]; str r0, [sp, #4]; str r8, [r1, #-4]; str r0, [r1], #0; str r0, [r1, #4095]; strex r0, r1, [r2]
store 1 2: strh r0, [r1, #2]; strh r0, [r1], #2
store 1 1: strb r0, [r1, #2]; strb r8, [r1, #3]; strb r8, [r1, #-3]!
store_indexed 1 4: str r0, [r1, r2]; str r0, [r1, r8]; str r8, [r1, r2, lsl #3]
store_indexed 1 2: strh r0, [r1, r2]; strh r8, [r1, r2, lsl #1]
store_indexed 1 1: strb r0, [r1, r2]; strb r8, [r1, r2]
load_multiple 3 4: ldmia r0!, {r1-r3}; ldmia.w r8, {r1, r3, lr}; ldmdb r8, {r1-r3}; pop {r1-r3}; vldmia r0!, {s1-s3}
load_multiple 2 4: ldrd r0, r1, [r2, #8]; ldrd r0, r1, [r2], #8; vpop {s0-s1}; vldmia r0, {d1}
load_multiple+refill 3 4: pop {r1, r2, pc}; pop.w {r1, r8, pc}
store_multiple 3 4: stmia r0!, {r1-r3}; push {r1, r2, lr}; push.w {r1, r8, lr}; vstmia r0, {s1-s3}; vpush {s1-s3}
store_multiple 2 4: strd r0, r1, [r2, #8]; strd r0, r1, [r2, #8]!
load+refill 1 4: ldr.w pc, [r0, #4]
table_branch 1 1: tbb [pc, r0]
table_branch 1 2: tbh [pc, r0, lsl #1]
branch 1 0: b.n .; beq.n .; b.w .; beq.w .; bx lr; cbz r0, .+8; cbnz r0, .+8; mov pc, r0; add pc, r0
call 1 0: bl .; blx r3
float_load 1 4: vldr s0, [r0, #4]
float_load 1 8: vldr d0, [r0, #8]
float_store 1 4: vstr s0, [r0, #4]
float_store 1 8: vstr d0, [r0, #8]
float_multiply_accumulate 1 0: vmla.f32 s0, s1, s2; vfma.f32 s0, s1, s2; vfms.f32 s0, s1, s2; vnmls.f32 s0, s1, s2
float_multiply 1 0: vmul.f32 s0, s1, s2; vnmul.f32 s0, s1, s2
float_transfer 1 0: vmov s0, r1; vmov r1, s3; vmov r0, r1, s2, s3; vmov d0, r1, r2
float_add 1 0: vadd.f32 s0, s1, s2; vsub.f32 s0, s1, s2; vabs.f32 s0, s1; vcmp.f32 s0, s1; vcvt.s32.f32 s0, s1; vmov.f32 s0, s1; vneg.f32 s0, s1
float_divide 1 0: vdiv.f32 s0, s1, s2
float_square_root 1 0: vsqrt.f32 s0, s1
"""
MVE = """
vector_load 1 16: vldrb.8 q0, [r1]; vldrb.8 q1, [r1], #16; vldrb.8 q7, [r1, #32]
vector_store 1 16: vstrb.8 q0, [r1]; vstrb.8 q3, [r1], #16
vector 1 0: vmladava.s8 r0, q0, q1; vaddv.s8 r0, q0; vadd.i32 q0, q1, q2; vmul.i8 q0, q1, q2
"""
RISCV = """
data_processing 1 0: add a0, a1, a2; addi a0, a1, 100; c.addi a0, 1; c.mv a0, a1; c.add a0, a1; lui a0, 5; c.lui a0, 5; c.li a0, 3; slli a0, a1, 3; c.nop
data_processing 1 0: c.srai a0, 3; c.sub a0, a1; c.slli a0, 3; c.addi4spn a0, sp, 8; c.addi16sp sp, 32; auipc a0, 1; sltu a0, a1, a2; ebreak; c.ebreak
load 1 4: lw a0, 4(a1); c.lw a0, 4(a1); c.lwsp a0, 4(sp)
load 1 2: lh a0, 4(a1); lhu a0, 4(a1)
load 1 1: lb a0, 4(a1); lbu a0, 4(a1)
store 1 4: sw a0, 4(a1); c.sw a0, 4(a1); c.swsp a0, 4(sp)
store 1 2: sh a0, 4(a1)
store 1 1: sb a0, 4(a1)
multiply 1 0: mul a0, a1, a2
multiply_high 1 0: mulh a0, a1, a2; mulhu a0, a1, a2; mulhsu a0, a1, a2
divide 1 0: div a0, a1, a2; divu a0, a1, a2; rem a0, a1, a2; remu a0, a1, a2
branch 1 0: beq a0, a1, .; bltu a0, a1, .; c.beqz a0, .; c.bnez a0, .
jump 1 0: jal .; c.jal .; c.j .; jalr a0, 4(a1); c.jr a0; c.jalr a0; ret
"""


def lines(table: str) -> list[tuple[str, int, int, str]]:
    """Class, registers, bytes of each, instruction."""
    found = []
    for line in table.strip().splitlines():
        head, _, body = line.partition(":")
        kind, registers, size = head.split()
        found += [(kind, int(registers), int(size), text.strip()) for text in body.split(";")]
    return found


@pytest.mark.parametrize(("target", "name", "table"), [("cortex-m4", "thumb", THUMB), ("cortex-m55", "thumb", MVE), ("rv32imc", "riscv32", RISCV)])
def test_an_instruction_is_what_its_name_says(target: str, name: str, table: str, tmp_path: Path) -> None:
    expected = lines(table)
    source, output = tmp_path / "code.s", tmp_path / "code.o"
    head = {"cortex-m4": ".syntax unified\n.fpu fpv5-d16\n.thumb\n", "cortex-m55": ".syntax unified\n.thumb\n"}.get(target, ".option norelax\n")
    source.write_text(head + ".text\n" + "\n".join(text for *_, text in expected) + "\n", encoding="utf-8")
    choose_toolchain(load_target(target), "gcc").compile(source, output, ["-x", "assembler"])
    section = next(section for section in read_elf(output).sections if section.flags & EXECUTE and section.size_bytes)
    decoded = load_encodings(name).decode(output.read_bytes()[section.offset :][: section.size_bytes])
    found = [("+".join(i.encoding.classes), i.registers, i.encoding.bytes_each, text) for i, (*_, text) in zip(decoded, expected, strict=True)]
    assert found == expected


@pytest.mark.parametrize("line", ["load 4 0000", "load 3 0000 0000 0000 0000", "Load 0000 0000 0000 0000", "load 0000 0000 0000 000x"])
def test_a_line_that_says_nothing_is_an_error(line: str) -> None:
    with pytest.raises(TinyirError, match=r"here:2: expected CLASS"):
        read_encodings(f"encodings mine, first halfword low\n{line}\n", "here")


def test_bits_that_no_line_fits_are_an_error() -> None:
    mine = read_encodings("encodings mine, first halfword low\nload 4 0000 0000 0000 0001\n", "here")
    assert [found.encoding.bytes_each for found in mine.decode(b"\1\0")] == [4]
    with pytest.raises(TinyirError, match="fits the instruction 0x00000002"):
        mine.decode(b"\2\0")
