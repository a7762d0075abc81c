/**
 * Digests of machine state: XXH64 (Yann Collet's xxHash, 64 bits), generated as WebAssembly.
 *
 * Let `h(bytes, seed)` be XXH64 as its specification defines it; every piece here is a multiple of 32 bytes
 * long. A sequence of pieces is chained: each is hashed with the digest of those before it as its seed.
 *
 * - state: the hart block (1 KiB from offset 0), then the device state (64 KiB), first seed 0.
 * - pages: each page in the given order with the seed `previous + page number` (modulo 2^64), first previous 0.
 * - RAM: pieces of 1 MiB, the last one shorter, first seed 0.
 */
import { brIf, type Code, i32, i64, Label, type Local, loop } from "../wasm/code.ts";
import { FunctionBuilder, ModuleBuilder } from "../wasm/module.ts";
import {
  DEVICE_STATE,
  DEVICE_STATE_BYTES,
  HART_BLOCK,
  HART_BLOCK_BYTES,
  PAGE_BYTES,
  RAM,
} from "./layout.ts";
import type { GuestMemory } from "./memory.ts";

const PRIME = [
  0n,
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
] as const;

/** Bytes of RAM for one call: short calls reach V8's optimised code. */
const RAM_PIECE_BYTES = 1 << 20;
const STRIPE_BYTES = 32;

/** What is looked at. */
export type DigestedMemory = Pick<GuestMemory, "memory" | "ramBytes">;

type Hash = (address: number, length: number, seed: bigint) => bigint;

let hashModule: WebAssembly.Module | undefined;

/** Computes 64-bit digests of a guest memory. Not cryptographic: they find divergence, not forgery. */
export class Digester {
  readonly #memory: DigestedMemory;
  readonly #hash: Hash;

  /** Looks at this memory whenever it is asked. */
  constructor(memory: DigestedMemory) {
    this.#memory = memory;
    hashModule ??= new WebAssembly.Module(generateHash());
    const instance = new WebAssembly.Instance(hashModule, { lockstep: { memory: memory.memory } });
    this.#hash = instance.exports.hash as Hash;
  }

  /** The hart block and the device state. */
  state(): bigint {
    const hart = this.#hash(HART_BLOCK, HART_BLOCK_BYTES, 0n);
    return BigInt.asUintN(64, this.#hash(DEVICE_STATE, DEVICE_STATE_BYTES, hart));
  }

  /** Numbers and contents of the given RAM pages, in the given order. */
  pages(pageNumbers: Iterable<number>): bigint {
    let digest = 0n;
    for (const page of pageNumbers) {
      digest = this.#hash(RAM + page * PAGE_BYTES, PAGE_BYTES, digest + BigInt(page));
    }
    return BigInt.asUintN(64, digest);
  }

  /** All of RAM. */
  ram(): bigint {
    const pieces = this.ramInPieces();
    for (;;) {
      const { value, done } = pieces.next();
      if (done) return value;
    }
  }

  /**
   * All of RAM, as {@linkcode ram} has it, in pieces for whoever must not stand still meanwhile.
   *
   * @param isZero Knows of pieces that hold nothing: looking at one of them costs less than at each, since
   *   the host has a page fault for each page that has never been looked at.
   */
  *ramInPieces(
    isZero: (offset: number, length: number) => boolean = () => false,
  ): Generator<undefined, bigint, undefined> {
    let digest = 0n;
    let zeros: number | undefined;
    for (let offset = 0; offset < this.#memory.ramBytes; offset += RAM_PIECE_BYTES) {
      const length = Math.min(RAM_PIECE_BYTES, this.#memory.ramBytes - offset);
      const looksAt = length === RAM_PIECE_BYTES && isZero(offset, length)
        ? zeros ??= offset
        : offset;
      digest = this.#hash(RAM + looksAt, length, digest);
      yield undefined;
    }
    return BigInt.asUintN(64, digest);
  }
}

const prime = (n: 1 | 2 | 3 | 4) => i64.const(PRIME[n]);
const round = (accumulator: Code, lane: Code) =>
  i64.mul(i64.rotl(i64.add(accumulator, i64.mul(lane, prime(2))), i64.const(31)), prime(1));

function generateHash(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const builder = new FunctionBuilder({ parameters: ["i32", "i32", "i64"], results: ["i64"] });
  const [address, length, seed] = builder.parameters as [Local, Local, Local];
  const end = builder.local("i32");
  const lanes = [0, 1, 2, 3].map(() => builder.local("i64"));
  const [first, second, third, fourth] = lanes as [Local, Local, Local, Local];
  const result = builder.local("i64");
  const stripe = new Label();
  const merge = (lane: Local) =>
    result.set(
      i64.add(i64.mul(i64.xor(result.get, round(i64.const(0), lane.get)), prime(1)), prime(4)),
    );
  const rotated = (lane: Local, count: number) => i64.rotl(lane.get, i64.const(count));
  const mix = (shift: number, factor?: 2 | 3) => {
    const mixed = i64.xor(result.get, i64.shr_u(result.get, i64.const(shift)));
    return result.set(factor === undefined ? mixed : i64.mul(mixed, prime(factor)));
  };
  module.addFunction(
    builder,
    [
      end.set(i32.add(address.get, length.get)),
      first.set(i64.add(seed.get, i64.const(PRIME[1] + PRIME[2]))),
      second.set(i64.add(seed.get, prime(2))),
      third.set(seed.get),
      fourth.set(i64.sub(seed.get, prime(1))),
      loop(stripe, [
        lanes.map((lane, index) => lane.set(round(lane.get, i64.load(address.get, 8 * index)))),
        address.set(i32.add(address.get, i32.const(STRIPE_BYTES))),
        brIf(stripe, i32.ne(address.get, end.get)),
      ]),
      result.set(
        i64.add(
          i64.add(rotated(first, 1), rotated(second, 7)),
          i64.add(rotated(third, 12), rotated(fourth, 18)),
        ),
      ),
      lanes.map(merge),
      result.set(i64.add(result.get, i64.extend_u(length.get))),
      mix(33, 2),
      mix(29, 3),
      mix(32),
      result.get,
    ],
    "hash",
  );
  return module.encode();
}
