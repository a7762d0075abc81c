/** The thread of {@linkcode SnapshotWorker}: answers its requests one after the other. */
import { Digester } from "../cpu/digest.ts";
import { packPages } from "../log/page_packing.ts";
import type { SnapshotAnswer, SnapshotRequest } from "./snapshot_worker.ts";

/** The part of a worker's global scope that is used here; the type checker knows that of a window. */
interface WorkerScope {
  onmessage: (event: MessageEvent<SnapshotRequest>) => void;
  postMessage(answer: SnapshotAnswer, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: request }) => {
  if (request.kind === "digest") return scope.postMessage(new Digester(request).ram());
  const { data, packed } = packPages(new Uint8Array(request.data));
  // A view of a larger buffer cannot be handed over; a copy of it can.
  const own = data.slice();
  scope.postMessage(packed === undefined ? { data: own } : { data: own, packed }, [own.buffer]);
};
