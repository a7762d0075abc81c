/** The version, as `deno.json` has it. */
import configuration from "../../deno.json" with { type: "json" };

/** The version of Lockstep. */
export function version(): string {
  return configuration.version;
}
