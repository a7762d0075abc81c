/** Guest memory as the guest sees it, read without a trace. */
import { assert, assertEquals } from "@std/assert";
import { HartBlock } from "../../lib/cpu/hart_block.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { ACCESS, Mmu } from "../../lib/cpu/mmu.ts";
import { Pmp } from "../../lib/cpu/pmp.ts";
import { physicalAddress, readVirtual } from "../../lib/debug/guest_memory_view.ts";
import type { Machine } from "../../lib/board/machine.ts";
import { bootGuest } from "../replay/recording.ts";

const PAGE_BYTES = 4096;

/** Where the hart itself finds an address to execute from; it sets A bits on the way. */
function fetched({ memory }: Machine, address: bigint, privilege: number): number {
  const block = new HartBlock(memory.memory);
  const pmp = new Pmp(block);
  pmp.update();
  const half = (shift: bigint) => Number(BigInt.asIntN(32, address >> shift));
  return new Mmu(memory, pmp, () => {})
    .translate(half(0n), half(32n), ACCESS.fetch, privilege, 2);
}

Deno.test("a debugger's addresses lead where the hart's lead, and looking leaves no trace", async () => {
  const machine = await bootGuest("paging", { bootArguments: "rounds=12", ramBytes: 8 << 20 });
  machine.startEpoch({ base: 0, rate: 1 });
  let paged = 0;
  for (let look = 0; look < 3000 && machine.run(2003) > 0; look++) {
    const { fields, registers } = machine.hartState();
    const privilege = Number(fields["privilege"]!);
    if (privilege === 3 && look % 50 !== 0) continue;
    const pc = fields["pc"]!;
    const digest = machine.snapshotDigest();
    const physical = physicalAddress(machine, pc);
    const bytes = readVirtual(machine, pc, 4);
    // Registers may point anywhere.
    for (const register of registers) readVirtual(machine, register, 16);
    assertEquals(machine.snapshotDigest(), digest);

    const expected = fetched(machine, pc, privilege);
    if (expected < 0) continue;
    assertEquals(physical, expected);
    const inPage = Math.min(4, PAGE_BYTES - expected % PAGE_BYTES);
    assertEquals(bytes.subarray(0, inPage), machine.memory.read(expected, inPage));
    if (privilege < 3 && fields["satp"]! !== 0n) paged++;
  }
  assert(paged > 10, `Only ${paged} looks with paging`);
  // Beyond what any address can mean.
  assertEquals(readVirtual(machine, 1n << 63n, 8).length, 0);
  assertEquals(readVirtual(machine, (1n << 64n) - 2n, 8).length, 0);
  const last = GuestMemory.ramBase + machine.memory.ramBytes;
  assert(readVirtual(machine, BigInt(last - PAGE_BYTES / 2), PAGE_BYTES).length <= PAGE_BYTES / 2);
});
