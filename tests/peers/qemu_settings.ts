/** What the campaigns against QEMU take from the environment, and whether they can run. */
import { assert } from "@std/assert";
import { peerInstalled } from "./qemu_peer.ts";

const installed = peerInstalled();
const required = Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1";

/** A test that needs QEMU is ignored without it, unless peers are required. */
export const ignoredWithoutQemu: boolean = !installed && !required;
/** The reason, for the end of such a test's name. */
export const missingQemu: string = installed || required
  ? ""
  : " (ignored: qemu-system-riscv64 is not installed)";

/** A whole number from the environment. */
export function setting(name: string, otherwise: number): number {
  const text = Deno.env.get(name);
  if (text === undefined) return otherwise;
  const value = Number(text);
  assert(Number.isSafeInteger(value) && value >= 0, `${name}="${text}" is not a whole number`);
  return value;
}
