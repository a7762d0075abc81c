/** Options that choose records of a log. */
import {
  type FilterDevice,
  filterDevices,
  type FilterKind,
  filterKinds,
  type RecordFilter,
} from "../debug/record_filter.ts";
import type { Span } from "../debug/log_walk.ts";
import { type Arguments, type Option, stepsOption, UsageError } from "./command.ts";

const TICKS_PER_SECOND = 1e7;

const kindOption = listOption(
  "kind",
  filterKinds,
  "Only records of these kinds, with commas between",
);
const deviceOption = listOption(
  "device",
  filterDevices,
  "Only records in which one of these devices takes part; for disk, bills and entropy the log is replayed",
);
const epochsOption = spanOption("epochs", "Only these epochs: 7, or 7..9, 7.. or ..9", wholeNumber);
const stepsSpanOption = spanOption(
  "steps",
  "Only what touches these steps since power-on: 1M..2M",
  (text) => stepsOption("steps", "", 0).parse(text),
);
const timeOption = spanOption(
  "time",
  "Only what touches these seconds of guest time: 1.5..2",
  (text) => /^[0-9]+(\.[0-9]+)?$/.test(text) ? Math.round(Number(text) * TICKS_PER_SECOND) : NaN,
);

/** The options, for a command's table. */
export const filterOptions: readonly Option<unknown>[] = [
  kindOption,
  deviceOption,
  epochsOption,
  stepsSpanOption,
  timeOption,
];

/** What a command line chooses. */
export function filterOf(given: Arguments): RecordFilter {
  const kinds = given.value(kindOption);
  const devices = given.value(deviceOption);
  const epochs = given.value(epochsOption);
  const steps = given.value(stepsSpanOption);
  const ticks = given.value(timeOption);
  return {
    ...(kinds ? { kinds } : {}),
    ...(devices ? { devices } : {}),
    ...(epochs ? { epochs } : {}),
    ...(steps ? { steps } : {}),
    ...(ticks ? { ticks } : {}),
  };
}

function listOption<Word extends FilterKind | FilterDevice>(
  name: string,
  words: readonly Word[],
  help: string,
): Option<readonly Word[]> {
  return {
    name,
    placeholder: "LIST",
    help: `${help}: ${words.join(", ")}`,
    parse: (text) =>
      text.split(",").map((part) => {
        const word = words.find((candidate) => candidate === part);
        if (word !== undefined) return word;
        throw new UsageError(
          `--${name} takes ${words.join(", ")}, with commas between, not ${JSON.stringify(part)}`,
        );
      }),
  };
}

function spanOption(name: string, help: string, parse: (text: string) => number): Option<Span> {
  return {
    name,
    placeholder: "FROM..TO",
    help,
    parse(text) {
      const [first = "", last = first, ...more] = text.split("..");
      const from = first === "" ? 0 : parse(first);
      const to = last === "" ? Infinity : parse(last);
      if (text !== "" && text !== ".." && more.length === 0 && from <= to) return { from, to };
      throw new UsageError(
        `--${name} must be a value, or two with .. between, the smaller one first, ` +
          `not ${JSON.stringify(text)}`,
      );
    },
  };
}

function wholeNumber(text: string): number {
  return /^[0-9]+$/.test(text) ? Number(text) : NaN;
}
