/**
 * A terminal without line editing and echo, every key at once: `character` leaves Ctrl-C a signal, `raw`
 * leaves no key out. Output is processed as before, so a line feed still starts a line.
 *
 * Deno gives the terminal back at every exit of its own, but not when a signal kills the process, and a
 * machine that survives SIGKILL should not leave an unusable terminal behind. So a small shell stands
 * guard: its input ends when we die, however that happens, and it sets the terminal as it was.
 */
import { errorCode } from "./fault.ts";
import { pause } from "./pause.ts";

/** A terminal's mode switch, as `Deno.stdin` has it. */
export interface Terminal {
  /** Whether this is a terminal. */
  isTerminal(): boolean;
  /** Switches line editing and echo off or on; `cbreak` keeps Ctrl-C a signal. */
  setRaw(mode: boolean, options?: { cbreak: boolean }): void;
}

/** Which keys come as characters. */
export type KeyMode = "character" | "raw";

/** A terminal that is in a mode of ours. */
export interface TerminalHold {
  /** Sets the mode once more: a shell that had the terminal meanwhile has its own. */
  renew(): void;
  /** Gives the terminal back. A second call does nothing. */
  release(): void;
}

/** The name that guards run under; see {@linkcode guardsGone}. */
const GUARD_NAME = "lockstep-terminal-guard";

/** `$1` is the mode to restore. A shell in the background that sets the terminal gets SIGTTOU. */
const GUARD = `trap '' INT TERM HUP QUIT TSTP TTOU; cat >/dev/null; stty "$1" </dev/tty`;

/**
 * Tells the foreground group of our terminal from our own (proc(5), stat: pgrp, tpgid). The name may hold
 * blanks and parentheses, so what counts stands behind the last of them.
 */
const FOREGROUND = `read -r line </proc/$$/stat || exit 0; set -- \${line##*) }; [ "$3" = "$6" ]`;

/** Waits for a moment in which no guard of our process group is left; the brackets keep grep from itself. */
const GUARDS_GONE = `
read -r line </proc/$$/stat || exit 0
set -- \${line##*) }
own=$3
for guard in $(grep -l -a -s '[l]${GUARD_NAME.slice(1)}' /proc/[0-9]*/cmdline); do
  read -r line 2>/dev/null <"\${guard%/cmdline}/stat" || continue
  set -- \${line##*) }
  [ "$3" = "$own" ] && [ "$1" != Z ] && exit 1
done
exit 0`;

/** A guard acts within milliseconds. One that stays belongs to a process that lives. */
const GUARD_LOOKS = 100;
const GUARD_LOOK_MILLISECONDS = 20;

/**
 * Puts `terminal` into a mode.
 *
 * Needs `--allow-run=sh` for the guard; without, only a killing signal leaves the mode as it is.
 */
export function holdTerminal(terminal: Terminal, mode: KeyMode): TerminalHold {
  const guard = startGuard();
  const enter = () => {
    if (mode === "raw") terminal.setRaw(true);
    else terminal.setRaw(true, { cbreak: true });
  };
  enter();
  let held = true;
  return {
    renew() {
      if (held && inForeground()) enter();
    },
    release() {
      if (!held) return;
      held = false;
      terminal.setRaw(false);
      guard?.dismiss();
    },
  };
}

/**
 * Whether this process may use its terminal now. One in the background that read from it or set its mode
 * would be stopped by SIGTTIN or SIGTTOU.
 */
export function inForeground(): boolean {
  try {
    return new Deno.Command("sh", { args: ["-c", FOREGROUND], ...QUIET }).outputSync().success;
  } catch {
    // Without a shell nothing tells; then we are where nearly everybody is.
    return true;
  }
}

/**
 * Waits until the guards of processes that were killed beside us have given the terminal back: what we
 * set before that, they would undo.
 */
export async function guardsGone(): Promise<void> {
  for (let look = 0; look < GUARD_LOOKS; look++) {
    try {
      const { success } = await new Deno.Command("sh", { args: ["-c", GUARDS_GONE], ...QUIET })
        .output();
      if (success) return;
    } catch {
      return;
    }
    await pause(GUARD_LOOK_MILLISECONDS);
  }
}

/** The terminal that controls this process, whatever its standard input is; undefined without one. */
export function openControllingTerminal(): Deno.FsFile | undefined {
  try {
    return Deno.openSync("/dev/tty", { read: true });
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof Deno.errors.NotCapable)) throw error;
    return undefined;
  }
}

const QUIET = { stdin: "null", stdout: "null", stderr: "null" } as const;

/** Nothing when there is no shell, or it may not be run. */
function startGuard(): { dismiss(): void } | undefined {
  try {
    const mode = new Deno.Command("sh", {
      args: ["-c", "exec stty -g </dev/tty"],
      ...QUIET,
      stdout: "piped",
    }).outputSync();
    if (!mode.success) return undefined;
    const child = new Deno.Command("sh", {
      args: ["-c", GUARD, GUARD_NAME, new TextDecoder().decode(mode.stdout).trim()],
      ...QUIET,
      stdin: "piped",
    }).spawn();
    child.unref();
    return {
      dismiss() {
        child.kill("SIGKILL");
        child.stdin.close().catch(() => {});
      },
    };
  } catch {
    return undefined;
  }
}
