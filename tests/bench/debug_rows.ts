/** What a debugger's waits are measured with, and how they are printed. */

import process from "node:process";

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/** Prints a figure; answers nothing. */
export function row(what: string, value: string): void {
  console.log(what.padEnd(62) + value.padStart(14));
}

/** Milliseconds, for {@linkcode row}. */
export function inMilliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}

/** Seconds, of milliseconds, for {@linkcode row}. */
export function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** How long something takes, milliseconds. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

/** How much of the processors something takes, milliseconds: on a host with other work that says more. */
export async function timedProcessor(action: () => Promise<unknown>): Promise<number> {
  const { user, system } = process.cpuUsage();
  await action();
  const now = process.cpuUsage();
  return (now.user + now.system - user - system) / 1000;
}

/** So many points from 0 to 1, spread evenly, in no order. */
export function spreadPoints(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (index + 1) * GOLDEN_RATIO % 1);
}
