/** A key snapshot from its records, with bounded memory. */
import type { TimeBase } from "../board/environment.ts";
import type { MachineState } from "../board/machine_state.ts";
import type { Operation } from "../board/operation.ts";
import type { Digest } from "../epoch/record.ts";
import { maxOutstandingBytes, maxOutstandingOperations, pageBytes } from "./limits.ts";
import { LogError } from "./log_error.ts";
import type { PlacedRecord } from "./log_grammar.ts";
import { unpackPages } from "./page_packing.ts";

/** Where the pages of a snapshot go as they arrive. Both kinds start out as zeros. */
export interface SnapshotTarget {
  /** A page of memory as it stands. A page may come again; the later one counts. */
  ram(page: number, data: Uint8Array): void;
  /** A page of memory as it stood at power-on. */
  image(page: number, data: Uint8Array): void;
}

/** A committed snapshot, without its pages. Its digest is not verified yet. */
export interface AssembledSnapshot {
  /** The snapshot stands after the end of this epoch. */
  readonly epoch: number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Time base of the epoch that comes next. */
  readonly time: TimeBase;
  /** To be checked by the machine. */
  readonly state: MachineState;
  /** Digest that state and all RAM must have. */
  readonly digest: Digest;
  /** Outstanding operations in order of number. */
  readonly operations: readonly Operation[];
}

/**
 * Puts one snapshot together. Records must have passed `LogGrammar`, which bounds page numbers. Keeps
 * the outstanding operations only: pages go straight to the target.
 */
export class SnapshotAssembler {
  readonly #target: SnapshotTarget;
  readonly #operations: Operation[] = [];
  #payloadBytes = 0;

  /** Pages of memory are handed to `target` without a copy, those of the image are its own. */
  constructor(target: SnapshotTarget) {
    this.#target = target;
  }

  /**
   * Takes the next record of the log; the snapshot, once the record is its commit. Records that are
   * not part of a snapshot (notes, heartbeats, the header) are passed over.
   * Throws {@linkcode LogError} when pages are not what was packed, or the snapshot exceeds the bounds
   * on outstanding operations.
   */
  accept(item: PlacedRecord): AssembledSnapshot | undefined {
    const { record } = item;
    switch (record.kind) {
      case "snapshot-pages": {
        const unpacked = unpackPages(record);
        if (!unpacked) throw this.#malformed(item, "Pages cannot be unpacked", "data");
        record.pages.forEach((page, index) => {
          const data = unpacked.subarray(index * pageBytes, (index + 1) * pageBytes);
          if (record.of !== "image") this.#target.ram(page, data);
          // It is kept: without a copy one page would hold all of its record in memory.
          if (record.of !== "ram") this.#target.image(page, new Uint8Array(data));
        });
        return undefined;
      }
      case "snapshot-operation":
        this.#keep(record.operation, item);
        return undefined;
      case "snapshot-commit": {
        const { epoch, steps, time, state, digest } = record;
        return { epoch, steps, time, state, digest, operations: this.#operations };
      }
      default:
        return undefined;
    }
  }

  #keep(operation: Operation, item: PlacedRecord): void {
    const { request } = operation;
    this.#payloadBytes += "data" in request ? request.data.length : 0;
    this.#operations.push(operation);
    if (
      this.#operations.length > maxOutstandingOperations ||
      this.#payloadBytes > maxOutstandingBytes
    ) {
      throw this.#malformed(
        item,
        `Outstanding operations exceed ${maxOutstandingOperations} or ` +
          `${maxOutstandingBytes} bytes`,
      );
    }
  }

  #malformed({ number, byteOffset, record }: PlacedRecord, problem: string, field?: string) {
    const place = { recordNumber: number, byteOffset, recordKind: record.kind };
    return new LogError("malformed", place, problem, field);
  }
}
