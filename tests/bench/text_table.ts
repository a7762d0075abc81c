/** Columns of numbers on a terminal. */

/** Prints rows of cells under their headings, aligned to the right but for the first one. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, cell.length));
  }
  for (const row of rows) {
    const cells = row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]! + 2)
    );
    console.log(cells.join("").trimEnd());
  }
}
