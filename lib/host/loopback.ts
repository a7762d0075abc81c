/** TCP on this host's own addresses: nobody else can reach it. */
import { errorCode, errorText } from "./fault.ts";

/** Where to listen. */
export interface LoopbackAddress {
  /** An address of the loopback interface. */
  readonly hostname: string;
  /** A port; 0 lets the system choose one. */
  readonly port: number;
}

/** A port cannot be listened at. */
export class LoopbackError extends Error {
  /** Tells this error from others. */
  override readonly name = "LoopbackError";
}

/** The address that `host:port` says; undefined when it is none, or not one of this host's own. */
export function parseLoopback(text: string): LoopbackAddress | undefined {
  const [, hostname, digits] = /^(127(?:\.[0-9]{1,3}){3}|\[::1\]|localhost):([0-9]{1,5})$/
    .exec(text) ?? [];
  if (hostname === undefined) return undefined;
  const port = Number(digits);
  return port > 0xffff ? undefined : { hostname: hostname.replace(/[[\]]/g, ""), port };
}

/** The address without its port, as programs take it. */
export function hostText({ hostname }: LoopbackAddress): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** Address and port as programs take them. */
export function loopbackText(address: LoopbackAddress): string {
  return `${hostText(address)}:${address.port}`;
}

/**
 * Listens there.
 *
 * @throws {LoopbackError} when the port is taken, or may not be used
 */
export function listenLoopback(address: LoopbackAddress): Deno.TcpListener {
  try {
    return Deno.listen({ ...address });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const reason = errorCode(error) === "EADDRINUSE"
      ? "another process listens there; choose another port"
      : errorText(error);
    throw new LoopbackError(`Cannot listen at ${loopbackText(address)}: ${reason}`, {
      cause: error,
    });
  }
}

/** Who connects, one after the other, until the listener is closed. */
export async function* connectionsOf(
  listener: Deno.TcpListener,
): AsyncGenerator<Deno.TcpConn, void, undefined> {
  for (;;) {
    let connection: Deno.TcpConn;
    try {
      connection = await listener.accept();
    } catch (error) {
      // Closed, also while somebody was waited for.
      if (error instanceof Deno.errors.BadResource) return;
      if (error instanceof Deno.errors.Interrupted) return;
      if (hasLeft(error)) continue;
      throw error;
    }
    yield connection;
  }
}

/** Whether somebody had connected, and was gone before we looked. */
function hasLeft(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted;
}
