/** Puts a machine together from a command line, and its process around it: the same for all that boot. */
import { checkConfiguration, type MachineConfiguration } from "../board/configuration.ts";
import { Machine } from "../board/machine.ts";
import { POWER_ON_TIME } from "../epoch/guest_time.ts";
import { DEFAULT_POLICY, type EpochPolicy, ramDigestStepsFor } from "../epoch/policy.ts";
import { SystemClock } from "../host/clock.ts";
import type { HostDevices } from "../host/devices.ts";
import { SECTOR_BYTES } from "../host/disk.ts";
import { hostLoop } from "../host/event_loop.ts";
import { Home } from "../replica/home.ts";
import { randomId } from "../replica/identity.ts";
import { LiveMachine } from "../replica/live.ts";
import type { LiveOptions } from "../replica/live_options.ts";
import { DEFAULT_LIMITS } from "../replica/roster.ts";
import { type BootFiles, namedBootFiles, readBootFiles } from "./boot_files.ts";
import type { Arguments } from "./command.ts";
import { type ConsoleChannel, type OpenDevices, openDevices, provideDisks } from "./devices.ts";
import { diskOption } from "./disk_argument.ts";
import {
  appendOption,
  arbiterOption,
  billsOption,
  epochStepsOption,
  newRunOption,
  ramOption,
  rngOption,
} from "./machine_options.ts";
import { addressOfRun, networkOption } from "./network_option.ts";
import type { Reporter } from "./reporter.ts";
import { refuseSharedFiles } from "./separate_files.ts";

/** A machine that stands at power-on, with everything it holds. */
export interface PoweredOn {
  /** The hypervisor and all around it, not running yet. */
  readonly live: LiveMachine;
  /** The machine that it will run. */
  readonly machine: Machine;
  /** Its devices, open. */
  readonly backs: HostDevices;
  /** Absent without disk and arbiter. */
  readonly home: Home | undefined;
  /** Run id, fresh. */
  readonly run: string;
  /** Whether console output goes to a terminal. */
  readonly shown: boolean;
}

/** What a command wants of the machine it boots. */
export interface PowerOnWishes {
  /** Where console output goes when no file is named. */
  readonly channel: ConsoleChannel;
  /** Whether backups with a disk of their own may join: its contents are digested now. */
  readonly digestDisks?: boolean;
  /** Files that the log goes to. */
  readonly logs?: readonly string[];
  /** A key snapshot goes into the logs at least every so many steps. */
  readonly snapshotEverySteps?: number | undefined;
}

/**
 * Boots the guest as the options say. Takes the lock and the record first: nothing of another run is touched.
 *
 * @throws {HostFileError | StartRefusedError | ConfigurationError | ImageError}
 */
export async function powerOn(
  given: Arguments,
  reporter: Reporter,
  wishes: PowerOnWishes,
): Promise<PoweredOn> {
  refuseSharedFiles(given, [
    ...(wishes.logs ?? []).map((path) => ({ role: "the log", path })),
    ...namedBootFiles(given),
  ]);
  const files = await readBootFiles(given);
  const disks = provideDisks(given);
  const run = randomId();
  const home = await takeHome(given, disks, run);
  let devices: OpenDevices | undefined;
  try {
    const mac = addressFor(given, run);
    devices = openDevices(given, wishes.channel, reporter, mac);
    const configuration = configurationOf(given, devices, files, mac);
    await devices.network?.connect();
    const machine = Machine.powerOn(configuration, files.load(configuration));
    const host = hostOptions(given, reporter);
    const ramDigestSteps = ramDigestStepsFor(configuration.ramBytes);
    const live = new LiveMachine({
      ...host,
      policy: { ...host.policy, ramDigestSteps },
      machine,
      epoch: 0,
      time: POWER_ON_TIME,
      identity: { run, term: 1 },
      backs: devices.backs,
      ...(home ? { membership: home.held } : {}),
      outputs: {
        consoleBase: devices.consoleBase,
        billBase: devices.billBase,
        ...(wishes.digestDisks
          ? { diskDigests: await Promise.all(devices.disks.map((disk) => disk.digest())) }
          : {}),
      },
      ...(wishes.snapshotEverySteps === undefined
        ? {}
        : { snapshotEverySteps: wishes.snapshotEverySteps }),
    });
    return { live, machine, backs: devices.backs, home, run, shown: devices.shown };
  } catch (error) {
    await devices?.backs.close();
    await home?.leave();
    throw error;
  }
}

/** What every live machine of this process has: booted or promoted. */
export function hostOptions(
  given: Arguments,
  reporter: Reporter,
): Pick<LiveOptions, "clock" | "loop" | "policy" | "limits" | "note" | "snapshotThread"> {
  const epochSteps = given.value(epochStepsOption);
  const policy: EpochPolicy = epochSteps === undefined
    ? DEFAULT_POLICY
    : { ...DEFAULT_POLICY, epochSteps };
  return {
    clock: new SystemClock(),
    loop: hostLoop,
    policy,
    limits: DEFAULT_LIMITS,
    note: reporter.note,
    snapshotThread: true,
  };
}

async function takeHome(
  given: Arguments,
  disks: readonly string[],
  run: string,
): Promise<Home | undefined> {
  const arbiter = given.value(arbiterOption);
  const paths = disks.length > 0 ? disks : arbiter === undefined ? [] : [arbiter];
  if (paths.length === 0) return undefined;
  return await Home.take(paths, run, given.value(newRunOption) === true);
}

function addressFor(given: Arguments, run: string): string | undefined {
  const network = given.value(networkOption);
  return network && (network.mac ?? addressOfRun(run));
}

function configurationOf(
  given: Arguments,
  { disks }: OpenDevices,
  { ramMib, firmware }: BootFiles,
  mac: string | undefined,
): MachineConfiguration {
  const bootArguments = given.value(appendOption);
  return checkConfiguration({
    ramBytes: (given.value(ramOption) ?? ramMib) * 2 ** 20,
    disks: disks.map(({ bytes }, index) => {
      const { bus } = given.values(diskOption)[index]!;
      const disk = { id: `disk${index}`, sectors: bytes / SECTOR_BYTES };
      return bus === undefined ? disk : { ...disk, bus };
    }),
    bills: given.value(billsOption) !== undefined,
    ...(given.value(rngOption) === true ? { entropy: true } : {}),
    ...(mac === undefined ? {} : { network: { mac } }),
    ...(bootArguments === undefined ? {} : { bootArguments }),
    ...(firmware === undefined ? {} : { firmware }),
  });
}
