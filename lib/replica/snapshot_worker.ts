/**
 * A second thread for snapshots: it packs pages and digests copies of RAM while the guest runs on the
 * first. Where it cannot be started, for want of permission to read its source for instance, all is done
 * here: the records are the same.
 */
import { type DigestedMemory, Digester } from "../cpu/digest.ts";
import { type PackedPages, packPages } from "../log/page_packing.ts";

/** What the worker is asked for. */
export type SnapshotRequest =
  | { readonly kind: "pack"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly kind: "digest"; readonly memory: WebAssembly.Memory; readonly ramBytes: number };

/** What the worker answers, in the order of the requests; first of all that it is ready. */
export type SnapshotAnswer = "ready" | PackedPages | bigint;

interface Waiter {
  readonly resolve: (answer: SnapshotAnswer) => void;
  readonly reject: (error: Error) => void;
  /** Makes the answer here; absent when what it is made of has been handed over. */
  readonly here: (() => SnapshotAnswer) | undefined;
}

const THREAD = new URL("./snapshot_worker_thread.ts", import.meta.url);

/** Packs and digests for one live machine. */
export class SnapshotWorker {
  #worker: Worker | undefined;
  #state: "absent" | "starting" | "ready" = "absent";
  readonly #waiters: Waiter[] = [];

  /** @param source What the thread runs. */
  constructor(private readonly source: URL = THREAD) {}

  /** Starts the thread, unless it has been started or may not be. */
  start(): void {
    if (this.#worker || !mayLoad(this.source)) return;
    this.#state = "starting";
    this.#worker = new Worker(this.source.href, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<SnapshotAnswer>) => {
      if (data === "ready") this.#state = "ready";
      else this.#waiters.shift()?.resolve(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#state = "absent";
      this.#fail(new Error(`The thread that packs snapshots has failed: ${event.message}`));
    };
  }

  /** Ends the thread; what it was asked for is not answered. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The same. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#state = "absent";
    for (const { reject } of this.#waiters.splice(0)) reject(new Error("The machine has ended"));
  }

  /** Packs the bytes of some pages, which are the worker's from then on. */
  pack(data: Uint8Array<ArrayBuffer>): PackedPages | Promise<PackedPages> {
    if (this.#state === "absent") return packPages(data);
    const answer = this.#state === "ready"
      ? this.#ask({ kind: "pack", data }, [data.buffer])
      : this.#ask({ kind: "pack", data }, [], () => packPages(data));
    return answer as Promise<PackedPages>;
  }

  /** Digests all of a memory that does not change meanwhile; undefined where that is to be done here. */
  digest({ memory, ramBytes }: DigestedMemory): Promise<bigint> | undefined {
    if (this.#state === "absent") return undefined;
    const here = () => new Digester({ memory, ramBytes }).ram();
    return this.#ask({ kind: "digest", memory, ramBytes }, [], here) as Promise<bigint>;
  }

  #ask(
    request: SnapshotRequest,
    transfer: Transferable[],
    here?: () => SnapshotAnswer,
  ): Promise<SnapshotAnswer> {
    this.#worker!.postMessage(request, transfer);
    const answer = new Promise<SnapshotAnswer>((resolve, reject) => {
      this.#waiters.push({ resolve, reject, here });
    });
    // Whoever has called a snapshot off does not look at its answers.
    answer.catch(() => {});
    return answer;
  }

  #fail(error: Error): void {
    for (const { resolve, reject, here } of this.#waiters.splice(0)) {
      if (here) resolve(here());
      else reject(error);
    }
  }
}

/** Deno tells of a worker that may not be loaded on standard error, whoever else takes care of it. */
function mayLoad(source: URL): boolean {
  return source.protocol !== "file:" ||
    Deno.permissions.querySync({ name: "read", path: source }).state === "granted";
}
