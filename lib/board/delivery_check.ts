/** Checks on what is delivered at an epoch's end: on replay it comes from an untrusted log. */
import type { Inputs, TimeBase } from "./environment.ts";
import { DeliveryError } from "./errors.ts";
import { maximumFrameBytes, minimumFrameBytes } from "./ethernet.ts";
import type { MemoryPiece } from "./machine_state.ts";
import type { Completion, CompletionStatus } from "./operation.ts";
import type { OutstandingOperations } from "./outstanding.ts";
import { slots } from "./virtio_slots.ts";

const statuses: readonly CompletionStatus[] = ["done", "uncertain", "io-error", "no-space"];

/** Largest rate: one tick a step. */
const maximumRate = 2 ** 24;

/** Room above the latest time base for the ticks of one epoch. */
const latestBase = Number.MAX_SAFE_INTEGER - 2 ** 29;

/** What the inputs have to fit. */
export interface DeliveryContext {
  /** The operations that completions may name. */
  readonly operations: OutstandingOperations;
  /** Guest time now, in ticks. */
  readonly time: number;
  /** Bytes of console input that can be taken. */
  readonly inputRoom: number;
  /** Frames that can be received; undefined while no driver listens. */
  readonly frameRoom: number | undefined;
  /** Whether a console position may be the next that is known to be performed. */
  acceptsPerformed(position: number): boolean;
}

/**
 * Checks a time base: time never goes back.
 *
 * @throws {DeliveryError}
 */
export function checkTime({ base, rate }: TimeBase, now: number): void {
  if (!Number.isSafeInteger(base) || base < now || base > latestBase) {
    throw new DeliveryError(`The time base ${base} is not a time after ${now} ticks`);
  }
  if (!Number.isSafeInteger(rate) || rate < 1 || rate > maximumRate) {
    throw new DeliveryError(`The clock rate ${rate} is not from 1 to ${maximumRate}`);
  }
}

function checkBlocks(completion: Completion, pieces: readonly MemoryPiece[]): void {
  const { operation, status, blocks } = completion;
  const wanted = status === "done" ? pieces : [];
  const matches = blocks.length === wanted.length &&
    blocks.every(({ address, data }, index) =>
      address === wanted[index]!.address && data.length === wanted[index]!.length
    );
  if (!matches) {
    throw new DeliveryError(
      `The data of the completion of operation ${operation} does not fit its scatter list`,
    );
  }
}

function checkFrames(frames: readonly Uint8Array[], room: number): void {
  if (frames.length > room) {
    throw new DeliveryError(`${frames.length} frames are over the room of ${room}`);
  }
  for (const { length } of frames) {
    if (length >= minimumFrameBytes && length <= maximumFrameBytes) continue;
    throw new DeliveryError(
      `A frame of ${length} bytes is not from ${minimumFrameBytes} to ${maximumFrameBytes}`,
    );
  }
}

/**
 * Checks all inputs, so that either all of them or none are delivered.
 *
 * @throws {DeliveryError}
 */
export function checkInputs(inputs: Inputs, context: DeliveryContext): void {
  const seen = new Set<number>();
  for (const completion of inputs.completions) {
    const number = completion.operation;
    const operation = context.operations.operations.get(number);
    if (operation === undefined || seen.has(number)) {
      throw new DeliveryError(`The completion names operation ${number}, which is not outstanding`);
    }
    seen.add(number);
    if (!statuses.includes(completion.status)) {
      throw new DeliveryError(`The completion of operation ${number} has an unknown status`);
    }
    const state = context.operations.state(number)!;
    if (state.slot !== slots.scsi && completion.status === "uncertain") {
      throw new DeliveryError(
        `Operation ${number} is never uncertain: it is performed again`,
      );
    }
    checkBlocks(completion, state.data);
  }
  if (inputs.consoleInput.length > context.inputRoom) {
    throw new DeliveryError(
      `${inputs.consoleInput.length} bytes of console input are over the room of ${context.inputRoom}`,
    );
  }
  if (!context.acceptsPerformed(inputs.consolePerformed)) {
    throw new DeliveryError(
      `The console cannot have performed its output up to position ${inputs.consolePerformed}`,
    );
  }
  checkFrames(inputs.frames, context.frameRoom ?? 0);
  checkTime(inputs.time, context.time);
}
