/** Signals as calls, for as long as a machine runs. */
import { ExitCode } from "./exit_codes.ts";

/** What each signal means here. */
export interface SignalMeanings {
  /** SIGINT, first time. */
  readonly interrupt: () => void;
  /** SIGTERM, first time. */
  readonly terminate: () => void;
  /** SIGUSR1. */
  readonly user?: () => void;
}

/** Listens until disposed. A second SIGINT or SIGTERM does not wait for a clean end. */
export function onSignals(meanings: SignalMeanings): Disposable {
  let asked = false;
  const first = (meaning: () => void) => () => {
    if (asked) Deno.exit(ExitCode.interrupted);
    asked = true;
    meaning();
  };
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGINT", first(meanings.interrupt)],
    ["SIGTERM", first(meanings.terminate)],
  ];
  if (meanings.user) listeners.push(["SIGUSR1", meanings.user]);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
