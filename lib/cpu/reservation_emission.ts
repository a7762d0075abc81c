/** LR and SC as generated code, where the TLB has found the place of the access in RAM. */
import { type Code, i32, i64 } from "../wasm/code.ts";
import { type Field, fieldOffset, NO_RESERVATION } from "./hart_block.ts";
import { RAM, RAM_BASE } from "./layout.ts";

const put = (field: Field, value: Code): Code => i64.store(i32.const(0), value, fieldOffset[field]);
const field = (name: Field): Code => i64.load(i32.const(0), fieldOffset[name]);
const physical = (host: Code): Code => i64.extend_u(i32.add(host, i32.const(RAM_BASE - RAM)));

/** Makes the reservation of a place in memory that a virtual address is mapped to. */
export function makeReservation(address: Code, host: Code, width: 4 | 8): Code {
  return [
    put("reservationVirtual", address),
    put("reservationPhysical", physical(host)),
    put("reservationBytes", i64.const(width)),
  ];
}

/** Whether there is a reservation of that place. */
export function hasReservation(address: Code, host: Code, width: 4 | 8): Code {
  const sameAddress = i32.and(
    i64.eq(field("reservationVirtual"), address),
    i64.eq(field("reservationPhysical"), physical(host)),
  );
  return i32.and(sameAddress, i64.ge_u(field("reservationBytes"), i64.const(width)));
}

/** Ends the reservation. */
export function endReservation(): Code {
  return [
    put("reservationVirtual", i64.const(NO_RESERVATION)),
    put("reservationPhysical", i64.const(NO_RESERVATION)),
    put("reservationBytes", i64.const(0)),
  ];
}
