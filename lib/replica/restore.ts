/** From a stream's header and key snapshot to a replica: boot, joining, seeking are all this. */
import { BootImage } from "../board/boot_image.ts";
import { ImageError, StateError } from "../board/errors.ts";
import { Machine } from "../board/machine.ts";
import { checkBoot, record } from "../board/state_check.ts";
import { HartStateError } from "../cpu/hart.ts";
import { GuestMemory } from "../cpu/memory.ts";
import { DivergenceError } from "../epoch/divergence.ts";
import type { HeaderRecord } from "../epoch/record.ts";
import { Replica, type ReplicaEvents } from "../epoch/replica.ts";
import { LogError } from "../log/log_error.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { type AssembledSnapshot, SnapshotAssembler } from "../log/snapshot_assembler.ts";

/** Builds the replica that a key snapshot describes. */
export class SnapshotRestorer {
  readonly #memory: GuestMemory;
  readonly #image = new Map<number, Uint8Array>();
  readonly #assembler: SnapshotAssembler;

  /**
   * Prepares the machine's memory.
   *
   * @param header The stream's header.
   * @param memory Holds zeros, and becomes the machine's own; allocated unless it is given.
   */
  constructor(
    private readonly header: HeaderRecord,
    memory: GuestMemory = new GuestMemory(header.configuration.ramBytes),
  ) {
    this.#memory = memory;
    this.#assembler = new SnapshotAssembler({
      ram: (page, data) => this.#memory.write(GuestMemory.ramBase + page * data.length, data),
      image: (page, data) => void this.#image.set(page, data),
    });
  }

  /**
   * Takes the next record; the replica, once the record is the snapshot's commit.
   *
   * @throws LogError When the snapshot describes no possible machine.
   * @throws DivergenceError When the restored machine's digest is not the snapshot's.
   */
  accept(item: LogItem, events: ReplicaEvents): Replica | undefined {
    const snapshot = this.#assembler.accept(item);
    if (!snapshot) return undefined;
    const machine = this.#machine(snapshot, item);
    if (machine.steps !== snapshot.steps || machine.snapshotDigest() !== snapshot.digest) {
      throw new DivergenceError(snapshot.epoch, snapshot.steps, "the snapshot's digest is another");
    }
    return new Replica(machine, snapshot.epoch, snapshot.time, events);
  }

  #machine({ state, operations }: AssembledSnapshot, item: LogItem): Machine {
    const { configuration } = this.header;
    try {
      const boot = checkBoot(record(state, "the machine's state")["boot"]);
      const image = BootImage.fromPages(this.#image, boot, configuration);
      return Machine.restore({ configuration, image, state, operations, memory: this.#memory });
    } catch (error) {
      const refused = error instanceof StateError || error instanceof HartStateError ||
        error instanceof ImageError;
      if (!refused) throw error;
      const { number, byteOffset, record: { kind } } = item;
      const place = { recordNumber: number, byteOffset, recordKind: kind };
      throw new LogError("malformed", place, `No machine is in this state: ${error.message}`);
    }
  }
}
