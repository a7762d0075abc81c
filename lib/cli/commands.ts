/** All commands, in the order of `--help`. */
import { auditCommand } from "./audit.ts";
import { backupCommand } from "./backup.ts";
import type { Command } from "./command.ts";
import { debugCommand } from "./debug.ts";
import { debugServerCommand } from "./debug_server.ts";
import { demoCommand } from "./demo.ts";
import { indexCommand } from "./index_log.ts";
import { diffCommand } from "./diff.ts";
import { inspectCommand } from "./inspect.ts";
import { primaryCommand } from "./primary.ts";
import { recordCommand } from "./record.ts";
import { replayCommand } from "./replay.ts";
import { runCommand } from "./run.ts";
import { switchCommand } from "./switch.ts";
import { traceCommand } from "./trace.ts";

/** The commands of `lockstep`. */
export const commands: readonly Command[] = [
  runCommand,
  recordCommand,
  replayCommand,
  primaryCommand,
  backupCommand,
  indexCommand,
  inspectCommand,
  debugCommand,
  traceCommand,
  diffCommand,
  switchCommand,
  demoCommand,
  auditCommand,
];

/** Commands that only other commands of ours start, which no help tells of. */
export const innerCommands: readonly Command[] = [debugServerCommand];
