/** From a stream's header and key snapshot to a replica: boot, joining, seeking are all this. */
import { BootImage } from "../board/boot_image.ts";
import { Machine } from "../board/machine.ts";
import { GuestMemory } from "../cpu/memory.ts";
import { DivergenceError } from "../epoch/divergence.ts";
import type { HeaderRecord } from "../epoch/record.ts";
import { Replica, type ReplicaEvents } from "../epoch/replica.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { SnapshotAssembler } from "../log/snapshot_assembler.ts";

/** Builds the replica that a key snapshot describes. */
export class SnapshotRestorer {
  readonly #memory: GuestMemory;
  readonly #image = new Map<number, Uint8Array>();
  readonly #assembler: SnapshotAssembler;

  /**
   * Allocates the machine's memory.
   *
   * @param header The stream's header; its machine's memory is allocated now.
   */
  constructor(private readonly header: HeaderRecord) {
    this.#memory = new GuestMemory(header.configuration.ramBytes);
    this.#assembler = new SnapshotAssembler({
      ram: (page, data) => this.#memory.write(GuestMemory.ramBase + page * data.length, data),
      image: (page, data) => void this.#image.set(page, data),
    });
  }

  /**
   * Takes the next record; the replica, once the record is the snapshot's commit.
   *
   * @throws StateError When the snapshot describes no possible machine.
   * @throws DivergenceError When the restored machine's digest is not the snapshot's.
   */
  accept(item: LogItem, events: ReplicaEvents): Replica | undefined {
    const snapshot = this.#assembler.accept(item);
    if (!snapshot) return undefined;
    const { configuration } = this.header;
    const { boot } = snapshot.state;
    const machine = Machine.restore({
      configuration,
      image: BootImage.fromPages(this.#image, boot, configuration),
      state: snapshot.state,
      operations: snapshot.operations,
      memory: this.#memory,
    });
    if (machine.steps !== snapshot.steps || machine.snapshotDigest() !== snapshot.digest) {
      throw new DivergenceError(snapshot.epoch, snapshot.steps, "the snapshot's digest is another");
    }
    return new Replica(machine, snapshot.epoch, snapshot.time, events);
  }
}
