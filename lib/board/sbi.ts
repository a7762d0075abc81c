/**
 * The built-in SBI: what firmware in M-mode would do for a kernel in S-mode, done by the board. Each ECALL
 * is one step, a function of the machine's state like any instruction.
 */
import type { HandOver, SupervisorAnswer, SupervisorCall } from "../cpu/hart.ts";
import { Comparator, comparatorFields } from "./comparator.ts";
import type { FieldAllocator, Fields } from "./fields.ts";
import { type SbiBoard, sbiError, type SbiExtension, type SbiFunction } from "./sbi_call.ts";
import { sbiExtensions } from "./sbi_extensions.ts";

const fields = {
  ...comparatorFields,
  /** The hart has stopped itself. */
  stopped: "flag",
} as const;

/** What the SBI needs from the board. */
export interface SbiHost extends Omit<SbiBoard, "setTimer" | "interruptHart" | "stopHart"> {
  /** Guest time now, in ticks. */
  time(): number;
  /** Ends the run: the budget has to be computed again. */
  requestStop(): void;
  /** Drives SSIP (1) or STIP (5) of the hart's `mip`. */
  setInterrupt(bit: 1 | 5, level: boolean): void;
}

/**
 * What firmware leaves (privileged specification, chapter 3; OpenSBI sets much the same): S-mode gets its
 * interrupts, all exceptions but its own ECALLs, the counters, and all of memory.
 */
export const handOver: HandOver = {
  fields: {
    privilege: 1n,
    medeleg: 0xb1ffn,
    mideleg: 0x222n,
    mcounteren: 7n,
    // Kernels without an SBI counter driver leave it alone, and their vDSO reads the time in U-mode.
    scounteren: 7n,
    // One entry for every address, read, write and execute.
    pmpcfg0: 0x1fn,
    pmpaddr0: 2n ** 54n - 1n,
  },
};

const notSupported = BigInt(sbiError.notSupported);

const extensionById = new Map(
  sbiExtensions.map((extension) => [BigInt(extension.id), extension] as const),
);

/** The SBI of a board with one hart. */
export class Sbi {
  readonly #fields: Fields<typeof fields>;
  readonly #comparator: Comparator;
  readonly #host: SbiHost;
  readonly #board: SbiBoard;

  /** Places the fields, as at power-on. */
  constructor(allocator: FieldAllocator, host: SbiHost) {
    this.#fields = allocator.place("sbi", fields);
    this.#host = host;
    this.#comparator = new Comparator(this.#fields.values, (level) => host.setInterrupt(5, level));
    this.#board = {
      memory: host.memory,
      get consoleRoom() {
        return host.consoleRoom;
      },
      putConsole: (byte) => host.putConsole(byte),
      getConsole: () => host.getConsole(),
      endPower: (kind, exitCode) => host.endPower(kind, exitCode),
      setTimer: (ticks) => this.#setTimer(ticks),
      interruptHart: () => host.setInterrupt(1, true),
      stopHart: () => this.#stop(),
    };
    this.reset();
  }

  /** Answers an ECALL of S-mode (SBI 2.0, chapter 3). */
  call(call: SupervisorCall): SupervisorAnswer {
    const extension = extensionById.get(BigInt.asUintN(32, call.extension));
    const found = extension && functionOf(extension, call.function);
    if (extension === undefined || found === undefined) return { a0: notSupported, a1: 0n };
    const { error, value, waits, resume } = found.run({
      arguments: call.arguments,
      interruptible: call.interruptible,
      implemented: (id) => extensionById.has(BigInt.asUintN(32, id)),
    }, this.#board);
    if (extension.legacy) return { a0: BigInt(error) };
    return {
      a0: BigInt(error),
      a1: resume?.opaque ?? value ?? 0n,
      ...(waits === undefined ? {} : { waits }),
      ...(resume === undefined ? {} : { resumeAt: resume.address }),
    };
  }

  /** Whether the hart has stopped itself; it takes no step any more. */
  get stopped(): boolean {
    return this.#fields.values.stopped !== 0;
  }

  /** See {@linkcode Comparator.dueTicks}. */
  get dueTicks(): number {
    return this.#comparator.dueTicks;
  }

  /** See {@linkcode Comparator.evaluate}. */
  evaluate(time: number): void {
    this.#comparator.evaluate(time);
  }

  /** Puts the timer interrupt's level on the line. */
  drive(): void {
    this.#comparator.drive();
  }

  /** Back to the state of power-on: a timer that is never due. */
  reset(): void {
    this.#fields.clear();
    this.#fields.values.compareLow = 0xffff_ffff;
    this.#fields.values.compareHigh = 0xffff_ffff;
    this.drive();
  }

  #setTimer(ticks: bigint): void {
    this.#fields.values.compareLow = Number(BigInt.asUintN(32, ticks));
    this.#fields.values.compareHigh = Number(ticks >> 32n);
    this.evaluate(this.#host.time());
    this.#host.requestStop();
  }

  #stop(): void {
    this.#fields.values.stopped = 1;
    this.#host.requestStop();
  }
}

function functionOf(extension: SbiExtension, number: bigint): SbiFunction | undefined {
  if (extension.legacy) return extension.functions[0];
  const wanted = BigInt.asUintN(32, number);
  return extension.functions.find((candidate) => BigInt(candidate.number) === wanted);
}
