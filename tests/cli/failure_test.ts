import { assertEquals, assertMatch } from "@std/assert";
import { ConfigurationError, ImageError, StateError } from "../../lib/board/errors.ts";
import { UsageError } from "../../lib/cli/command.ts";
import { CommandError, failureOf } from "../../lib/cli/failure.ts";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import { HostFileError } from "../../lib/host/fault.ts";
import { LogError } from "../../lib/log/log_error.ts";
import { BackupError } from "../../lib/replica/backup_terms.ts";
import { StartRefusedError } from "../../lib/replica/home.ts";
import { ReplayError } from "../../lib/replica/replaying.ts";
import { StreamArgumentError } from "../../lib/replica/stream_argument.ts";
import { TransportError } from "../../lib/replica/transport.ts";

for (
  const [code, error] of [
    [64, new UsageError("GUEST is missing")],
    [64, new StreamArgumentError("ftp:x", "there is no ftp: stream")],
    [65, new ConfigurationError("Two disks have the same id")],
    [65, new ImageError("ELF header is cut off")],
    [65, new StateError("hart.pc is missing")],
    [65, new LogError("damaged", { recordNumber: 3, byteOffset: 99 }, "Checksum does not match")],
    [65, new ReplayError("The log has no snapshot")],
    [65, new HostFileError("d.img", "Cannot open d.img: it does not exist: check the path")],
    [66, new DivergenceError(7, 1234, "state digest is another")],
    [69, new StartRefusedError("d.img", "another machine is active on it")],
    [69, new BackupError("Cannot keep d.img as a copy: it belongs to another run")],
    [69, new TransportError("Cannot connect to", "unix:s", "nobody listens there")],
    [69, new Deno.errors.NotCapable("Requires net access")],
    [67, new CommandError(67, "The log just stops")],
  ] as const
) {
  Deno.test(`${error.name} is told with its own words and exit code ${code}`, () => {
    assertEquals(failureOf(error), { code, line: error.message });
  });
}

Deno.test("an unknown error is internal, asks to be reported, and stays on one line", () => {
  const { code, line } = failureOf(new TypeError("x is not\n  a function"));
  assertEquals(code, 70);
  assertMatch(line!, /^Internal error: TypeError: x is not a function; please report it/);
});

Deno.test("a reader of our output that has left is no error", () => {
  assertEquals(failureOf(new Deno.errors.BrokenPipe("Broken pipe (os error 32)")), { code: 0 });
});
