/** REPORT SUPPORTED OPERATION CODES (SPC-4, section 6.35), from which drivers learn what they may send. */
import { senses } from "./scsi_sense.ts";
import type { Outcome } from "./scsi_unit.ts";

/**
 * CDB usage data of every command: its operation code, then a bit for each that is looked at. Service
 * actions stand in the low five bits of byte 1.
 */
const usages: readonly string[] = [
  "00 00 00 00 00 00", // TEST UNIT READY
  "03 01 00 00 ff 00", // REQUEST SENSE
  "08 1f ff ff ff 00", // READ (6)
  "0a 1f ff ff ff 00", // WRITE (6)
  "12 01 ff ff ff 00", // INQUIRY
  "1a 08 ff ff ff 00", // MODE SENSE (6)
  "1b 00 00 00 02 00", // START STOP UNIT
  "1e 00 00 00 00 00", // PREVENT ALLOW MEDIUM REMOVAL
  "25 00 ff ff ff ff 00 00 01 00", // READ CAPACITY (10)
  "28 e0 ff ff ff ff 00 ff ff 00", // READ (10)
  "2a e8 ff ff ff ff 00 ff ff 00", // WRITE (10)
  "2f e6 ff ff ff ff 00 ff ff 00", // VERIFY (10)
  "35 00 ff ff ff ff 00 ff ff 00", // SYNCHRONIZE CACHE (10)
  "41 f6 ff ff ff ff 00 ff ff 00", // WRITE SAME (10)
  "42 01 00 00 00 00 00 ff ff 00", // UNMAP
  "5a 08 ff ff 00 00 00 ff ff 00", // MODE SENSE (10)
  "88 e0 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", // READ (16)
  "8a e8 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", // WRITE (16)
  "8f e6 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", // VERIFY (16)
  "91 00 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", // SYNCHRONIZE CACHE (16)
  "93 f7 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", // WRITE SAME (16)
  "9e 10 00 00 00 00 00 00 00 00 ff ff ff ff 00 00", // READ CAPACITY (16)
  "a0 00 ff 00 00 00 ff ff ff ff 00 00", // REPORT LUNS
  "a3 0c 07 ff ff ff ff ff ff ff 00 00", // REPORT SUPPORTED OPERATION CODES
  "a8 e0 ff ff ff ff ff ff ff ff 00 00", // READ (12)
  "aa e8 ff ff ff ff ff ff ff ff 00 00", // WRITE (12)
];

/** Commands of these codes are told apart by a service action. */
const withServiceAction: readonly number[] = [0x9e, 0xa3];

interface Usage {
  readonly code: number;
  readonly serviceAction: number | undefined;
  readonly data: Uint8Array;
}

const known: readonly Usage[] = usages.map((text) => {
  const data = Uint8Array.from(text.split(" "), (byte) => Number(`0x${byte}`));
  const code = data[0]!;
  if (!withServiceAction.includes(code)) return { code, serviceAction: undefined, data };
  const serviceAction = data[1]!;
  data[1] = 0x1f;
  return { code, serviceAction, data };
});

/** The operation codes of the commands that are reported. */
export const reportedCodes: ReadonlySet<number> = new Set(known.map(({ code }) => code));

const support = { notSupported: 1, asInStandard: 3 } as const;

/** All commands, 8 bytes each: code, service action and whether it has one, length of its CDB. */
function allCommands(): Uint8Array {
  const data = new Uint8Array(4 + 8 * known.length);
  const view = new DataView(data.buffer);
  view.setUint32(0, data.length - 4);
  known.forEach(({ code, serviceAction, data: usage }, index) => {
    const at = 4 + 8 * index;
    data[at] = code;
    view.setUint16(at + 2, serviceAction ?? 0);
    data[at + 5] = serviceAction === undefined ? 0 : 1;
    view.setUint16(at + 6, usage.length);
  });
  return data;
}

function oneCommand(usage: Usage | undefined): Uint8Array {
  if (usage === undefined) return Uint8Array.of(0, support.notSupported, 0, 0);
  const { length } = usage.data;
  return Uint8Array.of(0, support.asInStandard, length >>> 8, length & 0xff, ...usage.data);
}

/** Executes it; no timeouts are told (CTDP is 0), whether or not they are asked for. */
export function reportSupportedOperationCodes(cdb: DataView): Outcome {
  const code = cdb.getUint8(3);
  const serviceAction = cdb.getUint16(4);
  const acted = withServiceAction.includes(code);
  const find = (action: number | undefined) =>
    known.find((usage) => usage.code === code && usage.serviceAction === action);
  switch (cdb.getUint8(2) & 0x07) {
    case 0:
      return { kind: "good", data: allCommands() };
    case 1:
      if (acted) return { kind: "check", sense: senses.invalidField };
      return { kind: "good", data: oneCommand(find(undefined)) };
    case 2:
      if (!acted) return { kind: "check", sense: senses.invalidField };
      return { kind: "good", data: oneCommand(find(serviceAction)) };
    case 3: {
      const usage = acted ? find(serviceAction) : serviceAction === 0 ? find(undefined) : undefined;
      return { kind: "good", data: oneCommand(usage) };
    }
    default:
      return { kind: "check", sense: senses.invalidField };
  }
}
