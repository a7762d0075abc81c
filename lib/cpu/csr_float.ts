/** The CSRs of F and D: `fcsr` and the views of its parts (unprivileged specification, section 11.2). */
import type { Csr } from "./csr.ts";
import { legal } from "./hart_block.ts";
import { MSTATUS } from "./privilege.ts";

/** A part of fcsr, its lowest bit being `shift`; with floating point off there are none of these. */
function part(number: number, name: string, shift: bigint, bits: bigint): Csr {
  return {
    number,
    name,
    read: ({ block }) => block.get("fcsr") >> shift & bits,
    write: ({ block }, value) => {
      const others = block.get("fcsr") & ~(bits << shift);
      block.set("fcsr", others | (value & bits) << shift);
      block.setLow("mstatus", block.low("mstatus") | MSTATUS.FS);
    },
    permitted: ({ block }) => (block.low("mstatus") & MSTATUS.FS) !== 0,
  };
}

/** Floating-point CSRs. */
export const floatCsrs: readonly Csr[] = [
  part(0x001, "fflags", 0n, 0x1fn),
  part(0x002, "frm", 5n, 7n),
  part(0x003, "fcsr", 0n, legal("fcsr")),
];
