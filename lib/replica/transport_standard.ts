/** Standard output and standard input as one-way streams: `lockstep primary … -o - | lockstep backup -`. */
import fs from "node:fs";
import { identityOfDescriptor } from "../host/positional_file.ts";
import {
  type ByteStream,
  nextBytes,
  readableFrom,
  TransportError,
  writableTo,
} from "./transport.ts";
import { followed } from "./transport_file.ts";

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;
const INPUT_NAME = "standard input";
const OUTPUT_NAME = "standard output";

/** Standard output as the destination of a log. */
export function openStandardOutput(): ByteStream {
  const output = outputSide();
  return {
    name: OUTPUT_NAME,
    kind: "standard",
    direction: "out",
    writable: output.writable,
    identity: identityOfDescriptor(STANDARD_OUTPUT),
    endAtPresentEnd() {},
    close() {
      output.close();
      return Promise.resolve();
    },
  };
}

/**
 * Standard input as the source of a log: a pipe is read to its end, a file is followed like any log file.
 * When the header asks for acknowledgements (the primary's side is `exec:`), they go to standard output.
 */
export function openStandardInput(): ByteStream {
  const output = outputSide();
  const input = fs.fstatSync(STANDARD_INPUT).isFile() ? fileInput() : pipeInput();
  return {
    ...input,
    writable: output.writable,
    async close() {
      output.close();
      await input.close();
    },
  };
}

function fileInput(): ByteStream {
  return followed(INPUT_NAME, "standard", {
    identity: () => identityOfDescriptor(STANDARD_INPUT),
    size: () => fs.fstatSync(STANDARD_INPUT).size,
    read: async (into) => await Deno.stdin.read(into) ?? 0,
    close() {},
  });
}

function pipeInput(): ByteStream {
  const closing = Promise.withResolvers<null>();
  return {
    name: INPUT_NAME,
    kind: "standard",
    direction: "in",
    // A read of a pipe cannot be called off; whoever closes stops waiting for it.
    readable: readableFrom(
      INPUT_NAME,
      () => Promise.race([nextBytes(Deno.stdin), closing.promise]),
    ),
    identity: identityOfDescriptor(STANDARD_INPUT),
    endAtPresentEnd() {},
    close() {
      closing.resolve(null);
      return Promise.resolve();
    },
  };
}

/**
 * Closing lets go of standard output but leaves the descriptor open: the next file to be opened would
 * otherwise become standard output.
 */
function outputSide(): { readonly writable: WritableStream<Uint8Array>; close(): void } {
  let closed = false;
  const destination = {
    write(data: Uint8Array): Promise<number> {
      if (closed) throw new TransportError("Cannot write to", OUTPUT_NAME, "it is closed");
      return Deno.stdout.write(data);
    },
  };
  return {
    writable: writableTo(OUTPUT_NAME, destination, () => {}),
    close: () => closed = true,
  };
}
