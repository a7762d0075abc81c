/** What SCSI commands have to do with a logical unit, and what comes of them. */
import type { NumberedDisk } from "./configuration.ts";
import type { OperationRequest } from "./operation.ts";
import type { Sense } from "./scsi_sense.ts";

/** The data phase of a command, as its CDB describes it. */
export interface Transfer {
  /** Which way the data goes. */
  readonly direction: "none" | "to-driver" | "from-driver";
  /** How much of it. */
  readonly bytes: number;
}

/** What a command comes to. */
export type Outcome =
  | { readonly kind: "good"; readonly data?: Uint8Array }
  | { readonly kind: "check"; readonly sense: Sense }
  | {
    readonly kind: "operation";
    readonly request: OperationRequest;
    /** A flush has to follow. */
    readonly forceUnitAccess: boolean;
  };

/** A logical unit, as its commands see it. */
export interface LogicalUnit {
  /** What the disk is, and by which number operations name it. */
  readonly disk: NumberedDisk;
  /** The sense of a pending unit attention, which is no longer pending then. */
  takeUnitAttention(): Sense | undefined;
}
