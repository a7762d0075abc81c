/** XXH64 as its specification has it, slowly, to compare with. */
const MASK = (1n << 64n) - 1n;
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const rotate = (x: bigint, by: bigint) => (x << by | x >> 64n - by) & MASK;
const round = (accumulator: bigint, lane: bigint) =>
  rotate(accumulator + lane * P2 & MASK, 31n) * P1 & MASK;
const merge = (accumulator: bigint, lane: bigint) =>
  ((accumulator ^ round(0n, lane)) * P1 + P4) & MASK;

/** XXH64 of any bytes. */
export function xxh64(data: Uint8Array, seed: bigint): bigint {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  let hash: bigint;
  if (data.length >= 32) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1].map((lane) => lane & MASK);
    for (; at + 32 <= data.length; at += 32) {
      lanes.forEach((lane, i) => lanes[i] = round(lane, view.getBigUint64(at + 8 * i, true)));
    }
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
    hash = rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n) & MASK;
    for (const lane of lanes) hash = merge(hash, lane);
  } else hash = seed + P5 & MASK;
  hash = hash + BigInt(data.length) & MASK;
  for (; at + 8 <= data.length; at += 8) {
    hash = rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4 & MASK;
  }
  if (at + 4 <= data.length) {
    hash = rotate(hash ^ BigInt(view.getUint32(at, true)) * P1 & MASK, 23n) * P2 + P3 & MASK;
    at += 4;
  }
  for (; at < data.length; at++) {
    hash = rotate(hash ^ BigInt(data[at]!) * P5 & MASK, 11n) * P1 & MASK;
  }
  hash = (hash ^ hash >> 33n) * P2 & MASK;
  hash = (hash ^ hash >> 29n) * P3 & MASK;
  return hash ^ hash >> 32n;
}
