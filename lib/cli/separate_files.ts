/** Files that a command line names in several roles: one that is written in two of them would be destroyed. */
import { errorCode, HostFileError } from "../host/fault.ts";
import type { Arguments } from "./command.ts";
import { diskOption } from "./disk_argument.ts";
import { billsOption, consoleOption } from "./machine_options.ts";

/** A file, and what it is for. */
export interface NamedFile {
  /** As in "as the console". */
  readonly role: string;
  /** As it was given. */
  readonly path: string;
}

/** What a machine's devices write, and what else `more` names. */
export function refuseSharedFiles(given: Arguments, more: readonly NamedFile[]): void {
  const named = (role: string, path: string | undefined): readonly NamedFile[] =>
    path === undefined ? [] : [{ role, path }];
  refuseShared([
    ...given.values(diskOption).map(({ path }) => ({ role: "a disk", path })),
    ...named("the bill file", given.value(billsOption)),
    ...named("the console", given.value(consoleOption)),
    ...more,
  ]);
}

/**
 * Refuses two roles for one file.
 *
 * @throws {HostFileError} naming both
 */
export function refuseShared(files: readonly NamedFile[]): void {
  const roles = new Map<string, string>();
  for (const { role, path } of files) {
    const real = realPath(path);
    const other = roles.get(real);
    if (other !== undefined && other !== role) {
      throw new HostFileError(path, `Cannot use ${path} as ${role}: it is ${other} already`);
    }
    roles.set(real, role);
  }
}

/** The same for all names of a file, also of one that is still to be made. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    // Whoever opens it says what is wrong with it.
    if (errorCode(error) !== "ENOENT") return path;
  }
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : path.slice(0, slash + 1);
  try {
    return `${Deno.realPathSync(folder)}/${path.slice(slash + 1)}`;
  } catch {
    return path;
  }
}
