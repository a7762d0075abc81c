/**
 * The `lockstep` command.
 *
 * @module
 */
import { main } from "./lib/cli/main.ts";

// Standard input may still be waited for, so the process does not end by itself.
if (import.meta.main) Deno.exit(await main(Deno.args));
