/**
 * A RISC-V machine that can be recorded, replayed and kept in lockstep.
 *
 * ```ts
 * import { BootImage, Machine, record, replay } from "@lockstep/lockstep";
 *
 * const configuration = { ramBytes: 16 * 2 ** 20, disks: [], bills: false };
 * const guest = await Deno.readFile("fixtures/hello.elf");
 * const machine = Machine.powerOn(configuration, BootImage.load(guest, configuration));
 * const log = new TransformStream<Uint8Array, Uint8Array>();
 * const replayed = replay(log.readable);
 * const { exitCode } = await record(machine, log.writable);
 * const { digests } = await replayed;
 * console.log(`Exit code ${exitCode}, ${digests} digests agree`);
 * ```
 *
 * Nothing here opens files or sockets; the `lockstep` command does.
 *
 * @module
 */
export { BootImage, type Segment } from "./lib/board/boot_image.ts";
export {
  checkConfiguration,
  type DiskConfiguration,
  type MachineConfiguration,
  type NetworkConfiguration,
} from "./lib/board/configuration.ts";
export type { Environment, Inputs, ReadKind, TimeBase } from "./lib/board/environment.ts";
export { ConfigurationError, DeliveryError, ImageError, StateError } from "./lib/board/errors.ts";
export { Machine, type MachineParts, type PowerState } from "./lib/board/machine.ts";
export type {
  BootState,
  MachineState,
  MemoryPiece,
  OutstandingState,
  TaskManagementState,
} from "./lib/board/machine_state.ts";
export type { FieldValues } from "./lib/board/fields.ts";
export type {
  Completion,
  CompletionStatus,
  DmaBlock,
  Operation,
  OperationKind,
  OperationRequest,
  SectorRange,
} from "./lib/board/operation.ts";

export { type Coherence, GuestMemory } from "./lib/cpu/memory.ts";
export { DivergenceError } from "./lib/epoch/divergence.ts";
export type { DeviceBacks, Performed } from "./lib/epoch/host.ts";
export type { EpochPolicy } from "./lib/epoch/policy.ts";
export type {
  Digest,
  EndRecord,
  EpochDigest,
  EpochRecord,
  HeaderRecord,
  HeartbeatRecord,
  LogRecord,
  NoteRecord,
  SnapshotBeginRecord,
  SnapshotCommitRecord,
  SnapshotOperationRecord,
  SnapshotPagesRecord,
} from "./lib/epoch/record.ts";
export { LogError, type LogErrorReason } from "./lib/log/log_error.ts";
export { LogDecoderStream, LogReader } from "./lib/log/log_reader.ts";
export { LogWriter } from "./lib/log/log_writer.ts";
export type { LogItem, StreamEnding } from "./lib/log/record_decoder.ts";
export { record, RecordingError, type RecordOptions } from "./lib/replica/recording.ts";
export {
  replay,
  ReplayError,
  type ReplayOptions,
  type ReplaySummary,
} from "./lib/replica/replaying.ts";
