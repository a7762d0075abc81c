/** How this `lockstep` is started again, as a process of its own with fewer permissions. */

/** The folder that this `lockstep` is in, with a slash at its end. */
export const PROJECT: string = new URL("../../", import.meta.url).pathname;

/**
 * What `deno` is given.
 *
 * @param permissions What the process may do: options of `deno run`.
 * @param words The command line of `lockstep`.
 */
export function ownCommand(
  permissions: readonly string[],
  words: readonly string[],
): readonly string[] {
  return [
    ...["run", "--quiet", "--no-prompt", `--config=${PROJECT}deno.json`],
    ...permissions,
    `${PROJECT}cli.ts`,
    ...words,
  ];
}
