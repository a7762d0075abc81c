/** The exit codes of `lockstep`, in one table. */

/** Largest exit code of a guest that is passed on; a larger one is reported as this. */
export const LARGEST_GUEST_CODE = 63;

/** Exit codes by name. */
export const ExitCode = {
  done: 0,
  usage: 64,
  refused: 65,
  divergence: 66,
  stalled: 67,
  leftBehind: 68,
  unavailable: 69,
  internal: 70,
  interrupted: 130,
} as const;

/** What each exit code says, for help and the README. */
export const exitCodes: readonly { readonly code: string; readonly meaning: string }[] = [
  { code: "0", meaning: "Done: the guest powered off with 0, or was stopped on purpose" },
  {
    code: `1-${LARGEST_GUEST_CODE}`,
    meaning:
      `The guest's own exit code (a larger one is told and becomes ${LARGEST_GUEST_CODE}); ` +
      "1 also: the audit found something, or diff a difference",
  },
  { code: "64", meaning: "The command line makes no sense" },
  { code: "65", meaning: "Refused input: a damaged log, a bad image, disk or file" },
  { code: "66", meaning: "Divergence: a replica is not the machine that its log describes" },
  { code: "67", meaning: "The log just stops (stalled), and nobody was promoted" },
  { code: "68", meaning: "Left behind: the machine goes on without this backup; join again" },
  {
    code: "69",
    meaning: "Unavailable: a disk is in use or belongs to another run, or nobody answers",
  },
  { code: "70", meaning: "An error inside lockstep: please report it" },
  { code: "130", meaning: "Interrupted twice, without waiting for a clean end" },
];

/** The exit code for a guest that powered off, and what to tell when it is not the guest's own. */
export function guestExit(exitCode: number): { readonly code: number; readonly note?: string } {
  if (exitCode <= LARGEST_GUEST_CODE) return { code: exitCode };
  const note =
    `The guest powered off with exit code ${exitCode}, reported as ${LARGEST_GUEST_CODE}`;
  return { code: LARGEST_GUEST_CODE, note };
}
