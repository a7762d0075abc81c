import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { ChecksumChain, logSeed, returnSeed } from "../../lib/log/checksum_chain.ts";
import { maxShortBytes, shortSha256 } from "../../lib/log/short_sha256.ts";

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 31 + length);
}

Deno.test("our SHA-256 agrees with node:crypto for every length it takes", () => {
  for (let length = 0; length <= maxShortBytes; length++) {
    const input = pattern(length);
    for (const split of [0, Math.min(8, length), length]) {
      const digest = new Uint8Array(32);
      shortSha256(input.subarray(0, split), input.subarray(split), digest);
      assertEquals(digest, new Uint8Array(createHash("sha256").update(input).digest()));
    }
  }
  assertThrows(
    () => shortSha256(pattern(maxShortBytes), pattern(1), new Uint8Array(8)),
    RangeError,
  );
});

Deno.test("a chain is SHA-256 over the previous checksum and the record, for short and long ones", () => {
  const chain = new ChecksumChain(logSeed);
  let previous = logSeed;
  for (
    const length of [1, 100, maxShortBytes - 9, maxShortBytes - 8, maxShortBytes - 7, 100_000, 2]
  ) {
    const record = pattern(length);
    const expected = new Uint8Array(
      createHash("sha256").update(previous).update(record).digest().subarray(0, 8),
    );
    assertEquals(new Uint8Array(chain.of(record)), expected);
    assertEquals(chain.accept(record, expected.with(3, expected[3]! ^ 1)), false);
    assertEquals(chain.accept(record, expected), true);
    assertEquals(chain.accept(record, expected), false, "the chain went on");
    previous = expected;
  }
});

Deno.test("the return direction of each member starts differently, and unlike a log", () => {
  const [one, other] = [returnSeed("0".repeat(32)), returnSeed("1".repeat(32))];
  assertEquals(one.length, 8);
  assertNotEquals(one, other);
  assertNotEquals(one, logSeed);
});
