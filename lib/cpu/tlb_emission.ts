/** How generated code looks into the TLBs. */
import type { Width } from "../isa/emission.ts";
import { type Code, i32, i64 } from "../wasm/code.ts";
import {
  FETCH_TLB,
  MICRO_TLB_BYTES,
  MICRO_TLBS,
  PAGE_BYTES,
  READ_TLB,
  TLB_BANKS,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
} from "./layout.ts";
import { RECORD_BYTES_PER_BYTE } from "./record.ts";

/** Where in an entry the value is that follows the tag. */
export const ENTRY_VALUE = 8;

const ENTRY_SHIFT = Math.log2(PAGE_BYTES / TLB_ENTRY_BYTES);

/** Where in its table the entry of an address is. */
export function entryOf(address: Code): Code {
  return i32.and(
    i32.shr_u(i32.wrap(address), i32.const(ENTRY_SHIFT)),
    i32.const((TLB_ENTRIES - 1) * TLB_ENTRY_BYTES),
  );
}

/** The tag of an address at which so many bytes are accessed. A misaligned address keeps low bits that no tag has. */
export function tagOf(address: Code, width: Width): Code {
  return i64.and(address, i64.const(-PAGE_BYTES | (width - 1)));
}

/** Where the decoded record of an address is, whose page an entry of the fetch TLB holds. */
export function recordOf(entry: Code, address: Code): Code {
  const within = i32.and(i32.wrap(address), i32.const(PAGE_BYTES - 2));
  return i32.add(
    i32.load(entry, FETCH_TLB + ENTRY_VALUE),
    i32.shl(within, i32.const(Math.log2(RECORD_BYTES_PER_BYTE))),
  );
}

/** Banks are that far apart, or a multiple, that this shift makes different bits of a tag of them. */
const MODE_SHIFT = 9;

/** What tags of the micro-TLB have in the bits between page and alignment: the mode, by its bank (32 bits). */
export function modeOf(bank: Code): Code {
  return i64.extend_u(i32.shr_u(i32.sub(bank, i32.const(TLB_BANKS)), i32.const(MODE_SHIFT)));
}

/** The micro-TLB in front of a TLB: what may be loaded from must never be found by a store. */
export function microTlbOf(tlb: number): number {
  return tlb === READ_TLB ? MICRO_TLBS : MICRO_TLBS + MICRO_TLB_BYTES;
}
