/**
 * SCSI commands of a disk (SPC-4, SBC-3): each CDB's length, its data transfer, and what it does. Reads,
 * writes, flushes and unmaps become operations, everything else is answered at once (design section 5).
 */
import { maximumTransferSectors, standardInquiry, vitalProductData } from "./scsi_inquiry.ts";
import { modeSense } from "./scsi_mode.ts";
import { reportSupportedOperationCodes } from "./scsi_operation_codes.ts";
import { unmap, writeSame, writeSameBytes } from "./scsi_provisioning.ts";
import { descriptorSense, fixedSense, type Sense, senses } from "./scsi_sense.ts";
import type { LogicalUnit, Outcome, Transfer } from "./scsi_unit.ts";

/** Size of a sector in bytes. */
export const sectorBytes = 512;

/** A command of the table. */
export interface ScsiCommand {
  /** Its name in the standard. */
  readonly name: string;
  /** Answers with GOOD status also while a unit attention is pending (SAM-5, section 5.14). */
  readonly ignoresUnitAttention?: boolean;
  /** The data phase that the CDB asks for. */
  transfer(cdb: DataView): Transfer;
  /** `data` is what the driver sent, as much as the CDB asked for. */
  execute(unit: LogicalUnit, cdb: DataView, data: () => Uint8Array): Outcome;
}

const good: Outcome = { kind: "good" };

function check(sense: Sense): Outcome {
  return { kind: "check", sense };
}

function nothing(): Transfer {
  return { direction: "none", bytes: 0 };
}

function toDriver(bytes: number): Transfer {
  return bytes === 0 ? nothing() : { direction: "to-driver", bytes };
}

function fromDriver(bytes: number): Transfer {
  return bytes === 0 ? nothing() : { direction: "from-driver", bytes };
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A 64-bit block address; beyond 2^53 it loses low bits and is out of range either way. */
function wide(cdb: DataView, offset: number): number {
  return cdb.getUint32(offset) * 2 ** 32 + cdb.getUint32(offset + 4);
}

/** Where the CDB of a block command has its address, its count, and its flags (SBC-3, section 5). */
interface BlockFormat {
  address(cdb: DataView): number;
  sectors(cdb: DataView): number;
  /** RDPROTECT or WRPROTECT, DPO, FUA. */
  flags(cdb: DataView): number;
}

const sixBytes: BlockFormat = {
  address: (cdb) => cdb.getUint32(0) & 0x1f_ffff,
  sectors: (cdb) => cdb.getUint8(4) || 256,
  flags: () => 0,
};

const tenBytes: BlockFormat = {
  address: (cdb) => cdb.getUint32(2),
  sectors: (cdb) => cdb.getUint16(7),
  flags: (cdb) => cdb.getUint8(1),
};

const twelveBytes: BlockFormat = {
  address: (cdb) => cdb.getUint32(2),
  sectors: (cdb) => cdb.getUint32(6),
  flags: (cdb) => cdb.getUint8(1),
};

const sixteenBytes: BlockFormat = {
  address: (cdb) => wide(cdb, 2),
  sectors: (cdb) => cdb.getUint32(10),
  flags: (cdb) => cdb.getUint8(1),
};

const protection = 0xe0;
const forceUnitAccess = 0x08;

/** Whether a range is not of this disk. */
function outOfRange(unit: LogicalUnit, sector: number, sectors: number): boolean {
  return sector + sectors > unit.disk.sectors;
}

/** What is wrong with a read or write, if anything. */
function refuseTransfer(unit: LogicalUnit, format: BlockFormat, cdb: DataView): Sense | undefined {
  if ((format.flags(cdb) & protection) !== 0) return senses.invalidField;
  const sectors = format.sectors(cdb);
  if (outOfRange(unit, format.address(cdb), sectors)) return senses.outOfRange;
  return sectors > maximumTransferSectors ? senses.invalidField : undefined;
}

function read(name: string, format: BlockFormat): ScsiCommand {
  return {
    name,
    transfer: (cdb) => toDriver(format.sectors(cdb) * sectorBytes),
    execute(unit, cdb) {
      const refusal = refuseTransfer(unit, format, cdb);
      if (refusal !== undefined) return check(refusal);
      const sectors = format.sectors(cdb);
      if (sectors === 0) return good;
      const sector = format.address(cdb);
      const request = { kind: "disk-read", disk: unit.disk.number, sector, sectors } as const;
      return { kind: "operation", request, forceUnitAccess: false };
    },
  };
}

function write(name: string, format: BlockFormat): ScsiCommand {
  return {
    name,
    transfer: (cdb) => fromDriver(format.sectors(cdb) * sectorBytes),
    execute(unit, cdb, data) {
      if (unit.disk.readOnly === true) return check(senses.writeProtected);
      const refusal = refuseTransfer(unit, format, cdb);
      if (refusal !== undefined) return check(refusal);
      if (format.sectors(cdb) === 0) return good;
      const sector = format.address(cdb);
      return {
        kind: "operation",
        request: { kind: "disk-write", disk: unit.disk.number, sector, data: data() },
        forceUnitAccess: (format.flags(cdb) & forceUnitAccess) !== 0,
      };
    },
  };
}

/** VERIFY without data: the medium is not read, sectors either exist or do not. */
function verify(name: string, format: BlockFormat): ScsiCommand {
  return {
    name,
    transfer: nothing,
    execute(unit, cdb) {
      if ((format.flags(cdb) & (protection | 0x06)) !== 0) return check(senses.invalidField);
      const beyond = outOfRange(unit, format.address(cdb), format.sectors(cdb));
      return beyond ? check(senses.outOfRange) : good;
    },
  };
}

/** SYNCHRONIZE CACHE flushes everything, whatever the range; IMMED makes no difference. */
function synchronizeCache(name: string, format: BlockFormat): ScsiCommand {
  return {
    name,
    transfer: nothing,
    execute(unit, cdb) {
      if (outOfRange(unit, format.address(cdb), format.sectors(cdb))) {
        return check(senses.outOfRange);
      }
      const request = { kind: "disk-flush", disk: unit.disk.number } as const;
      return { kind: "operation", request, forceUnitAccess: false };
    },
  };
}

const testUnitReady: ScsiCommand = {
  name: "TEST UNIT READY",
  transfer: nothing,
  execute: () => good,
};

const requestSense: ScsiCommand = {
  name: "REQUEST SENSE",
  ignoresUnitAttention: true,
  transfer: (cdb) => toDriver(cdb.getUint8(4)),
  execute(unit, cdb) {
    const sense = unit.takeUnitAttention() ?? senses.none;
    const descriptors = (cdb.getUint8(1) & 1) !== 0;
    return { kind: "good", data: descriptors ? descriptorSense(sense) : fixedSense(sense) };
  },
};

const inquiry: ScsiCommand = {
  name: "INQUIRY",
  ignoresUnitAttention: true,
  transfer: (cdb) => toDriver(cdb.getUint16(3)),
  execute(unit, cdb) {
    const code = cdb.getUint8(2);
    if ((cdb.getUint8(1) & 1) === 0) {
      return code === 0 ? { kind: "good", data: standardInquiry() } : check(senses.invalidField);
    }
    const data = vitalProductData(unit.disk, code);
    return data === undefined ? check(senses.invalidField) : { kind: "good", data };
  },
};

function modeSenseCommand(name: string, transfer: ScsiCommand["transfer"]): ScsiCommand {
  return {
    name,
    transfer,
    execute(unit, cdb) {
      const answer = modeSense(unit.disk, bytesOf(cdb));
      return "data" in answer ? { kind: "good", data: answer.data } : check(answer.sense);
    },
  };
}

/** START STOP UNIT: the disk cannot be ejected, and a stopped one starts by itself. */
const startStopUnit: ScsiCommand = {
  name: "START STOP UNIT",
  transfer: nothing,
  execute: (_unit, cdb) => (cdb.getUint8(4) & 0x02) !== 0 ? check(senses.invalidField) : good,
};

const readCapacity10: ScsiCommand = {
  name: "READ CAPACITY (10)",
  transfer: () => toDriver(8),
  execute(unit, cdb) {
    if ((cdb.getUint8(8) & 1) === 0 && cdb.getUint32(2) !== 0) return check(senses.invalidField);
    const data = new Uint8Array(8);
    const view = new DataView(data.buffer);
    view.setUint32(0, Math.min(unit.disk.sectors - 1, 0xffff_ffff));
    view.setUint32(4, sectorBytes);
    return { kind: "good", data };
  },
};

/** SERVICE ACTION IN (16); of its actions, READ CAPACITY (16). */
const serviceActionIn16: ScsiCommand = {
  name: "READ CAPACITY (16)",
  transfer: (cdb) => toDriver(cdb.getUint32(10)),
  execute(unit, cdb) {
    if ((cdb.getUint8(1) & 0x1f) !== 0x10) return check(senses.invalidField);
    const data = new Uint8Array(32);
    const view = new DataView(data.buffer);
    view.setBigUint64(0, BigInt(unit.disk.sectors - 1));
    view.setUint32(8, sectorBytes);
    view.setUint8(14, 0xc0); // Thin provisioning; unmapped sectors read as zeros.
    return { kind: "good", data };
  },
};

/** REPORT LUNS: each target has LUN 0 and nothing else. */
const reportLuns: ScsiCommand = {
  name: "REPORT LUNS",
  ignoresUnitAttention: true,
  transfer: (cdb) => toDriver(cdb.getUint32(6)),
  execute: (_unit, cdb) => reportLunsOf(cdb),
};

/** The answer to REPORT LUNS, the same for every LUN of a target. */
export function reportLunsOf(cdb: DataView): Outcome {
  const select = cdb.getUint8(2);
  if (select > 2 || cdb.getUint32(6) < 16) return check(senses.invalidField);
  // 1 asks for well-known logical units only, and there are none.
  const data = new Uint8Array(select === 1 ? 8 : 16);
  new DataView(data.buffer).setUint32(0, data.length - 8);
  return { kind: "good", data };
}

const unmapCommand: ScsiCommand = {
  name: "UNMAP",
  transfer: (cdb) => fromDriver(cdb.getUint16(7)),
  execute: unmap,
};

function writeSameCommand(name: string, format: BlockFormat): ScsiCommand {
  return {
    name,
    transfer: (cdb) => fromDriver(writeSameBytes(cdb)),
    execute(unit, cdb, data) {
      const range = { sector: format.address(cdb), sectors: format.sectors(cdb) };
      return writeSame(unit, cdb, range, data);
    },
  };
}

/** PREVENT ALLOW MEDIUM REMOVAL: the medium cannot be removed either way. */
const preventAllowMediumRemoval: ScsiCommand = {
  name: "PREVENT ALLOW MEDIUM REMOVAL",
  transfer: nothing,
  execute: () => good,
};

/** MAINTENANCE IN; of its actions, REPORT SUPPORTED OPERATION CODES. */
const maintenanceIn: ScsiCommand = {
  name: "REPORT SUPPORTED OPERATION CODES",
  transfer: (cdb) => toDriver(cdb.getUint32(6)),
  execute: (_unit, cdb) =>
    (cdb.getUint8(1) & 0x1f) === 0x0c
      ? reportSupportedOperationCodes(cdb)
      : check(senses.invalidField),
};

/** The commands by operation code. */
export const scsiCommands: ReadonlyMap<number, ScsiCommand> = new Map([
  [0x00, testUnitReady],
  [0x03, requestSense],
  [0x08, read("READ (6)", sixBytes)],
  [0x0a, write("WRITE (6)", sixBytes)],
  [0x12, inquiry],
  [0x1a, modeSenseCommand("MODE SENSE (6)", (cdb) => toDriver(cdb.getUint8(4)))],
  [0x1b, startStopUnit],
  [0x1e, preventAllowMediumRemoval],
  [0x25, readCapacity10],
  [0x28, read("READ (10)", tenBytes)],
  [0x2a, write("WRITE (10)", tenBytes)],
  [0x2f, verify("VERIFY (10)", tenBytes)],
  [0x35, synchronizeCache("SYNCHRONIZE CACHE (10)", tenBytes)],
  [0x41, writeSameCommand("WRITE SAME (10)", tenBytes)],
  [0x42, unmapCommand],
  [0x5a, modeSenseCommand("MODE SENSE (10)", (cdb) => toDriver(cdb.getUint16(7)))],
  [0x88, read("READ (16)", sixteenBytes)],
  [0x8a, write("WRITE (16)", sixteenBytes)],
  [0x8f, verify("VERIFY (16)", sixteenBytes)],
  [0x91, synchronizeCache("SYNCHRONIZE CACHE (16)", sixteenBytes)],
  [0x93, writeSameCommand("WRITE SAME (16)", sixteenBytes)],
  [0x9e, serviceActionIn16],
  [0xa0, reportLuns],
  [0xa3, maintenanceIn],
  [0xa8, read("READ (12)", twelveBytes)],
  [0xaa, write("WRITE (12)", twelveBytes)],
]);
