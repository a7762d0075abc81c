/** What gdb is answered, and what stands when packets are damaged, unknown, hostile, or end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Bookmarks, bookmarksPath } from "../../lib/debug/bookmarks.ts";
import { Debugger } from "../../lib/debug/debugger.ts";
import { packetBytesLimit } from "../../lib/debug/gdb_packet.ts";
import { targetDescription } from "../../lib/debug/gdb_registers.ts";
import { serveGdb } from "../../lib/debug/gdb_session.ts";
import type { GdbTargetParts } from "../../lib/debug/gdb_target.ts";
import { Seeded } from "../epoch/seeded.ts";
import { logOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import { request, withGdb, withGdbAt } from "./gdb_client.ts";
import { straightReplay } from "./straight_replay.ts";

const { log, machine } = await recordGuest("clock", {
  epochSteps: (random) => random.upTo(5000),
});
const ENTRY = "80000000";
const PC = 32;

const isStop = /^T05.*thread:1;$/;

Deno.test("without anything done it says who it is", () =>
  withGdb(log, async (gdb) => {
    const features = await gdb.ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386");
    assertMatch(features, /PacketSize=4000;.*QStartNoAckMode\+;qXfer:features:read\+/);
    assertMatch(features, /ReverseStep\+;ReverseContinue\+/);
    assertEquals(await gdb.ask("vMustReplyEmpty"), "");
    assertEquals(await gdb.ask("Hg0"), "OK");
    assertEquals(await gdb.ask("qC"), "QC1");
    assertEquals([await gdb.ask("qfThreadInfo"), await gdb.ask("qsThreadInfo")], ["m1", "l"]);
    assertEquals([await gdb.ask("T1"), (await gdb.ask("T2"))[0]], ["OK", "E"]);
    assertEquals(await gdb.ask("qAttached"), "1");
    assertEquals(await gdb.ask("vCont?"), "vCont;c;C;s;S;t;r");
    assertMatch(await gdb.ask("?"), isStop);
  }));

Deno.test("its description comes in pieces", () =>
  withGdb(log, async (gdb) => {
    let text = "";
    for (;;) {
      const piece = await gdb.ask(`qXfer:features:read:target.xml:${text.length.toString(16)},1f1`);
      text += piece.slice(1);
      if (piece[0] === "l") break;
    }
    assertEquals(text, targetDescription);
    assertEquals(await gdb.ask("qXfer:features:read:other.xml:0,10"), "E00");
    assertEquals(await gdb.ask("qXfer:auxv:read::0,10"), "");
    assertEquals((await gdb.ask("qXfer:features:read:target.xml:x"))[0], "E");
  }));

Deno.test("registers and memory are read and never written", () =>
  withGdb(log, async (gdb) => {
    assertEquals(await gdb.ask(`p${PC.toString(16)}`), "0000008000000000");
    const general = await gdb.ask("g");
    assertEquals(general.slice(16 * PC, 16 * PC + 16), "0000008000000000");
    const code = await gdb.ask(`m${ENTRY},4`);
    const expected = gdb.timeline.machine.memory.read(0x80000000, 4);
    assertEquals(code, Array.from(expected, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    const writes = [
      `M${ENTRY},1:00`,
      `X${ENTRY},1:\0`,
      `P20=${"0".repeat(16)}`,
      "Gff",
      "c80000000",
    ];
    for (const write of writes) assertMatch(await gdb.ask(write), /^E\.This is a recording/);
    for (const read of ["p", "pffff", "pzz"]) assertMatch(await gdb.ask(read), /^E\./);
    for (const read of ["m", "m0", "mx,y", "m0,4", "m10000000,1"]) {
      assertEquals(await gdb.ask(read), "E14");
    }
    // What is mapped of a range that ends outside, and at most a packet of it.
    assertEquals((await gdb.ask("m801ffffe,40")).length, 4);
    assertEquals((await gdb.ask("m80000000,ffffffff")).length, 2 * (packetBytesLimit / 2 - 2));
  }));

Deno.test("steps go both ways and end at the ends", () =>
  withGdb(log, async (gdb) => {
    assertMatch(await gdb.ask("bs"), /^T05.*replaylog:begin;/);
    assertMatch(await gdb.ask("bc"), /^T05.*replaylog:begin;/);
    assertMatch(await gdb.ask("vCont;s:1;c"), isStop);
    assertMatch(await gdb.ask("s"), isStop);
    assertEquals(gdb.timeline.moment.step, 2);
    assertMatch(await gdb.ask("bs"), isStop);
    assertEquals(gdb.timeline.moment.step, 1);
    for (const forward of ["vCont;c", "vCont;s"]) {
      const { shown, answer } = await gdb.asked(forward);
      assertEquals(shown, "The guest has powered off here, with exit code 0\n");
      assertMatch(answer, /^T05.*replaylog:end;/);
    }
    assertEquals(gdb.timeline.moment, gdb.timeline.end);
    assertMatch(await gdb.ask("bc"), /^T05.*replaylog:begin;/);
    assertEquals(gdb.timeline.moment.step, 0);
    assertMatch(await gdb.ask("vCont;r80000000,80000002"), isStop);
    assertEquals(gdb.timeline.moment.step, 1);
    for (const odd of ["vCont", "vCont;", "vCont;x", "vCont;r1", "vCont;r1,2,3"]) {
      assertMatch(await gdb.ask(odd), /^E\./);
    }
  }));

Deno.test("gdb's own step over an access that is undone already goes nowhere, further ones do", () =>
  withGdb(log, async (gdb) => {
    const [insert, remove] = ["Z2,80001298,8", "z2,80001298,8"];
    const stepAfter = async (...packets: readonly string[]) => {
      for (const packet of packets) await gdb.ask(packet);
      return gdb.timeline.moment.step;
    };
    const there = await stepAfter(insert, "c", "c", "bc");
    // gdb knows by its architecture that watchpoints stop before the access.
    assertMatch(await gdb.ask("?"), isStop);
    assertEquals(await stepAfter(remove, "bs"), there);
    assertEquals(await stepAfter("bs"), there - 1);
    // One that is asked for by somebody is made.
    assertEquals(await stepAfter(insert, "c", "bc"), there);
    assertEquals(await stepAfter("bs"), there - 1);
    assertEquals(await stepAfter("c", "bc", remove, "s"), there + 1);
  }));

Deno.test("odd breakpoints are refused, and every type is inserted and removed", () =>
  withGdb(log, async (gdb) => {
    for (const type of [0, 1, 2, 3, 4]) {
      assertEquals(await gdb.ask(`Z${type},${ENTRY},4`), "OK");
      assertEquals(await gdb.ask(`z${type},${ENTRY},4`), "OK");
    }
    assertEquals([await gdb.ask("Z5,0,4"), await gdb.ask("z9,0,4")], ["", ""]);
    const odd = ["Z0", "Z0,", "Z0,xyz,4", "Z2,0,0", "Z2,0,ffffffff", "Z2,ffffffffffffffff,8"];
    for (const packet of [...odd, "Z0,10000000000000000,4"]) {
      assertMatch(await gdb.ask(packet), /^E\./, packet);
    }
    for (let at = 0; at < 4096; at++) await gdb.ask(`Z0,${(2 * at).toString(16)},4`);
    assertMatch(await gdb.ask("Z0,ffff0000,4"), /^E\./);
  }));

Deno.test("a damaged packet is asked for again, and the last answer is repeated when refused", () =>
  withGdb(log, async (gdb) => {
    await gdb.send("$qC#00");
    assertEquals(await gdb.next(), { kind: "refused" });
    await gdb.send("$qC#b4");
    assertEquals(await gdb.next(), { kind: "acknowledged" });
    assertEquals(await gdb.next(), { kind: "packet", text: "QC1" });
    await gdb.send("-");
    assertEquals(await gdb.next(), { kind: "packet", text: "QC1" });
    assertEquals(await gdb.ask("QStartNoAckMode"), "OK");
    await gdb.send("+");
    await gdb.send(request("qC"));
    assertEquals(await gdb.next(), { kind: "packet", text: "QC1" });
    await gdb.send("$qC#00");
    assertMatch((await gdb.next() as { text: string }).text, /^E\.The packet is damaged/);
  }));

Deno.test("an oversized packet is refused, noise does no harm", () =>
  withGdb(log, async (gdb) => {
    assertMatch(await gdb.ask(`X${"ab".repeat(packetBytesLimit)}`), /^E\.The packet is longer/);
    const random = new Seeded(7);
    const noise = Uint8Array.from({ length: 20_000 }, () => random.upTo(255));
    // Neither a refusal, which repeats an answer, nor the end of a packet.
    await gdb.send(noise.filter((byte) => ![0x23, 0x2d].includes(byte)));
    await gdb.send("#00");
    for (
      const packet of ["", "q", "v", "vCont", "qXfer", "qRcmd", "qRcmd,abc", "QPassSignals:", "\0"]
    ) {
      assertMatch(await gdb.ask(packet), /^(?:E\..*)?$/);
    }
  }));

Deno.test("Ctrl-C ends a search, a connection that is lost ends the session", async () => {
  const { log } = await recordGuest("bench", { bootArguments: "scale=3" });
  await withGdb(log, async (gdb) => {
    await gdb.send(request("vCont;c"));
    await gdb.send("\x03");
    while ((await gdb.next())?.kind !== "packet");
    const { step } = gdb.timeline.moment;
    assert(step < gdb.timeline.end.step, `It has gone on to step ${step}`);
    assertMatch(await gdb.ask("vCont;s"), isStop);
    await gdb.send(request("vCont;c"));
    await gdb.disconnect();
    assertEquals(await gdb.ended, "disconnected");
    assert(gdb.timeline.moment.step < gdb.timeline.end.step);
  });
});

Deno.test("detaching and killing are told apart", async () => {
  for (const [packet, ending] of [["D", "detached"], ["k", "killed"], ["vKill;1", "killed"]]) {
    await withGdb(log, async (gdb) => {
      assertEquals(await gdb.ask(packet!), "OK");
      assertEquals(await gdb.ended, ending);
    });
  }
});

Deno.test("monitor commands tell where it stands and go elsewhere", () =>
  withGdb(log, async (gdb) => {
    assertMatch(await gdb.monitor("help"), /seek POSITION/);
    assertMatch(await gdb.monitor("when"), /^step 0 {2}epoch 0 /);
    assertMatch(await gdb.monitor("seek 1234"), /^step 1234 /);
    assertEquals(gdb.timeline.moment.step, 1234);
    assertMatch(await gdb.monitor("seek console:'tick 3'"), /^step \d+ /);
    const here = gdb.timeline.moment;
    assertMatch(await gdb.monitor("seek console:'no such text'"), /^The log does not reach/);
    assertEquals(gdb.timeline.moment, here);
    assertMatch(await gdb.monitor("seek sideways"), /^Cannot use/);
    assertMatch(await gdb.monitor("nonsense"), /^There is no command "nonsense"/);
    assertMatch(await gdb.monitor("events 2"), /clock reads\n(?:.*\n)*-- here: step \d+\n/);
    assertMatch(await gdb.monitor("seek end"), new RegExp(`^step ${machine.steps} `));
    assertMatch(await gdb.monitor("restart 1"), /^There is no checkpoint 1\n/);
  }));

Deno.test("checkpoints outlive the session", () =>
  withGdb(log, async (gdb, path) => {
    await gdb.monitor("seek 4321");
    assertMatch(await gdb.monitor("checkpoint before the bug"), /^checkpoint 1 {2}step 4321 /);
    await gdb.monitor("seek start");
    await gdb.monitor("checkpoint");
    await withGdbAt(path, async (later) => {
      assertMatch(
        await later.monitor("checkpoints"),
        /^checkpoint 1 {2}step 4321 {2}epoch \d+ {2}before the bug\ncheckpoint 2 {2}step 0 /,
      );
      assertMatch(await later.monitor("restart 1"), /^step 4321 /);
      assertEquals(await later.monitor("delete 2"), "Forgot checkpoint 2\n");
      assertMatch(await later.monitor("checkpoint"), /^checkpoint 2 /);
    });
  }));

Deno.test("sessions of one log at the same time keep and forget each other's checkpoints", () =>
  withGdb(log, async (gdb, path) => {
    await withGdbAt(path, async (other) => {
      await gdb.monitor("checkpoint mine");
      assertMatch(await other.monitor("checkpoint"), /^checkpoint 2 /);
      assertMatch(await gdb.monitor("checkpoints"), /^checkpoint 1 .* mine\ncheckpoint 2 /);
      assertEquals(await gdb.monitor("delete 2"), "Forgot checkpoint 2\n");
      assertMatch(await other.monitor("checkpoints"), /^checkpoint 1 [^\n]* mine\n$/);
    });
  }));

Deno.test("a checkpoint's name is shown without what a terminal would obey", () =>
  withGdb(log, async (gdb) => {
    assertEquals(
      await gdb.monitor("checkpoint a\x1b[2Jb\nc\x9bd"),
      "checkpoint 1  step 0  epoch 0  a [2Jb c d\n",
    );
  }));

Deno.test("a checkpoint that cannot be written is told, and leaves nothing behind", () =>
  withGdb(log, async (gdb, path) => {
    await Deno.mkdir(`${bookmarksPath(path)}.new`);
    assertMatch(await gdb.monitor("checkpoint"), /^Cannot write checkpoints /);
    await Deno.remove(`${bookmarksPath(path)}.new`);
    await Deno.mkdir(bookmarksPath(path));
    assertMatch(await gdb.monitor("checkpoint"), /^Cannot write checkpoints /);
    assertEquals(await gdb.monitor("checkpoints"), "No checkpoints\n");
    const names = Array.from(Deno.readDirSync(path.replace(/[^/]*$/, "")), ({ name }) => name);
    assertEquals(names.toSorted(), ["run.log", "run.log.checkpoints"]);
  }));

Deno.test("a recording is the same after it was looked at, at its end and on the way", async () => {
  const points = [1000, 20_000, machine.steps];
  const straight = await straightReplay(log, points);
  await withGdb(log, async (gdb) => {
    await gdb.ask(`Z4,${(0x80001290).toString(16)},8`);
    await gdb.ask("Z1,80000752,4");
    for (let stop = 0; stop < 12; stop++) {
      await gdb.ask(stop % 3 === 2 ? "bc" : "vCont;c");
      await gdb.ask("g");
      await gdb.ask("m80000000,1000");
      for (let register = 0; register < 130; register++) await gdb.ask(`p${register.toString(16)}`);
    }
    for (const step of points) {
      await gdb.monitor(`seek ${step}`);
      assertEquals(gdb.timeline.machine.snapshotDigest(), straight.get(step)!.digest);
    }
  });
});

Deno.test("while the recording is opened gdb is kept waiting, by what it skips", async () => {
  const to = new TransformStream<Uint8Array, Uint8Array>();
  const from = new TransformStream<Uint8Array, Uint8Array>();
  const opening = Promise.withResolvers<GdbTargetParts>();
  const connection = { readable: to.readable, writable: from.writable };
  const ended = serveGdb(connection, () => opening.promise);
  const writer = to.writable.getWriter();
  const reader = from.readable.getReader();
  const asked = writer.write(request("qC"));
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  assertEquals([await next(), await next(), await next()], ["+", "\n", "\n"]);
  // Who takes it for lost says so, and sends it again.
  await writer.write(request("qC"));
  assertEquals(await next(), "+");
  await writer.write(new TextEncoder().encode("-"));
  await withGdb(log, async ({ timeline }, path) => {
    const { run } = timeline.header;
    const bookmarks = Bookmarks.open(path, run, () => true, () => {});
    opening.resolve({ debugger: new Debugger(timeline), bookmarks });
    let answer = "";
    while (!answer.includes("#")) answer += await next();
    assertMatch(answer, /^\n*\$QC1#c5$/);
    await asked;
    await writer.write(new TextEncoder().encode("-"));
    // The same again once it has been answered is another question.
    await writer.write(request("qC"));
    assertEquals([await next(), await next()], ["+", "$QC1#c5"]);
    await writer.close();
    while (!(await reader.read()).done);
    assertEquals(await ended, "disconnected");
  });
});

Deno.test("going to where the log diverges is told, and it stays where it was", async () => {
  const altered = recordsOf(log).map((record) =>
    record.kind === "epoch" && record.epoch === 3
      ? { ...record, digest: { ...record.digest, state: record.digest.state ^ 1n } }
      : record
  );
  await withGdb(logOf(altered), async (gdb) => {
    await gdb.monitor("seek 100");
    const digest = await gdb.monitor("digest");
    assertMatch(await gdb.monitor("seek end"), /epoch 3\b.*\n$/);
    assertEquals(await gdb.monitor("digest"), digest);
    assertMatch(await gdb.monitor("seek console:'never said'"), /epoch 3\b.*\n$/);
    assertEquals(await gdb.monitor("digest"), digest);
    assertMatch(await gdb.ask("?"), isStop);
  });
});
