/** Options that take a port which nobody but this host can reach. */
import { type LoopbackAddress, parseLoopback } from "../host/loopback.ts";
import { type Option, UsageError } from "./command.ts";

/** An option that takes an address of the loopback interface, with a port. */
export function loopbackOption(name: string, help: string): Option<LoopbackAddress> {
  return {
    name,
    placeholder: "127.0.0.1:PORT",
    help,
    parse(text) {
      const address = parseLoopback(text);
      if (address) return address;
      throw new UsageError(
        `--${name} must be a port of this host alone, such as 127.0.0.1:1234, not ${
          JSON.stringify(text)
        }: use ssh -L from elsewhere`,
      );
    },
  };
}
