/** The keys of a raw terminal that are not the guest's: those behind Ctrl-A, as QEMU has them. */

const CONTROL_A = 0x01;

/** What the keys behind Ctrl-A do. */
export interface EscapeActions {
  /** Ctrl-A X. */
  quit(): void;
  /** Ctrl-A H, or Ctrl-A and a question mark. */
  help(): void;
}

/** What Ctrl-A H tells. */
export const ESCAPE_HELP =
  "Ctrl-A X quits, Ctrl-A Ctrl-A or Ctrl-A A types a Ctrl-A, Ctrl-A H tells this";

/** Takes the keys that are ours out of what is typed. */
export class EscapeKeys {
  #escaped = false;

  /** Calls an action when its key comes. */
  constructor(private readonly actions: EscapeActions) {}

  /** What the guest gets of `typed`. A key that means nothing behind Ctrl-A is dropped. */
  filter(typed: Uint8Array): Uint8Array {
    const passed = new Uint8Array(typed.length);
    let length = 0;
    for (const byte of typed) {
      if (!this.#escaped && byte === CONTROL_A) this.#escaped = true;
      else if (!this.#escaped) passed[length++] = byte;
      else if (this.#afterEscape(byte)) passed[length++] = CONTROL_A;
    }
    return passed.subarray(0, length);
  }

  /** Whether it stands for a Ctrl-A. */
  #afterEscape(byte: number): boolean {
    this.#escaped = false;
    if (byte === CONTROL_A) return true;
    switch (String.fromCharCode(byte).toLowerCase()) {
      case "a":
        return true;
      case "x":
        this.actions.quit();
        return false;
      case "h":
      case "?":
        this.actions.help();
        return false;
      default:
        return false;
    }
  }
}
