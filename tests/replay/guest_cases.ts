/** Every built guest, as these tests record it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { NetClient } from "../guests/net_client.ts";
import type { Recording, RecordingOptions } from "./recording.ts";

/** A guest and what it must have done. */
export interface GuestCase {
  readonly guest: string;
  readonly options: RecordingOptions;
  /** Sectors of its disk, if it has one. */
  readonly diskSectors?: number;
  /** Messages that its client sends over the network, if there is one. */
  readonly messages?: number;
  /** Sectors of a further disk on virtio-blk. */
  readonly blkSectors?: number;
  /** Steps between two key snapshots, for about ten of them. */
  readonly snapshotEverySteps: number;
  /** Its exit code; undefined when it never ends by itself. */
  readonly exitCode?: number;
  readonly console: RegExp;
  /** Looks at what it left behind. */
  readonly check?: (recording: Recording) => void;
}

function soundBank({ devices, bills, console }: Recording): void {
  const verdict = audit({ disk: devices.disk!, bills, console });
  assertEquals(verdict.findings, []);
  assert(verdict.finished);
}

/** The cases by name. */
export const guestCases: Readonly<Record<string, GuestCase>> = {
  "hello": {
    guest: "hello",
    options: { bootArguments: "exit=7" },
    snapshotEverySteps: 300,
    exitCode: 7,
    console: /^Hello from a machine that survives\n$/,
  },
  "clock": {
    guest: "clock",
    options: {},
    snapshotEverySteps: 7000,
    exitCode: 0,
    console: /20 timer interrupts, \d+ ticks late in all, no clock went back\n$/,
  },
  "echo with typed input": {
    guest: "echo",
    options: {
      input: "to be or not to be\rthat is\tthe question\rwhether 'tis nobler\x04and no more",
    },
    snapshotEverySteps: 500,
    exitCode: 0,
    console: /^echo: ready, Ctrl-D ends\nto be or not to be\rthat is\tthe question\rwhether 'tis/,
  },
  "bench": {
    guest: "bench",
    options: { bootArguments: "scale=1" },
    snapshotEverySteps: 3_000_000,
    exitCode: 0,
    console:
      /phase memcpy instructions \d+ ticks \d+ checksum 01831fdcd3d399b7\nbench: instructions \d+/,
  },
  "paging": {
    guest: "paging",
    options: { bootArguments: "rounds=12", ramBytes: 8 << 20 },
    snapshotEverySteps: 200_000,
    exitCode: 0,
    console: /round 8 checksum e6507aa82df5dff1\n(.*\n)*paging: 12 rounds, \d+ timer interrupts/,
  },
  "tally": {
    guest: "tally",
    options: {},
    snapshotEverySteps: 500_000,
    exitCode: 1,
    console: /^tally: 64000 items arrived, \d+ served, sum [0-9a-f]+\ntally: \d+ items LOST\n$/,
  },
  "reset": {
    guest: "reset",
    options: {},
    diskSectors: 1024,
    snapshotEverySteps: 12_000,
    exitCode: 0,
    console: /boot 2, 6 of 6 writes from before the reset are on disk\n/,
    check({ devices }) {
      const words = new BigUint64Array(devices.disk!.buffer, 64 * 512, 6 * 16 * 64);
      words.forEach((word, index) =>
        assertEquals(word, 2n << 32n | BigInt(Math.floor(index / 1024)))
      );
    },
  },
  "teller": {
    guest: "teller",
    options: { bootArguments: "transfers=24 pace=20", bills: true },
    diskSectors: 2048,
    snapshotEverySteps: 80_000,
    exitCode: 0,
    console: /teller: closed at transfer 24 bill \d+\n$/,
    check: soundBank,
  },
  "teller in a burst": {
    guest: "teller",
    options: { bootArguments: "burst transfers=200", bills: true },
    diskSectors: 2048,
    snapshotEverySteps: 300_000,
    exitCode: 0,
    console: /teller: closed at transfer 200 bill \d+\n$/,
    check: soundBank,
  },
  "net": {
    guest: "net",
    options: {},
    messages: 120,
    snapshotEverySteps: 60_000,
    exitCode: 0,
    console: /^net: station 10\.77\.0\.10\nnet: 100 messages, .*\nnet: ended after 120 messages/,
    check: ({ client }) => assertEquals(client?.wrong, undefined),
  },
  "teller on virtio-blk": {
    guest: "teller",
    options: { bootArguments: "burst transfers=100", bills: true, bus: "blk" },
    diskSectors: 2048,
    snapshotEverySteps: 200_000,
    exitCode: 0,
    console: /teller: closed at transfer 100 bill \d+\n$/,
    check: soundBank,
  },
  "reset on virtio-blk": {
    guest: "reset",
    options: { bus: "blk" },
    diskSectors: 1024,
    snapshotEverySteps: 12_000,
    exitCode: 0,
    console: /boot 2, 6 of 6 writes from before the reset are on disk\n/,
  },
  "mixed": {
    guest: "mixed",
    options: { entropy: true },
    diskSectors: 256,
    blkSectors: 256,
    snapshotEverySteps: 40_000,
    exitCode: 0,
    console: /64 rounds, 16 of 16 blocks as written on both disks, checksum \w+\n$/,
    check({ devices }) {
      assertEquals(devices.disks[0], devices.disks[1]);
    },
  },
  "rtc-spin, stopped": {
    guest: "rtc-spin",
    options: { stopAfterEpochs: 120 },
    snapshotEverySteps: 8000,
    console: /^rtc-spin: reading the clock for ever\n$/,
  },
  "trap-loop, stopped": {
    guest: "trap-loop",
    options: { stopAfterEpochs: 60 },
    snapshotEverySteps: 20_000,
    console: /^trap-loop: trapping for ever\n$/,
  },
};

/** Options for one recording of a case, with a disk and a client of its own. */
export function freshOptions(
  { options, diskSectors, blkSectors, messages }: GuestCase,
  more: RecordingOptions = {},
): RecordingOptions {
  return {
    ...options,
    ...(messages === undefined ? {} : { client: new NetClient(messages) }),
    ...(diskSectors === undefined ? {} : { disk: new Uint8Array(diskSectors * 512) }),
    ...(blkSectors === undefined ? {} : { blkDisk: new Uint8Array(blkSectors * 512) }),
    ...more,
  };
}

/** Fails when the guest has not done what it is there for. */
export function checkGuest(which: GuestCase, recording: Recording): void {
  assertMatch(new TextDecoder().decode(recording.console), which.console);
  assertEquals(
    recording.end,
    which.exitCode === undefined
      ? { kind: "end", reason: "detach" }
      : { kind: "end", reason: "power-off", exitCode: which.exitCode },
  );
  which.check?.(recording);
}
