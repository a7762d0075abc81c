/** In which fields two pieces of plain data differ. */

/** One field. */
export interface FieldDifference {
  /** Its place, as in `completions[2].status`. */
  readonly path: string;
  /** What the first has there, in words. */
  readonly first: string;
  /** What the second has there. */
  readonly second: string;
}

/** Bytes that are shown of a byte string, from the first different one on. */
const SHOWN_BYTES = 8;
const ABSENT = "nothing";

/** Every field that is not the same in both. */
export function fieldDifferences(first: unknown, second: unknown, path = ""): FieldDifference[] {
  if (first instanceof Uint8Array && second instanceof Uint8Array) {
    return byteDifference(first, second, path);
  }
  if (Array.isArray(first) && Array.isArray(second)) {
    const length = Math.max(first.length, second.length);
    return Array.from({ length }, (_, index) => index)
      .flatMap((index) => fieldDifferences(first[index], second[index], `${path}[${index}]`));
  }
  if (isRecord(first) && isRecord(second)) {
    const names = new Set([...Object.keys(first), ...Object.keys(second)]);
    const inner = (name: string) => path === "" ? name : `${path}.${name}`;
    return [...names].flatMap((name) => fieldDifferences(first[name], second[name], inner(name)));
  }
  return first === second ? [] : [{ path, first: valueText(first), second: valueText(second) }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Uint8Array);
}

function byteDifference(first: Uint8Array, second: Uint8Array, path: string): FieldDifference[] {
  let at = 0;
  while (at < first.length && first[at] === second[at]) at++;
  if (at === first.length && at === second.length) return [];
  const from = (bytes: Uint8Array) =>
    at === bytes.length
      ? `ends at byte ${at}`
      : `${bytes.subarray(at, at + SHOWN_BYTES).toHex()} from byte ${at}`;
  return [{ path, first: from(first), second: from(second) }];
}

function valueText(value: unknown): string {
  if (value === undefined) return ABSENT;
  if (typeof value === "bigint") return value.toString(16).padStart(16, "0");
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isRecord(value) ? "a value" : JSON.stringify(value);
}
