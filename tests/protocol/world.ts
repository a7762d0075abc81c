/**
 * The states of the protocol model: three machines, one disk with its lock and membership record, and a
 * foreign `run`. Epochs are abstract: every record issues one operation.
 *
 * A history is a string of two characters a record: who wrote it (a letter for each primary that ever
 * was) and how many operations that primary had completed by then. Operation n of a history is its nth
 * record, so two histories share an operation exactly when they share the prefix up to it.
 */
import type { MembershipRecord, RecordKnowledge } from "../../lib/replica/rules.ts";

/** The three places where a machine can run; 3 is the foreign run. */
export type Slot = 0 | 1 | 2;
export const slots: readonly Slot[] = [0, 1, 2];
export const foreignHolder = 3;

/** Nothing runs here; a repaired machine may attach. */
export interface Off {
  readonly role: "off";
}

/** An active machine: it performs operations. */
export interface Primary {
  readonly role: "primary";
  /** The letter of its own records. */
  readonly author: string;
  readonly term: number;
  readonly log: string;
  /** Operations of its log performed and completed, as far as it knows. */
  readonly done: number;
  readonly knowledge: RecordKnowledge;
  /** Records acknowledged by each member or candidate; a candidate appears when it has joined. */
  readonly acknowledged: Readonly<Record<string, number>>;
}

/** A backup process. */
export interface Follower {
  readonly role: "follower";
  readonly member: string;
  /** Author letter of the primary it is attached to. */
  readonly source: string;
  readonly term: number;
  /** The cable is whole and the primary keeps it open. */
  readonly open: boolean;
  /** The header and the whole snapshot have arrived and are verified. */
  readonly snapshot: boolean;
  /** What has arrived: two-way, in memory; one-way, taken by the kernel. */
  readonly log: string;
  /** Records read and executed so far; the rest is lag. */
  readonly executed: number;
  readonly foundLockBusy: boolean;
  /** Started again on its log file after a restart of the host. */
  readonly rereads: boolean;
  /** `preparing`, `writing` and `leaving` hold the lock. */
  readonly stage: "following" | "preparing" | "writing" | "leaving";
}

/** Killed with the lock in hand: its streams have ended, the lock is not free yet. */
export interface Dying {
  readonly role: "dying";
  /** What a write under way may have left on the disk. */
  readonly unsure: readonly MembershipRecord[];
}

export type Machine = Off | Primary | Follower | Dying;

/** A `run` of somebody else on the same disk. */
export interface Foreign {
  readonly stage: "idle" | "refused" | "writing" | "running" | "dying" | "gone";
  /** Started with `--new-run`. */
  readonly newRun: boolean;
  /** It started although a live machine was entitled to be promoted, and was not told to. */
  readonly robs: boolean;
}

/** How often each kind of event may still happen. */
export interface Bounds {
  /** Records written, over all primaries. */
  readonly records: number;
  /** Processes killed. */
  readonly kills: number;
  /** Cables cut. */
  readonly cuts: number;
  /** Machines that attach. */
  readonly joins: number;
  /** Membership writes that fail with an unsure outcome. */
  readonly failedWrites: number;
  /** Foreign runs. */
  readonly foreignRuns: number;
  /** Clean ends. */
  readonly cleanEnds: number;
  /** Hand-overs. */
  readonly handOvers: number;
  /** Restarts of the host, after which log files lack their last records. */
  readonly restarts: number;
}

/** One state of the model. */
export interface World {
  readonly record: MembershipRecord;
  /** A slot, `foreignHolder`, or -1 for free. */
  readonly lock: number;
  readonly machines: readonly [Machine, Machine, Machine];
  readonly foreign: Foreign;
  readonly left: Bounds;
  /** Acknowledgements take a move of their own; otherwise the primary hears them at once. */
  readonly slowAcknowledgements: boolean;
  /** Author letters given out. */
  readonly authors: number;
  /** What the environment has seen: the history up to the last operation performed by anybody. */
  readonly performed: string;
  readonly foreignPerformed: boolean;
  /** A primary has ended cleanly. */
  readonly finished: boolean;
  /** The invariant that the last move broke. */
  readonly broken?: string;
}

/** Records in a history. */
export function recordsOf(history: string): number {
  return history.length / 2;
}

/** The history up to and including its nth record. */
export function upTo(history: string, records: number): string {
  return history.slice(0, 2 * records);
}

/** Operations that a history knows to be completed. */
export function completedIn(history: string): number {
  return history === "" ? 0 : Number(history.at(-1));
}

/** A world with one machine replaced. */
export function withMachine(world: World, slot: Slot, machine: Machine): World {
  const machines: [Machine, Machine, Machine] = [...world.machines];
  machines[slot] = machine;
  return { ...world, machines };
}

/** A world with one event of a kind spent. */
export function spent(world: World, kind: keyof Bounds): World {
  return { ...world, left: { ...world.left, [kind]: world.left[kind] - 1 } };
}

/** Where the live primary of an author letter runs. */
export function primarySlot(world: World, author: string): Slot | undefined {
  return slots.find((slot) => {
    const machine = world.machines[slot];
    return machine.role === "primary" && machine.author === author;
  });
}

/** Where the follower of a member id runs. */
export function followerSlot(world: World, member: string): Slot | undefined {
  return slots.find((slot) => {
    const machine = world.machines[slot];
    return machine.role === "follower" && machine.member === member;
  });
}

/** A member id that nothing refers to any more: as good as a random one. */
export function freshMember(world: World): string {
  const used = new Set<string>();
  const name = (record: MembershipRecord) => record.members.forEach(({ id }) => used.add(id));
  name(world.record);
  for (const machine of world.machines) {
    if (machine.role === "follower") used.add(machine.member);
    if (machine.role === "dying") machine.unsure.forEach(name);
    if (machine.role === "primary") {
      Object.keys(machine.acknowledged).forEach((id) => used.add(id));
      [machine.knowledge.durable, ...machine.knowledge.unsure].forEach(name);
    }
  }
  return ["b", "c", "d", "e", "f", "g", "h", "i", "j"].find((id) => !used.has(id))!;
}
