/** The machine configuration in a header; the rows follow `lib/board/configuration.ts`. */
import {
  checkConfiguration,
  type DiskConfiguration,
  type MachineConfiguration,
  maximumBootArgumentsLength,
  maximumDiskIdLength,
  maximumDisks,
  maximumDiskSectors,
  maximumRamBytes,
  type NetworkConfiguration,
} from "../board/configuration.ts";
import { ConfigurationError } from "../board/errors.ts";
import { list, record } from "./container_type.ts";
import { type FieldType, named, optional, required } from "./field_type.ts";
import { boolean, choice, count, matching, printable } from "./scalar_type.ts";
import { pageBytes } from "./limits.ts";
import { FieldError } from "./log_error.ts";

/** A disk: id and size, never a path. */
export const diskConfiguration: FieldType<DiskConfiguration> = named(
  "disk-configuration",
  record([
    required("id", printable(1, maximumDiskIdLength)),
    required("sectors", count(1, maximumDiskSectors)),
    optional("readOnly", boolean),
    optional("bus", choice("scsi", "blk")),
  ]),
);

/** The network device: its address, never a path. */
export const networkConfiguration: FieldType<NetworkConfiguration> = named(
  "network-configuration",
  record([
    required("mac", matching("[0-9a-f]{2}(:[0-9a-f]{2}){5}")),
  ]),
);

const fields: FieldType<MachineConfiguration> = named(
  "machine-configuration",
  record([
    required("ramBytes", count(2 ** 21, maximumRamBytes, pageBytes)),
    required("disks", list(diskConfiguration, 0, maximumDisks)),
    required("bills", boolean),
    optional("network", networkConfiguration),
    optional("entropy", boolean),
    optional("bootArguments", printable(0, maximumBootArgumentsLength)),
    optional("firmware", choice("sbi")),
  ]),
);

/** What machine a log is about. The board checks what one field alone cannot show. */
export const machineConfiguration: FieldType<MachineConfiguration> = {
  ...fields,
  fromWire(wire) {
    try {
      return checkConfiguration(fields.fromWire(wire));
    } catch (error) {
      throw error instanceof ConfigurationError ? new FieldError(error.message) : error;
    }
  },
};
