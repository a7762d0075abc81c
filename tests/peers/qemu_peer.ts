/**
 * Runs a guest image on QEMU and reads RAM back: RAM is a file that QEMU maps.
 *
 * @module
 */

import type { Processor } from "./qemu_cases.ts";
import type { Image } from "./qemu_image.ts";
import { RAM_BASE, RAM_BYTES, VARIABLE, VARIABLES } from "./qemu_layout.ts";

const QEMU = "qemu-system-riscv64";

/** RV64GC with Zicntr, M, S and U modes: all else that QEMU 7.2 switches on by itself is off. */
const PLAIN = [
  "rv64",
  ...["h", "zba", "zbb", "zbc", "zbs", "sstc", "debug"].map((name) => `${name}=off`),
  "pmu-num=29",
].join(",");

/**
 * Two harts, of which the second never leaves its first loop: QEMU translates atomics for a machine of one hart into plain
 * loads and stores, whose faults are those of a load.
 */
const TWO_HARTS = ["-smp", "2", "-accel", "tcg,thread=multi"];

const PROCESSORS: Readonly<Record<Processor, readonly string[]>> = {
  plain: [...TWO_HARTS, "-cpu", PLAIN],
  prioritised: [...TWO_HARTS, "-cpu", `${PLAIN},x-smaia=on,x-ssaia=on`],
  counted: ["-icount", "shift=0", "-cpu", PLAIN],
};

/** A run that did not come to its end; `casesLeft` counts the one that it stopped in and those behind it. */
export class UnfinishedRun extends Error {
  override readonly name = "UnfinishedRun";
  constructor(machine: string, readonly casesLeft: number, detail: string) {
    super(`${machine} stopped with ${casesLeft} cases left: ${detail}`);
  }
}

/** Whether QEMU for RISC-V is installed. */
export function peerInstalled(): boolean {
  try {
    return new Deno.Command(QEMU, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs `image` until the guest powers off and returns `length` bytes of RAM from `image.results`. */
export async function runOnPeer(
  image: Image,
  processor: Processor,
  length: number,
  timeoutMilliseconds: number,
): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-qemu-" });
  const path = `${folder}/ram`;
  try {
    await Deno.writeFile(path, image.bytes);
    await Deno.truncate(path, RAM_BYTES);
    const ram = `memory-backend-file,id=ram,size=${RAM_BYTES},mem-path=${path},share=on`;
    const command = new Deno.Command(QEMU, {
      args: [
        ...["-M", "virt,memory-backend=ram", "-m", `${RAM_BYTES >> 20}M`, "-object", ram],
        ...PROCESSORS[processor],
        ...["-bios", "none", "-display", "none", "-serial", "none", "-monitor", "none"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    const child = command.spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMilliseconds);
    const { success, stderr } = await child.output();
    clearTimeout(timer);
    if (!success) {
      const left = await readPart(path, VARIABLES + VARIABLE.remaining - RAM_BASE, 8);
      throw new UnfinishedRun(
        QEMU,
        Number(new DataView(left.buffer).getBigUint64(0, true)),
        new TextDecoder().decode(stderr).trim(),
      );
    }
    return await readPart(path, image.results - RAM_BASE, length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readPart(path: string, offset: number, length: number): Promise<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  await file.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) {
      throw new Error(`The RAM file ${path} ends after ${filled} bytes of results`);
    }
    filled += count;
  }
  return bytes;
}
