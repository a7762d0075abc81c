/** A primary and its backup, over every kind of stream. */
import type { Part } from "./part.ts";
import { devicesOn, type Site } from "./site.ts";

/** The streams between primary and backup. */
export const STREAMS = ["shell pipe", "exec: child", "unix: socket", "tailed file"] as const;

/** One of them. */
export type Stream = typeof STREAMS[number];

/** How the two are started. */
export interface PairOptions {
  readonly stream: Stream;
  /** How the teller's disk is attached; to the SCSI controller when absent. */
  readonly bus?: "scsi" | "blk";
  /** The guest's boot arguments. */
  readonly boot: string;
  /** The guest, as options (default: the teller). */
  readonly guest?: string;
  /** Its devices, as options (default: the teller's). */
  readonly devices?: string;
  /** Of each disk operation, milliseconds; half before it is performed, half after. */
  readonly diskLatency?: number;
  /** More options for the backup. */
  readonly backup?: string;
}

/** The two processes. */
export interface Pair {
  readonly primary: Part;
  readonly backup: Part;
}

/** The socket of `unix: socket`, and the file of `tailed file`. */
export const SOCKET = "p.sock";
/** See {@linkcode SOCKET}. */
export const LOG = "run.log";

/** Starts both. With a file the backup starts when the primary counts on it, otherwise nearly at once. */
export async function startPair(
  site: Site,
  options: PairOptions,
): Promise<Pair> {
  const { stream, guest = "teller", bus = "scsi", diskLatency = 1, backup = "" } = options;
  const devices = `${options.devices ?? devicesOn(bus)} --disk-latency ${diskLatency}`;
  const machine = `as primary lockstep primary ${guest} ${devices} --append '${options.boot}'`;
  const follow = (from: string) => `as backup lockstep backup ${from} ${devices} ${backup}`;
  const pair = { primary: site.part("primary"), backup: site.part("backup") };
  switch (stream) {
    case "shell pipe":
      site.start(`${machine} -o - | ${follow("-")}`);
      break;
    case "exec: child":
      site.start(`${machine} --to "exec:${follow("-")}"`);
      break;
    case "unix: socket":
      site.start(`${machine} --listen unix:${SOCKET}`);
      await pair.primary.tells(/can join at/);
      site.start(follow(`unix:${SOCKET}`));
      break;
    case "tailed file":
      site.start(`${machine} -o ${LOG}`);
      await pair.primary.tells(/has joined/);
      // The end of a file says nothing: only silence is a stall.
      site.start(follow(`${LOG} --silence 300`));
      break;
  }
  return pair;
}

/** Starts both, and waits until the backup follows and the primary counts on it. */
export async function protectedPair(site: Site, options: PairOptions): Promise<Pair> {
  const pair = await startPair(site, options);
  await pair.backup.tells(/Following run/);
  await pair.primary.tells(/has joined: protected/);
  return pair;
}
