/** Guest time from power-on to the end, over epochs, failovers, and hosts of changing speed (design section 4). */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ticksOf } from "../../lib/epoch/guest_time.ts";
import type { EpochRecord } from "../../lib/epoch/record.ts";
import { Seeded } from "../epoch/seeded.ts";
import { epochsOf, recordsOf } from "./log_editing.ts";
import { play } from "./playing.ts";
import { recordGuest, type RecordingStage } from "./recording.ts";
import { killedAfter, succeed } from "./succession.ts";
import { assertSameMachine } from "./same_machine.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Fails when time goes back anywhere in the log; answers the time bases. */
function assertTimeGoesOn(records: readonly EpochRecord[], from = { base: 0, rate: 1 }): number[] {
  let time = from;
  for (const { epoch, steps, time: next } of records) {
    const reached = time.base + ticksOf(steps, time.rate);
    assert(
      next.base >= reached,
      `Time goes back to ${next.base} from ${reached} in epoch ${epoch}`,
    );
    time = next;
  }
  return records.map(({ time: { base } }) => base);
}

Deno.test("no clock goes back and no timer is early, on a host whose speed changes all the time", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = new Seeded(seed);
    let ahead = 0;
    const { log, console, end } = await recordGuest("clock", {
      bootArguments: "ticks=40 interval=1500",
      seed,
      epochSteps: (lengths) => lengths.upTo(30_000),
      betweenEpochs({ clock, live }) {
        // From 25 million to 25 thousand million steps a second, and pauses.
        if (random.once(3)) clock.setTicksPerStep(0.4 / 1000 ** random.next());
        if (random.once(40)) clock.advance(random.upTo(200_000));
        if (live.figures.guestTicks > clock.monotonicTicks() - 1_000_000) ahead++;
      },
    });
    assertEquals(end, { kind: "end", reason: "power-off", exitCode: 0 }, text(console));
    assertTimeGoesOn(epochsOf(log));
    assert(ahead > 0, "The guest was never ahead of its host: the test tests nothing");
    await play(log);
  }
});

Deno.test("guest time does not outrun a host of constant speed, and keeps up with it", async () => {
  for (const ticksPerStep of [1 / 40, 1 / 30, 0.2, 1]) {
    const leads: number[] = [];
    const { log } = await recordGuest("clock", {
      bootArguments: "ticks=40 interval=1500",
      ticksPerStep,
      betweenEpochs: ({ clock, live }: RecordingStage) =>
        leads.push(live.figures.guestTicks - (clock.monotonicTicks() - 1_000_000)),
    });
    assert(leads.length > 60);
    // In turns it is the host's time that has been sampled, to the tick, less what a turn costs.
    for (const lead of leads) assert(lead <= 0 && lead >= -25, `Guest time is ahead by ${lead}`);
    assertTimeGoesOn(epochsOf(log));
  }
});

Deno.test("a timer interrupt is as late as the host is, and no later", async () => {
  const { console } = await recordGuest("clock", { bootArguments: "ticks=40 interval=1500" });
  const [, late] = /40 timer interrupts, (\d+) ticks late in all/.exec(text(console))!;
  // Sleeping is exact in simulated time: what is left is the way from the interrupt to its handler.
  assert(Number(late) <= 40 * 3, `${late} ticks late in 40 interrupts`);
});

Deno.test("no clock goes back over a failover, wherever it happens, and time goes on by what has passed", async () => {
  const primary = await recordGuest("clock", { bootArguments: "ticks=6 interval=1500" });
  const records = recordsOf(primary.log);
  const epochs = epochsOf(primary.log);
  for (let killed = 1; killed < epochs.length - 1; killed += 3) {
    const replica = killedAfter(records, killed);
    const { base } = replica.time;
    const position = replica.machine.consolePerformed;
    const elapsed = killed * 1000;
    const successor = await succeed(replica, { elapsedTicks: elapsed });
    const [first] = recordsOf(successor.log).filter((record) => record.kind === "snapshot-commit");
    assertEquals(first!.epoch, killed + 1, "The new log starts behind the promotion");
    assert(first!.time.base >= base + elapsed && first!.time.base <= base + elapsed + 100);
    assertTimeGoesOn(epochsOf(successor.log), first!.time);
    assertEquals(successor.end.exitCode, 0);

    // Each byte stands at its position, so both consoles together are that of one machine.
    const whole = text(primary.devices.console.bytes.slice(0, position)) +
      text(successor.devices.console.bytes.slice(position));
    assertMatch(whole, /^clock: started at .*\n(clock: tick \d at \d+ ticks\n){6}clock: ended/);
    assertMatch(whole, /no clock went back\n$/);
    const again = await play(successor.log, { random: new Seeded(killed), sliceSteps: 500 });
    assertSameMachine(again.machine, replica.machine, `killed after ${killed}`);
  }
});
