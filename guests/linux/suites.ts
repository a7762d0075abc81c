/** Finds a suite that gives a verified guest: suites move, and mirrors may be in the middle of a change. */
import type { Mirror } from "./apt_sources.ts";
import { type FetchedPackage, fetchPackages, PackageTrouble } from "./packages.ts";
import { PrivateApt } from "./private_apt.ts";
import { ProgramFailure } from "./program.ts";
import type { Progress } from "./progress.ts";
import { Trouble } from "./trouble.ts";

/** Suites that have riscv64, in the order in which they are tried. */
export const SUITES = ["forky", "sid", "trixie"];

/** The packages of one suite, all verified. */
export interface FetchedSuite {
  readonly suite: string;
  readonly packages: readonly FetchedPackage[];
}

/** Fetches the guest's packages from the first of the suites that has them and verifies. */
export async function fetchSuite(
  suites: readonly string[],
  folder: string,
  mirrors: readonly Mirror[],
  progress: Progress,
): Promise<FetchedSuite> {
  const refusals: string[] = [];
  for (const suite of suites) {
    for (const mirror of mirrors) {
      progress.step(`Reading the index of ${suite} from ${mirror.uri}`);
      try {
        const hear = (line: string) => progress.detail(line);
        const apt = await PrivateApt.open(`${folder}/${suite}`, mirror, suite, hear);
        return { suite, packages: await fetchPackages(apt, progress) };
      } catch (error) {
        if (!(error instanceof ProgramFailure || error instanceof PackageTrouble)) throw error;
        progress.step(`Not from ${suite}: ${error.message}`);
        refusals.push(`${suite}: ${error.message}`);
      }
    }
  }
  throw new Trouble("mirror", `No suite gives a verified riscv64 guest (${refusals.join("; ")})`);
}
