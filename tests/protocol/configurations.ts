/** The bounds within which the protocol is exhausted. */
import type { Start } from "./model.ts";
import type { Bounds } from "./world.ts";

/** One exploration. */
export interface Configuration {
  readonly name: string;
  readonly start: Start;
  readonly bounds: Partial<Bounds>;
  readonly slowAcknowledgements: boolean;
}

/** Explored by every test run: seconds altogether. */
export const configurations: readonly Configuration[] = [
  {
    name: "two backups, a cable cut, two kills, an unsure write, a foreign run",
    start: "protected",
    bounds: { records: 2, kills: 2, cuts: 1, failedWrites: 1, foreignRuns: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "both cables cut, and a second failover onto a machine that has joined again",
    start: "protected",
    bounds: { records: 2, kills: 2, cuts: 2, joins: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "two backups join, an unsure write, a cable cut, a kill",
    start: "alone",
    bounds: { records: 2, kills: 1, cuts: 1, joins: 2, failedWrites: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "acknowledgements in flight, both cables cut, two kills, an unsure write",
    start: "protected",
    bounds: { records: 2, kills: 2, cuts: 2, failedWrites: 1 },
    slowAcknowledgements: true,
  },
  {
    name: "clean ends, hand-overs, and a restart of the host with a foreign run",
    start: "protected",
    bounds: { records: 2, kills: 1, foreignRuns: 1, cleanEnds: 1, handOvers: 1, restarts: 1 },
    slowAcknowledgements: false,
  },
];

/** Explored by `deno task model`: minutes. */
export const largerConfigurations: readonly Configuration[] = [
  {
    name: "two backups, everything that can go wrong once, and two kills",
    start: "protected",
    bounds: { records: 2, kills: 2, cuts: 1, joins: 1, failedWrites: 1, foreignRuns: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "three records, a second failover, a cable cut, an unsure write",
    start: "protected",
    bounds: { records: 3, kills: 2, cuts: 1, joins: 1, failedWrites: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "two machines join again, two failovers, a cable cut",
    start: "protected",
    bounds: { records: 2, kills: 2, cuts: 1, joins: 2 },
    slowAcknowledgements: false,
  },
  {
    name: "three kills, both cables cut",
    start: "protected",
    bounds: { records: 3, kills: 3, cuts: 2, joins: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "everybody joins, two kills, an unsure write, a cable cut",
    start: "alone",
    bounds: { records: 2, kills: 2, cuts: 1, joins: 3, failedWrites: 1 },
    slowAcknowledgements: false,
  },
  {
    name: "acknowledgements in flight, two kills, an unsure write",
    start: "protected",
    bounds: { records: 2, kills: 2, cuts: 1, joins: 1, failedWrites: 1 },
    slowAcknowledgements: true,
  },
];
