/** The figures of a log for people. */
import type { LogFigures, PhaseStatistics } from "../log/log_statistics.ts";

/** One line: how large the epochs are. */
export function logSizeText({ bytesPerThousandInstructions, busy, idle }: LogFigures): string {
  const perThousand = bytesPerThousandInstructions === undefined
    ? "no instructions"
    : `${rounded(bytesPerThousandInstructions)} bytes per 1,000 instructions`;
  return `Log of ${bytesText(busy.bytes + idle.bytes)} without snapshots: ${perThousand}, ` +
    `${rateText(busy)} busy, ${rateText(idle)} idle`;
}

/** All of them, a line each. */
export function logFiguresText(figures: LogFigures): string {
  const { kinds, busy, idle, steps, epochsByDigits } = figures;
  const lines = [row("kind", "records", "bytes")];
  for (const [name, { records, bytes }] of Object.entries(kinds)) {
    lines.push(row(name, `${records}`, `${bytes}`));
  }
  lines.push("", row("epochs of", "epochs", "bytes"));
  epochsByDigits.forEach((epochs, index) => {
    if (epochs > 0) {
      lines.push(row(`${10 ** index} to ${10 ** (index + 1) - 1} steps`, `${epochs}`, ""));
    }
  });
  for (const [name, { epochs, bytes, seconds }] of [["busy", busy], ["idle", idle]] as const) {
    lines.push(row(`${name} for ${seconds.toFixed(3)} s`, `${epochs}`, `${bytes}`));
  }
  lines.push("", `${steps} instructions`, logSizeText(figures));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(26) + cells.map((cell) => cell.padStart(12)).join("");
}

function rateText({ bitsPerSecond }: PhaseStatistics): string {
  if (bitsPerSecond === undefined) return "no time";
  if (bitsPerSecond < 1000) return `${rounded(bitsPerSecond)} bit/s`;
  if (bitsPerSecond < 1e6) return `${rounded(bitsPerSecond / 1e3)} kbit/s`;
  return `${rounded(bitsPerSecond / 1e6)} Mbit/s`;
}

function rounded(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** A number of bytes for a person. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
