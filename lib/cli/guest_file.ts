/** GUEST on the command line: a file, or the name of a guest that is built in `fixtures/`. */
import { errorCode, errorText, HostFileError } from "../host/fault.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);

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
      if (errorCode(error) !== "ENOENT") throw unreadable(guest, error);
    }
  }
  try {
    return await Deno.readFile(guest);
  } catch (error) {
    throw unreadable(guest, error);
  }
}

function unreadable(guest: string, error: unknown): HostFileError {
  const reason = errorCode(error) === "ENOENT"
    ? `there is no such file, and no built guest of that name (there are ${
      builtGuests().join(", ")
    })`
    : errorCode(error) === "EISDIR"
    ? "it is a directory: name a file"
    : errorText(error);
  return new HostFileError(guest, `Cannot read guest ${guest}: ${reason}`, { cause: error });
}

function builtGuests(): readonly string[] {
  const names = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".elf")).map((name) => name.slice(0, -4)).sort();
}
