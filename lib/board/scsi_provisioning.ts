/** UNMAP and WRITE SAME of a disk (SBC-3, sections 5.30 and 5.45 to 5.47). */
import type { SectorRange } from "./operation.ts";
import {
  maximumUnmapDescriptors,
  maximumUnmapSectors,
  maximumWriteSameSectors,
} from "./scsi_inquiry.ts";
import { type Sense, senses } from "./scsi_sense.ts";
import type { LogicalUnit, Outcome } from "./scsi_unit.ts";

const sectorBytes = 512;

function check(sense: Sense): Outcome {
  return { kind: "check", sense };
}

function wide(view: DataView, offset: number): number {
  return view.getUint32(offset) * 2 ** 32 + view.getUint32(offset + 4);
}

/** Executes UNMAP; `data` is its parameter list. */
export function unmap(unit: LogicalUnit, cdb: DataView, data: () => Uint8Array): Outcome {
  if ((cdb.getUint8(1) & 1) !== 0) return check(senses.invalidField); // ANCHOR
  if (cdb.getUint16(7) === 0) return { kind: "good" };
  const ranges = unmapRanges(unit, data());
  if (!Array.isArray(ranges)) return check(ranges);
  if (unit.disk.readOnly === true) return check(senses.writeProtected);
  if (ranges.length === 0) return { kind: "good" };
  return unmapping(unit, ranges);
}

function unmapRanges(unit: LogicalUnit, data: Uint8Array): SectorRange[] | Sense {
  if (data.length < 8) return senses.parameterLength;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const bytes = view.getUint16(2);
  if (bytes % 16 !== 0 || 8 + bytes > data.length) return senses.parameterLength;
  if (bytes / 16 > maximumUnmapDescriptors) return senses.invalidParameter;
  const ranges: SectorRange[] = [];
  let total = 0;
  for (let offset = 8; offset < 8 + bytes; offset += 16) {
    const sector = wide(view, offset);
    const sectors = view.getUint32(offset + 8);
    if (sector + sectors > unit.disk.sectors) return senses.outOfRange;
    total += sectors;
    if (total > maximumUnmapSectors) return senses.invalidParameter;
    if (sectors > 0) ranges.push({ sector, sectors });
  }
  return ranges;
}

function unmapping(unit: LogicalUnit, ranges: readonly SectorRange[]): Outcome {
  const request = { kind: "disk-unmap", disk: unit.disk.number, ranges } as const;
  return { kind: "operation", request, forceUnitAccess: false };
}

/** Flags in byte 1 of WRITE SAME; those that are refused: WRPROTECT, ANCHOR, PBDATA, LBDATA. */
const refusedFlags = 0xf6;
const noDataOut = 0x01;

/** Bytes of data that a WRITE SAME brings: one sector, or none (NDOB, in the form with 16 bytes only). */
export function writeSameBytes(cdb: DataView): number {
  return cdb.getUint8(0) === 0x93 && (cdb.getUint8(1) & noDataOut) !== 0 ? 0 : sectorBytes;
}

/**
 * Executes WRITE SAME of `data`, one sector, or of zeros when there is none. Unmapped sectors read as
 * zeros, so whether the UNMAP bit is set makes no difference.
 */
export function writeSame(
  unit: LogicalUnit,
  cdb: DataView,
  { sector, sectors }: SectorRange,
  data: () => Uint8Array,
): Outcome {
  if ((cdb.getUint8(1) & refusedFlags) !== 0) return check(senses.invalidField);
  if (unit.disk.readOnly === true) return check(senses.writeProtected);
  if (sector + sectors > unit.disk.sectors) return check(senses.outOfRange);
  if (sectors === 0 || sectors > maximumWriteSameSectors) return check(senses.invalidField);
  const pattern = data();
  if (pattern.every((byte) => byte === 0)) return unmapping(unit, [{ sector, sectors }]);
  const repeated = new Uint8Array(sectors * sectorBytes);
  for (let at = 0; at < repeated.length; at += sectorBytes) repeated.set(pattern, at);
  return {
    kind: "operation",
    request: { kind: "disk-write", disk: unit.disk.number, sector, data: repeated },
    forceUnitAccess: false,
  };
}
