/** A log on the command line that is read once, from a file or standard input. */
import { errorCode, errorText, HostFileError } from "../host/fault.ts";

/**
 * The bytes of the log that `name` says: a file as it stands, or `-`.
 *
 * @throws {HostFileError} when the file does not open
 */
export async function logBytes(name: string): Promise<ReadableStream<Uint8Array>> {
  if (name === "-") return Deno.stdin.readable;
  try {
    return (await Deno.open(name)).readable;
  } catch (error) {
    const reason = errorCode(error) === "ENOENT"
      ? "it does not exist: check the path"
      : errorText(error);
    throw new HostFileError(name, `Cannot open log ${name}: ${reason}`, { cause: error });
  }
}
