/** Whether two machines are one and the same. */
import { assertEquals } from "@std/assert";
import type { Machine } from "../../lib/board/machine.ts";

/** Fails when two machines differ in anything that a guest or a snapshot could tell. */
export function assertSameMachine(replica: Machine, original: Machine, what: string): void {
  assertEquals(replica.save(), original.save(), what);
  assertEquals(replica.snapshotDigest(), original.snapshotDigest(), `${what}: digest`);
  assertEquals([...replica.outstanding], [...original.outstanding], `${what}: operations`);
  assertEquals(replica.power, original.power, `${what}: power`);
  assertEquals(replica.image.pages(), original.image.pages(), `${what}: image`);
}
