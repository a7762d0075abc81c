/**
 * A second thread for snapshots: it packs pages and digests copies of RAM while the guest runs on the
 * first. Where it cannot be started, for want of permission to read its source for instance, all is done
 * here: the records are the same.
 */
import type { DigestedMemory } from "../cpu/digest.ts";
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
}

/** Packs and digests for one live machine. */
export class SnapshotWorker {
  #worker: Worker | undefined;
  #ready = false;
  readonly #waiters: Waiter[] = [];

  /** Starts the thread, unless it has been started; until it is ready nothing waits for it. */
  start(): void {
    if (this.#worker) return;
    const url = new URL("./snapshot_worker_thread.ts", import.meta.url).href;
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<SnapshotAnswer>) => {
      if (data === "ready") this.#ready = true;
      else this.#waiters.shift()?.resolve(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#ready = false;
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
    this.#ready = false;
    this.#fail(new Error("The machine has ended"));
  }

  /** Packs the bytes of some pages, which are the worker's from then on. */
  pack(data: Uint8Array<ArrayBuffer>): PackedPages | Promise<PackedPages> {
    if (!this.#ready) return packPages(data);
    return this.#ask({ kind: "pack", data }, [data.buffer]) as Promise<PackedPages>;
  }

  /** Digests all of a memory that does not change meanwhile; undefined where that is to be done here. */
  digest({ memory, ramBytes }: DigestedMemory): Promise<bigint> | undefined {
    if (!this.#ready) return undefined;
    return this.#ask({ kind: "digest", memory, ramBytes }, []) as Promise<bigint>;
  }

  #ask(request: SnapshotRequest, transfer: Transferable[]): Promise<SnapshotAnswer> {
    this.#worker!.postMessage(request, transfer);
    const answer = new Promise<SnapshotAnswer>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
    // Whoever has called a snapshot off does not look at its answers.
    answer.catch(() => {});
    return answer;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}
