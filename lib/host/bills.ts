/**
 * The back of the bill port: an append-at-offset file. Each operation carries its place, so a repeat
 * after a promotion writes the same bytes to the same place, and every bill is there exactly once
 * (design invariant 6).
 */
import type { CompletionStatus, OperationRequest } from "../board/operation.ts";
import { faultStatus } from "./fault.ts";
import { openPositionalFile, type PositionalFile, writeFully } from "./positional_file.ts";

/** The request that a bill file performs. */
export type BillRequest = Extract<OperationRequest, { readonly kind: "bill-append" }>;

/** How a {@linkcode BillFile} is opened. */
export interface BillOptions {
  /** Byte of the file at which the machine's offset 0 stands; the log's header carries it. */
  readonly base?: number;
  /** Opens the file; tests put a failing medium here. */
  readonly open?: (path: string) => PositionalFile;
}

/** A bill file: made with mode 0600 when missing, never truncated. */
export class BillFile {
  /** Byte of the file at which the machine's offset 0 stands. */
  readonly base: number;
  readonly #file: PositionalFile;
  readonly #pending = new Set<Promise<unknown>>();

  /**
   * Opens the file at `path`.
   *
   * @throws {HostFileError} when it does not open
   */
  constructor(path: string, options: BillOptions = {}) {
    const open = options.open ??
      ((name) => openPositionalFile(name, { access: "read-write", create: "if-missing" }));
    this.#file = open(path);
    this.base = options.base ?? 0;
  }

  /** Present size of the file in bytes. */
  get bytes(): number {
    return this.#file.size();
  }

  /** Puts the bytes in their place; `done` means that the kernel has them. */
  perform(request: BillRequest): Promise<CompletionStatus> {
    const result = writeFully(this.#file, request.data, this.base + request.offset)
      .then((): CompletionStatus => "done", faultStatus);
    this.#pending.add(result);
    return result.finally(() => this.#pending.delete(result));
  }

  /** Waits for what is in flight and frees the file. */
  async close(): Promise<void> {
    await Promise.all(this.#pending);
    this.#file.close();
  }
}
