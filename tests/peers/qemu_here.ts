/**
 * Runs a guest image on our hart, over a bus with no more than the harness needs.
 *
 * @module
 */

import { type Bus, Hart } from "../../lib/cpu/hart.ts";
import { chooseEngine, type EngineName } from "../../lib/cpu/engine.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { FINISHER, FINISHER_PASS, MSIP, MTIMECMP } from "./qemu_harness.ts";
import type { Image } from "./qemu_image.ts";
import { RAM_BASE, RAM_BYTES, VARIABLE, VARIABLES } from "./qemu_layout.ts";
import { UnfinishedRun } from "./qemu_peer.ts";

/** The power-off device, one software interrupt, and a timer that never fires. */
class HarnessBus implements Bus {
  /** Set once the memory has a hart. */
  hart: Hart | undefined;
  poweredOff = false;
  #softwareInterrupt = 0n;

  load(address: number, size: 1 | 2 | 4 | 8): bigint | undefined {
    return address === MSIP && size === 4 ? this.#softwareInterrupt : undefined;
  }

  store(address: number, size: 1 | 2 | 4 | 8, value: bigint): boolean {
    if (address === MSIP && size === 4) {
      this.#softwareInterrupt = value & 1n;
      this.hart?.setInterrupt(3, this.#softwareInterrupt === 1n);
      return true;
    }
    if (address === MTIMECMP && size === 8) return true;
    if (address === FINISHER && value === BigInt(FINISHER_PASS)) {
      this.poweredOff = true;
      this.hart?.requestStop();
      return true;
    }
    return false;
  }

  time(): bigint {
    return 0n;
  }
}

/** How often code is executed before it is translated: cases are short. */
const EARLY = 1;

/** How our side runs: what it does must not depend on it. */
export interface HereOptions {
  /** Steps of one call of the hart. */
  readonly chunk: number;
  /** Whether TLBs and decoded code are dropped, and an epoch begins, between the calls. */
  readonly dropCaches: boolean;
  /** What executes. */
  readonly engine: EngineName;
}

/** Runs `image` until the guest powers off and returns `length` bytes of RAM from `image.results`. */
export function runHere(
  image: Image,
  length: number,
  stepLimit: number,
  { chunk, dropCaches, engine }: HereOptions,
): Uint8Array {
  chooseEngine({ engine, hotAt: EARLY });
  const memory = new GuestMemory(RAM_BYTES);
  const bus = new HarnessBus();
  const hart = new Hart(memory, bus);
  bus.hart = hart;
  memory.write(RAM_BASE, image.bytes);
  hart.reset(RAM_BASE, 0n, 0n);
  hart.startEpoch();
  while (!bus.poweredOff) {
    const executed = hart.run(chunk);
    if (executed === 0 || hart.steps > stepLimit) {
      const left = memory.read(VARIABLES + VARIABLE.remaining, 8);
      throw new UnfinishedRun(
        "The hart",
        Number(new DataView(left.buffer).getBigUint64(0, true)),
        `${hart.steps} steps${hart.waiting ? ", waiting for an interrupt" : ""}`,
      );
    }
    if (dropCaches) {
      hart.dropCaches();
      hart.startEpoch();
    }
  }
  return memory.read(image.results, length);
}
