/**
 * SHA-256 (FIPS 180-4) of short inputs. Epoch records have about 100 bytes and come thousands of times a
 * second; for these node:crypto takes two to four times as long, and leaves objects to collect.
 */

/** Bytes of a block. */
const blockBytes = 64;

/** Longest input in bytes: what fits into eight blocks with the padding. */
export const maxShortBytes: number = 8 * blockBytes - 9;

/** The first 64 primes. */
const primes: number[] = [];
for (let candidate = 2; primes.length < 64; candidate++) {
  if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
}

/** The first 32 bits of the fraction, as FIPS 180-4 defines all constants. */
function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}

const roundConstants = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
const initialHash = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

// Working memory, used by one call at a time.
const padded = new Uint8Array(8 * blockBytes);
const schedule = new Int32Array(64);
const hash = new Int32Array(8);

/**
 * Writes the first `digest.length` bytes (at most 32, a multiple of 4) of the SHA-256 of `first || second`
 * to `digest`. Both inputs together have at most {@linkcode maxShortBytes} bytes.
 */
export function shortSha256(first: Uint8Array, second: Uint8Array, digest: Uint8Array): void {
  const length = first.length + second.length;
  if (length > maxShortBytes) throw new RangeError(`Input of ${length} bytes is not short`);
  const end = Math.ceil((length + 9) / blockBytes) * blockBytes;
  padded.set(first);
  padded.set(second, first.length);
  padded[length] = 0x80;
  padded.fill(0, length + 1, end);
  padded[end - 2] = length >>> 5; // length in bits, below 2^16
  padded[end - 1] = length << 3;
  hash.set(initialHash);
  for (let offset = 0; offset < end; offset += blockBytes) compress(offset);
  for (let index = 0; index < digest.length; index++) {
    digest[index] = hash[index >> 2]! >>> (24 - 8 * (index & 3));
  }
}

/** One block (FIPS 180-4, 6.2.2); the rotations are written out because this is the hot loop. */
function compress(offset: number): void {
  for (let index = 0, at = offset; index < 16; index++, at += 4) {
    schedule[index] = padded[at]! << 24 | padded[at + 1]! << 16 | padded[at + 2]! << 8 |
      padded[at + 3]!;
  }
  for (let index = 16; index < 64; index++) {
    const early = schedule[index - 15]!;
    const late = schedule[index - 2]!;
    schedule[index] = schedule[index - 16]! + schedule[index - 7]! +
        ((early >>> 7 | early << 25) ^ (early >>> 18 | early << 14) ^ early >>> 3) +
        ((late >>> 17 | late << 15) ^ (late >>> 19 | late << 13) ^ late >>> 10) | 0;
  }
  let a = hash[0]!, b = hash[1]!, c = hash[2]!, d = hash[3]!;
  let e = hash[4]!, f = hash[5]!, g = hash[6]!, h = hash[7]!;
  for (let index = 0; index < 64; index++) {
    const first = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) +
        (e & f ^ ~e & g) + roundConstants[index]! + schedule[index]! | 0;
    const second = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) +
        (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + first | 0;
    d = c;
    c = b;
    b = a;
    a = first + second | 0;
  }
  hash[0] = hash[0]! + a;
  hash[1] = hash[1]! + b;
  hash[2] = hash[2]! + c;
  hash[3] = hash[3]! + d;
  hash[4] = hash[4]! + e;
  hash[5] = hash[5]! + f;
  hash[6] = hash[6]! + g;
  hash[7] = hash[7]! + h;
}
