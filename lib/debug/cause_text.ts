/** Trap causes in words (privileged specification, table 3.6). */

const exceptions: readonly string[] = [
  "instruction address misaligned",
  "instruction access fault",
  "illegal instruction",
  "breakpoint",
  "load address misaligned",
  "load access fault",
  "store address misaligned",
  "store access fault",
  "environment call from U-mode",
  "environment call from S-mode",
  "",
  "environment call from M-mode",
  "instruction page fault",
  "load page fault",
  "",
  "store page fault",
];

const interrupts: Readonly<Record<number, string>> = {
  1: "supervisor software interrupt",
  3: "machine software interrupt",
  5: "supervisor timer interrupt",
  7: "machine timer interrupt",
  9: "supervisor external interrupt",
  11: "machine external interrupt",
};

/** What mcause or scause says. */
export function causeText(cause: bigint): { readonly interrupt: boolean; readonly text: string } {
  const interrupt = cause >> 63n === 1n;
  const number = Number(cause & 0xffffn);
  const name = (interrupt ? interrupts[number] : exceptions[number]) || `cause ${number}`;
  return { interrupt, text: name };
}
