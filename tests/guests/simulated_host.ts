/**
 * Runs a guest on our machine with a host of plain arrays: time goes with the steps, and operations
 * complete some epochs after their issue, in a seeded random order. No log, no files, no real time.
 */
import { BootImage } from "../../lib/board/boot_image.ts";
import type { DiskBus } from "../../lib/board/configuration.ts";
import { Machine } from "../../lib/board/machine.ts";
import type { Completion, Operation } from "../../lib/board/operation.ts";
import { fixture } from "./fixture.ts";
import { ByteFile } from "../epoch/byte_file.ts";

const sectorBytes = 512;
/** Ticks per 2^24 steps: 100 million steps a second. */
const rate = Math.round(2 ** 24 / 10);

/** How to run it. */
export interface SimulationOptions {
  readonly bootArguments?: string;
  /** Changed in place; none for a machine without a disk. */
  readonly disk?: Uint8Array;
  /** How it is attached, by default to the SCSI controller. */
  readonly bus?: DiskBus;
  /** A further disk, on virtio-blk. */
  readonly blkDisk?: Uint8Array;
  readonly input?: string;
  /** Seed of completion times. */
  readonly seed?: number;
  /** Steps in an epoch at most. */
  readonly epochSteps?: number;
  /**
   * How an operation ends, by default `done`. An `uncertain` write is performed in full, in part or not at
   * all; a failed one not at all.
   */
  readonly fate?: (operation: Operation) => Completion["status"];
  /** Ends the simulation as if the power had failed: outstanding writes are as if uncertain. */
  readonly stopAfterEpochs?: number;
  /** Called at each epoch's end. */
  readonly atEpochEnd?: (machine: Machine) => void;
}

/** What the guest left behind. */
export interface Simulation {
  /** Undefined when it was stopped. */
  readonly code: number | undefined;
  readonly console: Uint8Array;
  readonly bills: Uint8Array;
  readonly machine: Machine;
}

/** Runs `guest` to its power-off. */
export async function simulate(
  guest: string,
  options: SimulationOptions = {},
): Promise<Simulation> {
  const { disk, bus = "scsi", blkDisk, fate = () => "done", epochSteps = 20_000 } = options;
  const disks = [
    ...disk === undefined ? [] : [{ id: "SIMULATED", bus, bytes: disk }],
    ...blkDisk === undefined ? [] : [{ id: "FURTHER", bus: "blk" as const, bytes: blkDisk }],
  ];
  const configuration = {
    ramBytes: 64 << 20,
    disks: disks.map(({ id, bus, bytes }) => ({ id, bus, sectors: bytes.length / sectorBytes })),
    bills: true,
    entropy: true,
    bootArguments: options.bootArguments ?? "",
  };
  const image = BootImage.load(await Deno.readFile(fixture(guest)), configuration);
  const machine = Machine.powerOn(configuration, image);
  const bills = new ByteFile();
  const console = new ByteFile();
  const pending: { operation: Operation; epoch: number }[] = [];
  let random = options.seed ?? 1;
  const randomBelow = (limit: number) => {
    random = Math.imul(random, 1664525) + 1013904223 >>> 0;
    return Math.floor(random / 2 ** 32 * limit);
  };
  const input = new TextEncoder().encode(options.input ?? "");
  let typed = 0;
  let time = 0;
  machine.environment = { read: () => 1_700_000_000_000_000_000n + BigInt(machine.time) * 100n };

  const performPart = ({ request }: Operation, sectors: number) => {
    if (request.kind !== "disk-write") return;
    disks[request.disk]?.bytes.set(
      request.data.subarray(0, sectors * sectorBytes),
      request.sector * sectorBytes,
    );
  };
  const performSomePart = (operation: Operation) =>
    performPart(operation, randomBelow(operation.request.kind === "disk-write" ? 40 : 1));
  const perform = (operation: Operation): Completion => {
    const { number, request } = operation;
    const status = fate(operation);
    let blocks: Completion["blocks"] = [];
    if (status === "uncertain") performSomePart(operation);
    if (status === "done") {
      performPart(operation, Infinity);
      if (request.kind === "bill-append") bills.write(request.offset, request.data);
      if (request.kind === "entropy") {
        const data = Uint8Array.from({ length: request.bytes }, () => randomBelow(256));
        blocks = machine.dmaBlocks(number, data);
      }
      if (request.kind === "disk-read") {
        const start = request.sector * sectorBytes;
        const data = disks[request.disk]!.bytes.slice(start, start + request.sectors * sectorBytes);
        blocks = machine.dmaBlocks(number, data);
      }
    }
    return { operation: number, status, blocks };
  };

  for (let epoch = 1;; epoch++) {
    machine.startEpoch({ base: time, rate });
    machine.run(Math.min(epochSteps, Math.max(1, machine.stepsToTimer)));
    for (const operation of machine.takeIssued()) {
      pending.push({ operation, epoch: epoch + randomBelow(5) });
    }
    console.write(console.length, machine.takeConsoleOutput());
    const due = pending.filter((entry) => entry.epoch <= epoch);
    for (const entry of due) pending.splice(pending.indexOf(entry), 1);
    due.sort(() => randomBelow(3) - 1);
    const completions = due.map(({ operation }) => perform(operation));
    time = machine.time;
    if (machine.waiting && completions.length === 0 && pending.length === 0) {
      const timerIsSet = Number.isSafeInteger(machine.timerDueTicks);
      if (timerIsSet) time = Math.max(time, machine.timerDueTicks);
      else if (typed >= input.length && machine.power.kind === "on") {
        throw new Error(`The guest sleeps for ever: ${new TextDecoder().decode(console.bytes)}`);
      }
    }
    const consoleInput = input.subarray(typed, typed + Math.min(3, machine.consoleInputRoom));
    typed += consoleInput.length;
    const consolePerformed = machine.consolePosition;
    machine.deliver({
      completions,
      consoleInput,
      consolePerformed,
      frames: [],
      time: { base: time, rate },
    });
    options.atEpochEnd?.(machine);
    for (const operation of machine.takeIssued()) pending.push({ operation, epoch: epoch + 1 });
    const { power } = machine;
    if (power.kind === "reset") machine.reset();
    const stopped = epoch === options.stopAfterEpochs;
    if (stopped) { for (const { operation } of pending) performSomePart(operation); }
    if (power.kind === "off" || stopped) {
      const code = power.kind === "off" ? power.exitCode : undefined;
      return { code, console: console.bytes, bills: bills.bytes, machine };
    }
  }
}
