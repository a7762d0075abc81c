/** Which device is in which virtio-mmio slot, and what its operations are. */
import { disksOn, type MachineConfiguration } from "./configuration.ts";
import type { OperationRequest } from "./operation.ts";

/** Slots of the devices; those of devices that a machine lacks are empty. */
export const slots = { scsi: 0, bills: 1, net: 2, entropy: 3, firstBlockDisk: 4 } as const;

/** The slot of the device that issues such a request; undefined when the machine has no such device. */
export function slotOf(
  request: OperationRequest,
  configuration: MachineConfiguration,
): number | undefined {
  switch (request.kind) {
    case "bill-append":
      return configuration.bills ? slots.bills : undefined;
    case "entropy":
      return configuration.entropy === true ? slots.entropy : undefined;
    default: {
      const place = disksOn("blk", configuration).findIndex(({ number }) =>
        number === request.disk
      );
      return place < 0 ? slots.scsi : slots.firstBlockDisk + place;
    }
  }
}

/**
 * What becomes of an operation whose fate a promotion finds unknown (design section 5): `uncertain` is
 * told to the driver, which retries (paper rule IO2); where the protocol has no word for it, what was
 * asked is performed `again`, in the order of issue, and a repeat does no harm: sectors and bills have
 * their place, and any random bytes are right.
 */
export function fateAtPromotion(
  request: OperationRequest,
  configuration: MachineConfiguration,
): "uncertain" | "again" {
  return slotOf(request, configuration) === slots.scsi ? "uncertain" : "again";
}
