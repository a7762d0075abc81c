/** Who is who: run ids and member ids. */

/** The run that a machine belongs to, and its term. */
export interface RunIdentity {
  /** 32 hex digits. */
  readonly run: string;
  /** 1 for the machine that booted; each promotion adds one. */
  readonly term: number;
}

/** A fresh random id: 16 bytes as 32 hex digits. Never reused. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
