import { assertEquals } from "@std/assert";
import * as lockstep from "../../mod.ts";
import { readSource } from "./syntax.ts";

Deno.test("mod.ts exports the values that programs rely on, and no others", () => {
  assertEquals(Object.keys(lockstep).sort(), [
    "BootImage",
    "ConfigurationError",
    "DeliveryError",
    "DivergenceError",
    "GuestMemory",
    "ImageError",
    "LogDecoderStream",
    "LogError",
    "LogReader",
    "LogWriter",
    "Machine",
    "RecordingError",
    "ReplayError",
    "StateError",
    "checkConfiguration",
    "record",
    "replay",
  ]);
});

Deno.test("mod.ts exports the types that programs rely on, and no others", () => {
  const exported = readSource("mod.ts").text.matchAll(/export (type )?\{([^}]*)\}/g);
  const types = [...exported].flatMap(([, all, names]) =>
    names!.split(",").map((name) => name.trim()).filter((name) => name !== "")
      .filter((name) => all !== undefined || name.startsWith("type "))
      .map((name) => name.replace("type ", ""))
  );
  assertEquals(types.sort(), [
    "BootState",
    "Coherence",
    "Completion",
    "CompletionStatus",
    "DeviceBacks",
    "Digest",
    "DiskConfiguration",
    "DmaBlock",
    "EndRecord",
    "Environment",
    "EpochDigest",
    "EpochPolicy",
    "EpochRecord",
    "FieldValues",
    "HeaderRecord",
    "HeartbeatRecord",
    "Inputs",
    "LogErrorReason",
    "LogItem",
    "LogRecord",
    "MachineConfiguration",
    "MachineParts",
    "MachineState",
    "MemoryPiece",
    "NetworkConfiguration",
    "NoteRecord",
    "Operation",
    "OperationKind",
    "OperationRequest",
    "OutstandingState",
    "Performed",
    "PowerState",
    "ReadKind",
    "RecordOptions",
    "ReplayOptions",
    "ReplaySummary",
    "SectorRange",
    "Segment",
    "SnapshotBeginRecord",
    "SnapshotCommitRecord",
    "SnapshotOperationRecord",
    "SnapshotPagesRecord",
    "StreamEnding",
    "TaskManagementState",
    "TimeBase",
  ]);
});
