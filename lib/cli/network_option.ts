/** `--net`: where the machine's network device is plugged in. */
import { checkConfiguration } from "../board/configuration.ts";
import { ConfigurationError } from "../board/errors.ts";
import { parseStreamArgument } from "../replica/stream_argument.ts";
import { type Option, textOption, UsageError } from "./command.ts";

/** A network, taken apart. */
export interface NetworkArgument {
  /** Path of the socket; absent with `none`: the device hangs on nothing. */
  readonly path?: string;
  /** The device's address, when it is named. */
  readonly mac?: string;
}

/** The network of a machine that boots. */
export const networkOption: Option<NetworkArgument> = {
  ...textOption(
    "net",
    "unix:PATH[,mac=MAC]|none",
    "Give the machine a network device on a socket of lockstep switch, passt or QEMU",
  ),
  parse(text) {
    const [, name = "", mac] = /^(.*?)(?:,mac=([^,]*))?$/s.exec(text) ?? [];
    const other = /,([a-z]+)=[^/]*$/.exec(name)?.[1];
    if (other !== undefined) throw new UsageError(`--net takes no ${other}=, only mac= once`);
    const path = name === "none" ? {} : { path: socketPath(name, "net") };
    if (mac === undefined) return path;
    checkAddress(mac.toLowerCase());
    return { ...path, mac: mac.toLowerCase() };
  },
};

/** The path of an option or operand that takes `unix:PATH`. */
export function socketPath(text: string, option: string): string {
  const argument = parseStreamArgument(text);
  if (argument.kind === "unix") return argument.path;
  throw new UsageError(`--${option} takes unix:PATH, not ${JSON.stringify(text)}`);
}

/** The address of a machine to which none is given: one of its own for each run, administered locally. */
export function addressOfRun(run: string): string {
  return `02:${run.slice(0, 10).match(/../g)!.join(":")}`;
}

function checkAddress(mac: string): void {
  try {
    checkConfiguration({ ramBytes: 2 ** 21, disks: [], bills: false, network: { mac } });
  } catch (error) {
    throw error instanceof ConfigurationError ? new UsageError(error.message) : error;
  }
}
