/**
 * What becomes of the operations whose fate nobody knows at a promotion: the event log names each one, and
 * its retry by the guest's driver, which is why the guest survives (paper: the uncertain interrupt).
 */
import type { Operation, OperationRequest } from "../board/operation.ts";

/** Watches for the retries of uncertain operations. */
export class UncertainOperations {
  #open: readonly Operation[] = [];

  /**
   * Nothing is uncertain yet.
   *
   * @param tell Takes a line of the event log.
   */
  constructor(private readonly tell: (text: string) => void) {}

  /** At a promotion: the operations answered with an uncertain interrupt, and those performed again. */
  promoted(uncertain: readonly Operation[], again: readonly Operation[]): void {
    for (const operation of again) this.tell(`${operationText(operation)}: performed again`);
    for (const operation of uncertain) this.tell(`${operationText(operation)}: uncertain`);
    this.#open = uncertain;
  }

  /** Operations that the guest has issued since. */
  issued(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (this.#open.length === 0) return;
      const retried = this.#open.find(({ request }) => sameRequest(request, operation.request));
      if (retried === undefined) continue;
      this.#open = this.#open.filter((other) => other !== retried);
      this.tell(`${operationText(retried)}: retried as operation ${operation.number}`);
    }
  }
}

/** An operation in words: `Operation 12, disk-write of 8 sectors at sector 2048 of disk 0`. */
export function operationText({ number, request }: Operation): string {
  return `Operation ${number}, ${request.kind}${extentText(request)}`;
}

function extentText(request: OperationRequest): string {
  switch (request.kind) {
    case "disk-read":
      return ` of ${
        sectorsText(request.sectors)
      } at sector ${request.sector} of disk ${request.disk}`;
    case "disk-write":
      return ` of ${sectorsText(request.data.length / 512)} at sector ${request.sector} of disk ` +
        `${request.disk}`;
    case "disk-flush":
      return ` of disk ${request.disk}`;
    case "disk-unmap": {
      const sectors = request.ranges.reduce((sum, range) => sum + range.sectors, 0);
      return ` of ${sectorsText(sectors)} of disk ${request.disk}`;
    }
    case "entropy":
      return ` of ${request.bytes} bytes`;
    case "bill-append":
      return ` of ${request.data.length} bytes at offset ${request.offset}`;
  }
}

function sectorsText(sectors: number): string {
  return sectors === 1 ? "1 sector" : `${sectors} sectors`;
}

/** A driver that retries issues the very same request; what it writes may have been changed since. */
function sameRequest(a: OperationRequest, b: OperationRequest): boolean {
  return extentText(a) === extentText(b) && a.kind === b.kind;
}
