/** The guest `paging`, which edits page tables and code without fences, on a bare hart. */
import { Digester } from "../../lib/cpu/digest.ts";
import { Hart } from "../../lib/cpu/hart.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";

const UART = 0x1000_0000;
const UART_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 0x60n;
const CLINT = 0x200_0000;

/** A hart, its memory, and what digests both. */
export interface PagingMachine {
  readonly hart: Hart;
  readonly memory: GuestMemory;
  readonly digester: Digester;
}

/** Loads the segments of an ELF file; answers its entry. */
function loadElf(memory: GuestMemory, elf: Uint8Array<ArrayBuffer>): number {
  const view = new DataView(elf.buffer);
  const number = (at: number) => Number(view.getBigUint64(at, true));
  for (let n = 0; n < view.getUint16(56, true); n++) {
    const header = number(32) + 56 * n;
    if (view.getUint32(header, true) !== 1) continue;
    const start = number(header + 8);
    memory.write(number(header + 24), elf.subarray(start, start + number(header + 32)));
  }
  return number(24);
}

/** The guest, about to begin. */
export function paging(): PagingMachine {
  const memory = new GuestMemory(32 << 20);
  const hart = new Hart(memory, {
    load: (address) => address === UART_STATUS ? TRANSMITTER_EMPTY : 0n,
    store: (address) => address >= CLINT,
    time: () => 0n,
  });
  const elf = Deno.readFileSync(new URL("../../fixtures/paging.elf", import.meta.url));
  hart.reset(loadElf(memory, elf), 0n, 0n);
  return { hart, memory, digester: new Digester(memory) };
}
