/**
 * Checks on the parts of a saved machine that are not device fields: outstanding operations, their
 * bookkeeping, task management requests. Snapshots are untrusted (design invariant 7).
 */
import type { GuestMemory } from "../cpu/memory.ts";
import type { MachineConfiguration } from "./configuration.ts";
import { StateError } from "./errors.ts";
import { virtioSlots } from "./memory_map.ts";
import type {
  BootState,
  MemoryPiece,
  OutstandingState,
  TaskManagementState,
} from "./machine_state.ts";
import {
  bytesBrought,
  type Operation,
  type OperationRequest,
  type SectorRange,
} from "./operation.ts";
import { lengthOf } from "./scatter.ts";
import { sectorBytes } from "./scsi_command.ts";
import {
  maximumTransferSectors,
  maximumUnmapDescriptors,
  maximumUnmapSectors,
} from "./scsi_inquiry.ts";
import { maximumBillBytes } from "./virtio_console.ts";
import { maximumEntropyBytes } from "./virtio_rng.ts";
import { slotOf, slots } from "./virtio_slots.ts";
import { maximumQueueSize } from "./virtqueue.ts";

/** A map of named values. */
export function record(value: unknown, what: string): Record<string, unknown> {
  if (
    typeof value !== "object" || value === null || Array.isArray(value) ||
    value instanceof Uint8Array
  ) {
    throw new StateError(`Expected a map for ${what}`);
  }
  return value as Record<string, unknown>;
}

/** A list of at most `most` values. */
export function list(value: unknown, most: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) {
    throw new StateError(`Expected a list of at most ${most} entries for ${what}`);
  }
  return value;
}

/** An integer from 0 to `most`; CBOR readers give large ones as bigint. */
export function integer(value: unknown, most: number, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0 || number > most) {
    throw new StateError(`Expected an integer from 0 to ${most} for ${what}`);
  }
  return number;
}

function double(value: unknown, what: string): bigint {
  const wide = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof wide !== "bigint" || wide < 0n || wide >= 1n << 64n) {
    throw new StateError(`Expected an unsigned 64-bit integer for ${what}`);
  }
  return wide;
}

function bytes(value: unknown, most: number, what: string): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > most) {
    throw new StateError(`Expected at most ${most} bytes for ${what}`);
  }
  return value;
}

/** A chain has at most a direct and an indirect table of pieces; responses split one of them. */
const maximumPieces = maximumQueueSize + 1;

function pieces(value: unknown, memory: GuestMemory, what: string): MemoryPiece[] {
  return list(value, maximumPieces, what).map((entry) => {
    const piece = record(entry, `a piece of ${what}`);
    const address = integer(piece["address"], Number.MAX_SAFE_INTEGER, `the address of ${what}`);
    const length = integer(piece["length"], memory.ramBytes, `the length of ${what}`);
    if (!memory.contains(address, length)) {
      throw new StateError(`${what} has ${length} bytes at 0x${address.toString(16)}, not in RAM`);
    }
    return { address, length };
  });
}

const fates: readonly unknown[] = ["normal", "aborted", "reset"];

/**
 * The bookkeeping of an outstanding operation.
 *
 * @throws {StateError}
 */
export function checkOutstanding(value: unknown, memory: GuestMemory): OutstandingState {
  const given = record(value, "an outstanding operation");
  const operation = integer(
    given["operation"],
    Number.MAX_SAFE_INTEGER,
    "an operation's number",
  );
  const what = `operation ${operation}`;
  const { forceUnitAccess, fate } = given;
  if (typeof forceUnitAccess !== "boolean") {
    throw new StateError(`Expected true or false for forceUnitAccess of ${what}`);
  }
  if (!fates.includes(fate)) throw new StateError(`Unknown fate of ${what}`);
  return {
    operation,
    slot: integer(given["slot"], virtioSlots - 1, `the slot of ${what}`),
    head: integer(given["head"], 0xffff, `the head of ${what}`),
    response: pieces(given["response"], memory, `the response of ${what}`),
    data: pieces(given["data"], memory, `the data of ${what}`),
    dataBytes: integer(given["dataBytes"], Number.MAX_SAFE_INTEGER, `the data size of ${what}`),
    tag: double(given["tag"], `the tag of ${what}`),
    forceUnitAccess,
    fate: fate as OutstandingState["fate"],
  };
}

/**
 * A task management request that waits.
 *
 * @throws {StateError}
 */
export function checkTaskManagement(value: unknown, memory: GuestMemory): TaskManagementState {
  const what = "a task management request";
  const given = record(value, what);
  return {
    head: integer(given["head"], 0xffff, `the head of ${what}`),
    response: pieces(given["response"], memory, `the response of ${what}`),
    operations: list(given["operations"], maximumQueueSize, `the operations of ${what}`).map(
      (number) => integer(number, Number.MAX_SAFE_INTEGER, `an operation of ${what}`),
    ),
  };
}

/**
 * Where a boot image is entered.
 *
 * @throws {StateError}
 */
export function checkBoot(value: unknown): BootState {
  const given = record(value, "the boot state");
  const address = (name: keyof BootState, what: string) =>
    integer(given[name], Number.MAX_SAFE_INTEGER, what);
  const boot = {
    entry: address("entry", "the entry address"),
    deviceTree: address("deviceTree", "the device tree's address"),
  };
  if (given["firmwareInformation"] === undefined) return boot;
  const firmwareInformation = address("firmwareInformation", "the firmware information's address");
  return { ...boot, firmwareInformation };
}

function sectorRange(
  value: Record<string, unknown>,
  most: number,
  sectors: number,
  what: string,
): SectorRange {
  const range = {
    sector: integer(value["sector"], sectors - 1, `the sector of ${what}`),
    sectors: integer(value["sectors"], most, `the length of ${what}`),
  };
  if (range.sectors === 0 || range.sector + range.sectors > sectors) {
    throw new StateError(`${what} names sectors that the disk does not have`);
  }
  return range;
}

function checkRequest(
  given: Record<string, unknown>,
  configuration: MachineConfiguration,
  what: string,
): OperationRequest {
  const { kind } = given;
  if (kind === "bill-append") {
    const data = bytes(given["data"], maximumBillBytes, `the data of ${what}`);
    return {
      kind,
      offset: integer(given["offset"], Number.MAX_SAFE_INTEGER, `the offset of ${what}`),
      data,
    };
  }
  if (kind === "entropy") {
    const asked = integer(given["bytes"], maximumEntropyBytes, `the bytes of ${what}`);
    if (asked === 0) throw new StateError(`${what} asks for nothing`);
    return { kind, bytes: asked };
  }
  const disk = integer(given["disk"], configuration.disks.length - 1, `the disk of ${what}`);
  const { sectors } = configuration.disks[disk]!;
  switch (kind) {
    case "disk-read":
      return { kind, disk, ...sectorRange(given, maximumTransferSectors, sectors, what) };
    case "disk-write": {
      const most = maximumTransferSectors * sectorBytes;
      const data = bytes(given["data"], most, `the data of ${what}`);
      const length = data.length / sectorBytes;
      const { sector } = sectorRange({ ...given, sectors: length }, most, sectors, what);
      return { kind, disk, sector, data };
    }
    case "disk-flush":
      return { kind, disk };
    case "disk-unmap": {
      const ranges = list(given["ranges"], maximumUnmapDescriptors, `the ranges of ${what}`).map(
        (range) => sectorRange(record(range, what), maximumUnmapSectors, sectors, what),
      );
      return { kind, disk, ranges };
    }
    default:
      throw new StateError(`Unknown kind of ${what}`);
  }
}

/**
 * An outstanding operation with its payload, and whether its bookkeeping fits it.
 *
 * @throws {StateError}
 */
export function checkOperation(
  value: unknown,
  state: OutstandingState,
  configuration: MachineConfiguration,
): Operation {
  const given = record(value, "an outstanding operation");
  const number = integer(given["number"], Number.MAX_SAFE_INTEGER, "an operation's number");
  const what = `operation ${number}`;
  if (number !== state.operation) {
    throw new StateError(`The state is about operation ${state.operation}, not ${what}`);
  }
  const request = checkRequest(record(given["request"], what), configuration, what);
  if (lengthOf(state.data) !== bytesBrought(request)) {
    throw new StateError(`The scatter list of ${what} does not have the length of its data`);
  }
  if (state.slot !== slotOf(request, configuration)) {
    throw new StateError(`Operation ${number} is not of the device in slot ${state.slot}`);
  }
  if (state.fate !== "normal" && state.slot !== slots.scsi) {
    throw new StateError(`Operation ${number} is of a device that ends no operation early`);
  }
  return { number, request };
}
