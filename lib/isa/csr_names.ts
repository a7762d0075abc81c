/** Names of control and status registers (privileged specification, tables 2.2 to 2.5; unprivileged, 10 and 11). */

/** From a number on, these names; an empty one is of no register here. */
const rows: readonly (readonly [number, readonly string[]])[] = [
  [0x001, ["fflags", "frm", "fcsr"]],
  [0x100, ["sstatus", "", "", "", "sie", "stvec", "scounteren"]],
  [0x10a, ["senvcfg"]],
  [0x140, ["sscratch", "sepc", "scause", "stval", "sip"]],
  [0x180, ["satp"]],
  [0x300, ["mstatus", "misa", "medeleg", "mideleg", "mie", "mtvec", "mcounteren"]],
  [0x30a, ["menvcfg"]],
  [0x320, ["mcountinhibit", "", "", ...numbered("mhpmevent", 3, 31)]],
  [0x340, ["mscratch", "mepc", "mcause", "mtval", "mip"]],
  [0x3a0, numbered("pmpcfg", 0, 15)],
  [0x3b0, numbered("pmpaddr", 0, 63)],
  [0xb00, ["mcycle", "", "minstret", ...numbered("mhpmcounter", 3, 31)]],
  [0xc00, ["cycle", "time", "instret", ...numbered("hpmcounter", 3, 31)]],
  [0xf11, ["mvendorid", "marchid", "mimpid", "mhartid", "mconfigptr"]],
];

const names = new Map(
  rows.flatMap(([first, list]) => list.map((name, index) => [first + index, name] as const)),
);

/** The name of a register; its number, where no specification that this hart follows has one. */
export function csrName(number: number): string {
  return names.get(number) || `0x${number.toString(16)}`;
}

function numbered(name: string, first: number, last: number): readonly string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `${name}${first + index}`);
}
