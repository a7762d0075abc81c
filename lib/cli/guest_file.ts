/** Files that go into a guest's memory: GUEST by path or by the name of a built one, a kernel, its initrd. */
import { errorCode, HostFileError } from "../host/fault.ts";
import { openFailure } from "../host/positional_file.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);

/** The most that is read of a GUEST that does not end, MiB: all RAM that a machine can have. */
const LARGEST_GUEST_MIB = 2048;

/**
 * Reads the guest: the built one of that name, or else the file.
 *
 * @throws {HostFileError} when there is neither
 */
export async function readGuest(guest: string): Promise<Uint8Array> {
  if (/^[a-z][a-z0-9-]*$/.test(guest)) {
    try {
      return await Deno.readFile(new URL(`${guest}.elf`, FIXTURES));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") {
        throw unreadable(guest, "guest", openFailure(error), error);
      }
    }
  }
  const reason = (error: unknown) =>
    errorCode(error) === "ENOENT"
      ? `there is no such file, and no built guest of that name (there are ${
        builtGuests().join(", ")
      })`
      : openFailure(error);
  return await readWhole(guest, "guest", LARGEST_GUEST_MIB, reason);
}

/**
 * Reads all of a file; a pipe or a device is one, too, and may have no end.
 *
 * @param what What it is for, as in "Cannot read the kernel".
 * @param largestMib Where to stop, unless it is a plain file.
 * @param reason Why it did not open, in words that say what to do.
 * @throws {HostFileError} when it cannot be read, or does not end
 */
export async function readWhole(
  path: string,
  what: string,
  largestMib: number,
  reason: (error: unknown) => string = openFailure,
): Promise<Uint8Array> {
  try {
    const { isDirectory, isFile } = Deno.statSync(path);
    if (isDirectory) throw new Deno.errors.IsADirectory();
    if (isFile) return await Deno.readFile(path);
    return await gathered((await Deno.open(path)).readable, largestMib);
  } catch (error) {
    const why = error instanceof RangeError
      ? `it does not end within ${largestMib} MiB`
      : reason(error);
    throw unreadable(path, what, why, error);
  }
}

/**
 * All of a stream.
 *
 * @throws {RangeError} once it has more
 */
export async function gathered(
  stream: ReadableStream<Uint8Array>,
  largestMib: number,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    if (bytes > largestMib * 2 ** 20) throw new RangeError(`More than ${largestMib} MiB`);
    pieces.push(piece);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function unreadable(path: string, what: string, reason: string, cause: unknown): HostFileError {
  return new HostFileError(path, `Cannot read ${what} ${path}: ${reason}`, { cause });
}

function builtGuests(): readonly string[] {
  const names = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".elf")).map((name) => name.slice(0, -4)).sort();
}
