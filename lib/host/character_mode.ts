/**
 * A terminal in character mode: no line editing, no echo, Ctrl-C still a signal.
 *
 * Deno gives the terminal back at every exit of its own, but not when a signal kills the process, and a
 * machine that survives SIGKILL should not leave an unusable terminal behind. So a small shell stands
 * guard: its input ends when we die, however that happens, and it sets the terminal as it was.
 */

/** A terminal's mode switch, as `Deno.stdin` has it. */
export interface Terminal {
  /** Whether this is a terminal. */
  isTerminal(): boolean;
  /** Switches line editing and echo off or on; `cbreak` keeps Ctrl-C a signal. */
  setRaw(mode: boolean, options?: { cbreak: boolean }): void;
}

/** `$1` is the mode to restore. A shell in the background that sets the terminal gets SIGTTOU. */
const GUARD = `trap '' INT TERM HUP QUIT TSTP TTOU; cat >/dev/null; stty "$1" </dev/tty`;

/**
 * Puts `terminal` into character mode. The function returned gives it back.
 *
 * Needs `--allow-run=sh,stty` for the guard; without, only a killing signal leaves the mode as it is.
 */
export function enterCharacterMode(terminal: Terminal): () => void {
  const guard = startGuard();
  terminal.setRaw(true, { cbreak: true });
  let entered = true;
  return () => {
    if (!entered) return;
    entered = false;
    terminal.setRaw(false);
    guard?.dismiss();
  };
}

/** Nothing when there is no shell, or it may not be run. */
function startGuard(): { dismiss(): void } | undefined {
  try {
    const mode = new Deno.Command("stty", { args: ["-g"], stdin: "inherit", stderr: "null" })
      .outputSync();
    if (!mode.success) return undefined;
    const child = new Deno.Command("sh", {
      args: ["-c", GUARD, "sh", new TextDecoder().decode(mode.stdout).trim()],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
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
