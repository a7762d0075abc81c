/** Guest memory as the guest addresses it, read without leaving a trace: no A bit is set, no fault taken. */
import type { Machine } from "../board/machine.ts";
import { HartBlock } from "../cpu/hart_block.ts";
import { GuestMemory } from "../cpu/memory.ts";

const PAGE_BYTES = 4096;
const SUPERVISOR_MAX = 1n;
const MODE_SV39 = 8n;
const PTE = { valid: 1n, leaf: 14n, readOrExecute: 10n } as const;
const LEVELS = 3;
const TABLE_NUMBER = (1n << 44n) - 1n;

/**
 * What tells the hart's address space from others: the number of its root page table (privileged specification,
 * section 4.1.11), 0 while nothing is translated. Operating systems have one for each process.
 */
export function addressSpace(machine: Machine): bigint {
  return presentAddressing(machine).satp & TABLE_NUMBER;
}

/** What addresses mean now depends on these two. */
export interface Addressing {
  /** The CSR. */
  readonly satp: bigint;
  /** The privilege level. */
  readonly privilege: bigint;
}

/** How a hart addresses memory now. */
export function addressingOf(hart: HartBlock): Addressing {
  return { satp: hart.get("satp"), privilege: hart.get("privilege") };
}

/**
 * The guest-physical address that a virtual one means in the hart's present mode (privileged
 * specification, sections 4.3 and 4.4), whatever its permissions; undefined when it is mapped nowhere.
 */
export function physicalAddress(
  machine: Machine,
  address: bigint,
  { satp, privilege }: Addressing = presentAddressing(machine),
): number | undefined {
  if (privilege > SUPERVISOR_MAX || satp >> 60n !== MODE_SV39) {
    return address < BigInt(Number.MAX_SAFE_INTEGER) ? Number(address) : undefined;
  }
  if (BigInt.asIntN(39, address) !== BigInt.asIntN(64, address)) return undefined;
  let table = satp & TABLE_NUMBER;
  for (let level = LEVELS - 1; level >= 0; level--) {
    const index = address >> BigInt(12 + 9 * level) & 0x1ffn;
    const entry = wordAt(machine.memory, Number(table) * PAGE_BYTES + 8 * Number(index));
    if (entry === undefined || (entry & PTE.valid) === 0n) return undefined;
    const number = entry >> 10n & TABLE_NUMBER;
    if ((entry & PTE.leaf) === 0n) {
      table = number;
      continue;
    }
    if ((entry & PTE.readOrExecute) === 0n) return undefined;
    const within = (1n << BigInt(12 + 9 * level)) - 1n;
    return Number((number << 12n & ~within) | (address & within));
  }
  return undefined;
}

/** As many bytes at a virtual address as are mapped to RAM in a row, at most `length`. */
export function readVirtual(
  machine: Machine,
  address: bigint,
  length: number,
  addressing: Addressing = presentAddressing(machine),
): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const count = Math.min(length - done, PAGE_BYTES - Number(at & 0xfffn));
    const physical = physicalAddress(machine, at, addressing);
    if (physical === undefined || !machine.memory.contains(physical, count)) break;
    const offset = physical - GuestMemory.ramBase;
    bytes.set(machine.memory.ram.subarray(offset, offset + count), done);
    done += count;
  }
  return bytes.subarray(0, done);
}

/** How the hart of a machine addresses memory now. */
export function presentAddressing({ memory }: Machine): Addressing {
  return addressingOf(new HartBlock(memory.memory));
}

function wordAt(memory: GuestMemory, address: number): bigint | undefined {
  if (!memory.contains(address, 8)) return undefined;
  const { buffer, byteOffset } = memory.ram;
  return new DataView(buffer, byteOffset + address - GuestMemory.ramBase).getBigUint64(0, true);
}
