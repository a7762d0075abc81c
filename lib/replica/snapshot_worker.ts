/**
 * A second thread for snapshots: it packs pages and digests copies of RAM while the guest runs on the
 * first. Without it, and where it fails, all is done here: the records are the same.
 */
import { type DigestedMemory, Digester } from "../cpu/digest.ts";
import { maxSnapshotPages, pageBytes } from "../log/limits.ts";
import { type PackedPages, packPages } from "../log/page_packing.ts";

/** What the thread is asked for: to pack pages, which it shares, or to digest a memory. */
export type SnapshotRequest =
  | { readonly kind: "pack"; readonly data: Uint8Array<SharedArrayBuffer> }
  | { readonly kind: "digest"; readonly memory: WebAssembly.Memory; readonly ramBytes: number };

/** What it answers, in the order of the requests. */
export type SnapshotAnswer = PackedPages | bigint;

interface Waiter {
  readonly resolve: (answer: SnapshotAnswer) => void;
  readonly reject: (error: Error) => void;
  /** Makes the answer here. */
  readonly here: () => SnapshotAnswer;
  /** Told that the thread has done with what it shares. */
  readonly answered: () => void;
}

const THREAD = new URL("./snapshot_worker_thread.ts", import.meta.url);

/** Packs and digests for one live machine. */
export class SnapshotWorker {
  #thread: Worker | undefined;
  #failed = false;
  /** Buffers to share pages in: new ones would be collected late. */
  readonly #spare: SharedArrayBuffer[] = [];
  readonly #waiters: Waiter[] = [];

  /** Starts no thread yet; `source` is what it will run. */
  constructor(private readonly source: URL = THREAD) {}

  /** Starts the thread, unless it has been started or may not be. */
  start(): void {
    if (this.#thread || this.#failed || !mayLoad(this.source)) return;
    this.#thread = new Worker(this.source.href, { type: "module" });
    this.#thread.onmessage = ({ data }: MessageEvent<SnapshotAnswer>) => {
      const waiter = this.#waiters.shift();
      waiter?.answered();
      waiter?.resolve(data);
    };
    this.#thread.onerror = (event) => {
      event.preventDefault();
      this.#failed = true;
      this.#thread = undefined;
      for (const { resolve, here } of this.#waiters.splice(0)) resolve(here());
    };
  }

  /** Ends the thread; what it was asked for is not answered. */
  close(): void {
    this.#thread?.terminate();
    this.#thread = undefined;
    for (const { reject } of this.#waiters.splice(0)) reject(new Error("The machine has ended"));
  }

  /** The same, at the end of a scope. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Packs the bytes of some pages, which must not change any more. */
  pack(data: Uint8Array<ArrayBuffer>): PackedPages | Promise<PackedPages> {
    if (!this.#thread) return packPages(data);
    const buffer = this.#spare.pop() ?? new SharedArrayBuffer(maxSnapshotPages * pageBytes);
    const shared = new Uint8Array(buffer, 0, data.length);
    shared.set(data);
    const again = () => void this.#spare.push(buffer);
    return this.#ask({ kind: "pack", data: shared }, () => packPages(data), again) as Promise<
      PackedPages
    >;
  }

  /** Digests a memory that does not change meanwhile; undefined where that is to be done here. */
  digest({ memory, ramBytes }: DigestedMemory): Promise<bigint> | undefined {
    if (!this.#thread) return undefined;
    const here = () => new Digester({ memory, ramBytes }).ram();
    return this.#ask({ kind: "digest", memory, ramBytes }, here) as Promise<bigint>;
  }

  #ask(
    request: SnapshotRequest,
    here: () => SnapshotAnswer,
    answered = () => {},
  ): Promise<SnapshotAnswer> {
    this.#thread!.postMessage(request);
    const answer = new Promise<SnapshotAnswer>((resolve, reject) => {
      this.#waiters.push({ resolve, reject, here, answered });
    });
    // Whoever has called a snapshot off does not look at its answers.
    answer.catch(() => {});
    return answer;
  }
}

/** Deno tells of a worker that may not be loaded on standard error, whoever else takes care of it. */
function mayLoad(source: URL): boolean {
  return source.protocol !== "file:" ||
    Deno.permissions.querySync({ name: "read", path: source }).state === "granted";
}
