/** What can go wrong with fetching, and the exit code of each. */

/** Exit codes of `deno task linux`. */
export const exitCodes = {
  /** The command line makes no sense. */
  usage: 64,
  /** The mirror cannot serve a verified guest at this moment. */
  mirror: 69,
  /** This host cannot fetch it: not Debian, a program is missing, or no room for it. */
  host: 78,
  /** What was fetched is not what we know how to assemble. */
  assembly: 70,
} as const;

/** Fetching failed, for a reason that is told in one line. */
export class Trouble extends Error {
  override name = "Trouble";

  constructor(readonly kind: keyof typeof exitCodes, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
