/**
 * The outstanding operations: issued by the fronts, not completed yet (design section 5). The digest
 * covers each with its payload, through a sum of hashes.
 */
import { addHash, ContentHash, removeHash } from "./content_hash.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";
import type { OutstandingState } from "./machine_state.ts";
import { bytesBrought, type Operation, type OperationRequest } from "./operation.ts";

const fields = {
  /** Number of the next operation. */
  next: "count",
  hashLow: "word",
  hashHigh: "word",
} as const;

/** What a front keeps about an operation; its number is given at issue. */
export type Bookkeeping = Omit<OutstandingState, "operation">;

/** Bytes that an operation holds somewhere while it is outstanding: what it writes, or will have read. */
function bytesInFlight(request: OperationRequest): number {
  return "data" in request ? request.data.length : bytesBrought(request);
}

function hashRequest(hash: ContentHash, request: OperationRequest): void {
  hash.text(request.kind);
  switch (request.kind) {
    case "disk-read":
      hash.number(request.disk).number(request.sector).number(request.sectors);
      return;
    case "disk-write":
      hash.number(request.disk).number(request.sector).bytes(request.data);
      return;
    case "disk-flush":
      hash.number(request.disk);
      return;
    case "disk-unmap":
      hash.number(request.disk).number(request.ranges.length);
      for (const { sector, sectors } of request.ranges) hash.number(sector).number(sectors);
      return;
    case "bill-append":
      hash.number(request.offset).bytes(request.data);
      return;
    case "entropy":
      hash.number(request.bytes);
      return;
  }
}

function hashOf(operation: Operation, state: OutstandingState): { low: number; high: number } {
  const hash = new ContentHash().number(operation.number);
  hashRequest(hash, operation.request);
  hash.number(state.slot).number(state.head).number(state.dataBytes).double(state.tag);
  hash.number(state.forceUnitAccess ? 1 : 0).text(state.fate);
  for (const pieces of [state.response, state.data]) {
    hash.number(pieces.length);
    for (const { address, length } of pieces) hash.number(address).number(length);
  }
  return { low: hash.low, high: hash.high };
}

interface Entry {
  readonly operation: Operation;
  state: OutstandingState;
  hash: { low: number; high: number };
}

/** The table of outstanding operations. */
export class OutstandingOperations {
  readonly #fields: Fields<typeof fields>;
  readonly #requestStop: () => void;
  readonly #entries = new Map<number, Entry>();
  readonly #operations = new Map<number, Operation>();
  #issued: Operation[] = [];

  /** `requestStop` ends the run: an issued operation ends the epoch (design section 6). */
  constructor(allocator: FieldAllocator, requestStop: () => void) {
    this.#fields = allocator.place("operations", fields);
    this.#requestStop = requestStop;
  }

  /** The operations by number, in order of issue. */
  get operations(): ReadonlyMap<number, Operation> {
    return this.#operations;
  }

  /** Issues an operation. */
  issue(request: OperationRequest, bookkeeping: Bookkeeping): void {
    const { values } = this.#fields;
    const number = values.next++;
    const operation = { number, request };
    this.#add(operation, { operation: number, ...bookkeeping });
    addHash(values, this.#entries.get(number)!.hash);
    this.#issued.push(operation);
    this.#requestStop();
  }

  /** The operations issued since the last call. */
  takeIssued(): Operation[] {
    const issued = this.#issued;
    this.#issued = [];
    return issued;
  }

  /** What is kept about an operation. */
  state(number: number): OutstandingState | undefined {
    return this.#entries.get(number)?.state;
  }

  /** The outstanding operations of a device, in order of issue. */
  ofSlot(slot: number): OutstandingState[] {
    const states: OutstandingState[] = [];
    for (const { state } of this.#entries.values()) if (state.slot === slot) states.push(state);
    return states;
  }

  /** Number of outstanding operations of a device. */
  countOf(slot: number): number {
    let count = 0;
    for (const { state } of this.#entries.values()) if (state.slot === slot) count++;
    return count;
  }

  /** Bytes of data of the outstanding operations of a device. */
  bytesOf(slot: number): number {
    let bytes = 0;
    for (const { state, operation } of this.#entries.values()) {
      if (state.slot === slot) bytes += bytesInFlight(operation.request);
    }
    return bytes;
  }

  /** Decides what an operation's completion will mean. */
  setFate(number: number, fate: OutstandingState["fate"]): void {
    const entry = this.#entries.get(number)!;
    removeHash(this.#fields.values, entry.hash);
    entry.state = { ...entry.state, fate };
    entry.hash = hashOf(entry.operation, entry.state);
    addHash(this.#fields.values, entry.hash);
  }

  /** Takes a completed operation out of the table. */
  settle(number: number): void {
    removeHash(this.#fields.values, this.#entries.get(number)!.hash);
    this.#entries.delete(number);
    this.#operations.delete(number);
  }

  /** What is kept about each operation, in order of issue. */
  save(): OutstandingState[] {
    return [...this.#entries.values()].map(({ state }) => state);
  }

  /**
   * Fills the empty table with checked operations; the fields have been restored.
   *
   * @throws {StateError} when they are not the ones that the fields are about
   */
  restore(operations: readonly Operation[], states: readonly OutstandingState[]): void {
    const sum = { hashLow: 0, hashHigh: 0 };
    let previous = -1;
    operations.forEach((operation, index) => {
      const { number } = operation;
      if (number <= previous || number >= this.#fields.values.next) {
        throw new StateError(`Operation ${number} is out of order or was never issued`);
      }
      previous = number;
      this.#add(operation, states[index]!);
      addHash(sum, this.#entries.get(number)!.hash);
    });
    const { hashLow, hashHigh } = this.#fields.values;
    if (sum.hashLow !== hashLow || sum.hashHigh !== hashHigh) {
      throw new StateError(
        "The outstanding operations do not have the digest that the state names",
      );
    }
  }

  #add(operation: Operation, state: OutstandingState): void {
    this.#entries.set(operation.number, { operation, state, hash: hashOf(operation, state) });
    this.#operations.set(operation.number, operation);
  }
}
