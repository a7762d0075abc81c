/** A log on the command line that is read once, from a file or standard input. */
import { HostFileError } from "../host/fault.ts";
import { openFailure } from "../host/positional_file.ts";

/**
 * The bytes of the log that `name` says: a file as it stands, or `-`.
 *
 * @throws {HostFileError} when the file does not open
 */
export async function logBytes(name: string): Promise<ReadableStream<Uint8Array>> {
  if (name === "-") return Deno.stdin.readable;
  try {
    if ((await Deno.stat(name)).isDirectory) throw new Deno.errors.IsADirectory();
    return (await Deno.open(name)).readable;
  } catch (error) {
    const reason = openFailure(error);
    throw new HostFileError(name, `Cannot open log ${name}: ${reason}`, { cause: error });
  }
}
