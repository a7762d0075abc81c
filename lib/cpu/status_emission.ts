/**
 * What kernels do with sstatus and page tables all the time, as generated code: interrupts are switched off and on
 * around short pieces of code, and mappings are fenced. Whatever is not so simple takes the slow path.
 */
import type { CsrOperation } from "../isa/emission.ts";
import { type Code, i32, i64 } from "../wasm/code.ts";
import { SSTATUS, SSTATUS_FIXED } from "./csr_supervisor.ts";
import { type Field, fieldOffset } from "./hart_block.ts";
import { MSTATUS, PRIVILEGE } from "./privilege.ts";

const SSTATUS_NUMBER = 0x100;
const STATE_DIRTY_SHIFT = 63;

const low = (field: Field): Code => i32.load(i32.const(0), fieldOffset[field]);
const inSupervisorMode: Code = i32.eq(low("privilege"), i32.const(PRIVILEGE.supervisor));

/** Whether the CSR of this number is sstatus, and the operation does no more than to switch interrupts off or on. */
export function switchesInterrupts(operation: CsrOperation, number: Code, operand: Code): Code {
  if (operation === "write") return i32.const(0);
  const isStatus = i32.and(i32.eq(number, i32.const(SSTATUS_NUMBER)), inSupervisorMode);
  const simply = i32.and(isStatus, i64.eqz(i64.and(operand, i64.const(~MSTATUS.SIE))));
  if (operation === "clear") return simply;
  // None that is pending may have waited for it.
  const pending = i32.or(low("interruptLines"), low("interruptsBySoftware"));
  return i32.and(simply, i32.eqz(i32.and(pending, low("mie"))));
}

/** The value of sstatus. */
export function statusValue(): Code {
  const mstatus = i64.load(i32.const(0), fieldOffset.mstatus);
  const FS = i32.const(MSTATUS.FS);
  const isDirty = i32.eq(i32.and(low("mstatus"), FS), FS);
  return i64.or(
    i64.or(i64.and(mstatus, i64.const(SSTATUS)), i64.const(SSTATUS_FIXED)),
    i64.shl(i64.extend_u(isDirty), i64.const(STATE_DIRTY_SHIFT)),
  );
}

/** Switches interrupts off or on. */
export function switchInterrupts(operation: CsrOperation, operand: Code): Code {
  const bits = i32.wrap(operand);
  const status = low("mstatus");
  const next = operation === "set"
    ? i32.or(status, bits)
    : i32.and(status, i32.xor(bits, i32.const(-1)));
  return i32.store(i32.const(0), next, fieldOffset.mstatus);
}

/** Whether SFENCE.VMA, which has nothing to do since translations are coherent at all times, is legal. */
export function mayFence(): Code {
  const trapped = i32.and(low("mstatus"), i32.const(MSTATUS.TVM));
  return i32.and(inSupervisorMode, i32.eqz(trapped));
}
