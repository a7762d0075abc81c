/** What the auditor must say. */
import { assertEquals } from "@std/assert";
import type { Site } from "./site.ts";

/** The session is over, and nothing was made, lost, doubled or paid twice. */
export function assertFinishedSoundly(site: Site, disk = "d.img"): void {
  const { findings, finished } = site.audit({ disk });
  assertEquals({ findings, finished }, { findings: [], finished: true }, site.story());
}

/** A bank that a session was killed in can be opened again, by whoever gives up its backup for good. */
export async function assertBankGoesOn(site: Site): Promise<void> {
  const devices = "--disk d.img --bills next-bills --console next-console";
  const next = site.run("next", `run teller ${devices} --append 'transfers=20 pace=0' --new-run`);
  assertEquals(await next.ends(), 0, site.story());
  const { findings, finished } = site.audit({ bills: "next-bills", console: "next-console" });
  assertEquals({ findings, finished }, { findings: [], finished: true }, site.story());
}
