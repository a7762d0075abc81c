/** `lockstep` as a command line, with the permissions that `deno task install` gives. */
const PROJECT = new URL("../../", import.meta.url).pathname;

/** A program and its arguments. */
export type CommandLine = readonly [program: string, ...words: string[]];

/** Runs `lockstep` with these words. */
export function lockstepCommand(...words: readonly string[]): CommandLine {
  return [
    ...[Deno.execPath(), "run", "--quiet", "--no-check", "--no-prompt"] as const,
    ...[`--config=${PROJECT}deno.json`, "--allow-read", "--allow-write"],
    ...[`--allow-run=sh,${Deno.execPath()}`, "--allow-env=LOCKSTEP_TRACE", `${PROJECT}cli.ts`],
    ...words,
  ];
}

/** The same as one line of a shell, of words that need no quotes. */
export function lockstepLine(...words: readonly string[]): string {
  return lockstepCommand(...words).join(" ");
}
