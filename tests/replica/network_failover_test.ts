/** Frames and output commit in failover scenarios on the stage. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import type { LiveMachine } from "../../lib/replica/live.ts";
import { NetClient } from "../guests/net_client.ts";
import { Cable } from "./stage/cable.ts";
import { Stage } from "./stage/stage.ts";

/** A client at the other end of whichever machine is live. */
function converse(client: NetClient) {
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const wire = {
    live: undefined as LiveMachine | undefined,
    onFrame: (frame: Uint8Array) => client.receive(frame),
    [Symbol.dispose]: () => timers.forEach((timer) => clearTimeout(timer)),
  };
  client.begin({
    send: (frame) => wire.live?.receive(frame),
    after: (milliseconds, action) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        action();
      }, milliseconds);
      timers.add(timer);
    },
  });
  return wire;
}

Deno.test("a reply that no backup has acknowledged never leaves; the next machine gives it", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const client = new NetClient(200);
  using wire = converse(client);
  const { onFrame } = wire;
  const primary = await stage.primary({ cables: [cable], guest: "net", boot: "", onFrame });
  const backup = stage.backup(cable, { onFrame });
  await stage.until(() => primary.live.roster.protection === "protected", "a backup");
  wire.live = primary.live;
  await stage.until(() => client.answered >= 50, "replies");
  cable.answers.hold();
  await stage.until(() => primary.live.counts.held > 0, "a reply that waits for its commit");
  const { answered } = client;
  await pause(100);
  assertEquals(client.answered, answered);
  primary.kill();
  primary.freeLock();
  const promoted = await backup.promoted;
  wire.live = promoted.live;
  assertEquals((await promoted.ended).reason, "power-off");
  assertEquals([client.answered, client.wrong], [200, undefined]);
  assert(client.repeated > 0);
  assertStringIncludes(
    stage.consoleText(),
    `ended after 200 messages, checksum ${client.checksum}`,
  );
});

Deno.test("replies go on when the only backup has gone silent and is removed", async () => {
  await using stage = new Stage();
  const cable = new Cable();
  const client = new NetClient(120);
  using wire = converse(client);
  const { onFrame } = wire;
  const primary = await stage.primary({ cables: [cable], guest: "net", boot: "", onFrame });
  stage.backup(cable, { onFrame });
  await stage.until(() => primary.live.roster.protection === "protected", "a backup");
  wire.live = primary.live;
  await stage.until(() => client.answered >= 50, "replies");
  cable.cut();
  assertEquals((await primary.ended).reason, "power-off");
  assertEquals([client.answered, client.wrong], [120, undefined]);
});
