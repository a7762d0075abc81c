/** Opens the stream that a STREAM argument names, from either end. */
import type { StreamArgument } from "./stream_argument.ts";
import type { ByteStream } from "./transport.ts";
import { openExec } from "./transport_exec.ts";
import { openFileReader, openFileWriter } from "./transport_file.ts";
import { openStandardInput, openStandardOutput } from "./transport_standard.ts";
import { connectUnix } from "./transport_unix.ts";

/**
 * Opens the primary's end, to send a log.
 *
 * @throws {TransportError} or {HostFileError} when it does not open
 */
export async function openLogWriter(stream: StreamArgument): Promise<ByteStream> {
  switch (stream.kind) {
    case "file":
      return openFileWriter(stream.path);
    case "standard":
      return openStandardOutput();
    case "exec":
      return openExec(stream.command);
    case "unix":
      return await connectUnix(stream.path);
  }
}

/**
 * Opens the backup's end, to follow a log.
 *
 * @throws {TransportError} or {HostFileError} when it does not open
 */
export async function openLogReader(stream: StreamArgument): Promise<ByteStream> {
  switch (stream.kind) {
    case "file":
      return openFileReader(stream.path);
    case "standard":
      return openStandardInput();
    case "exec":
      return openExec(stream.command);
    case "unix":
      return await connectUnix(stream.path);
  }
}
