/** What a backup and the process that serves gdb on its behalf tell each other, a line of JSON each. */
import { TextLineStream } from "@std/streams";

/** From the server. */
export type ServerMessage =
  /** gdb can connect. */
  | { readonly kind: "listening"; readonly port: number }
  /** gdb has connected and wants a copy of its own. */
  | { readonly kind: "wanted"; readonly copy: number }
  /** Nobody needs this copy any more. */
  | { readonly kind: "left"; readonly copy: number }
  /** A line for a person. */
  | { readonly kind: "note"; readonly text: string };

/** From the backup. */
export type BackupMessage =
  /** The copy is being written there; its name is the server's to remove. */
  | { readonly kind: "copy"; readonly copy: number; readonly path: string }
  /** Nothing more will be written into a copy, and why. */
  | { readonly kind: "over"; readonly copy: number; readonly reason: string };

/** A message as a line. */
export function messageLine(message: ServerMessage | BackupMessage): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(message)}\n`);
}

/** The messages of the other side, which is ours, until it has gone. */
export async function* messagesFrom<Message extends ServerMessage | BackupMessage>(
  readable: ReadableStream<Uint8Array>,
): AsyncGenerator<Message, void, undefined> {
  const lines: ReadableStream<string> = readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const message = parsed(line);
    if (message !== undefined) yield message as Message;
  }
}

/** A line that was cut off belongs to one that was killed while it wrote. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
