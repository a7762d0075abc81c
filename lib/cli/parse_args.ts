/**
 * `parseArgs` of `@std/cli` with its types, which the npm copy that `deno.json` maps it to comes without.
 */
import { parseArgs as untyped } from "@std/cli";

/** What is told to `parseArgs`: the part that is used here. */
export interface ParseArgsOptions {
  /** Options that take a value. */
  readonly string: readonly string[];
  /** Options that take none. */
  readonly boolean: readonly string[];
  /** Short names by long name. */
  readonly alias: Readonly<Record<string, string>>;
  /** Options whose values are gathered into a list. */
  readonly collect: readonly string[];
  /** Called for operands (with no key) and for options that are not declared; false drops those. */
  readonly unknown: (argument: string, key?: string, value?: unknown) => boolean;
}

/** Options by name, and the operands under `_`. */
export type ParsedArgs = Readonly<Record<string, unknown>> & { readonly _: readonly unknown[] };

/** Parses command-line arguments. */
export const parseArgs = untyped as (
  args: readonly string[],
  options: ParseArgsOptions,
) => ParsedArgs;
