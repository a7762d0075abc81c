/** Waiting for what other processes do. */
import { pause } from "../../lib/host/pause.ts";

/** A wait that takes longer than this has failed, milliseconds. Nothing here takes a quarter of it. */
const PATIENCE_MILLISECONDS = 120_000;

const LOOK_MILLISECONDS = 2;

/**
 * Waits until `condition` holds.
 *
 * @param what What is waited for, for the error message.
 */
export async function until<Value>(
  condition: () => Value | Promise<Value>,
  what: () => string,
): Promise<NonNullable<Value>> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what()}`);
    await pause(LOOK_MILLISECONDS);
  }
}
