import { assertEquals } from "@std/assert";
import { addressOf } from "../../lib/board/ethernet.ts";
import { announcement } from "../../lib/host/announcement.ts";

Deno.test("an announcement is a reverse ARP request to everyone, about the station itself", () => {
  const mac = "02 00 5e 10 00 01";
  const expected =
    `ff ff ff ff ff ff ${mac} 80 35 00 01 08 00 06 04 00 03 ${mac} 00 00 00 00 ${mac}`;
  const hex = [...announcement(addressOf("02:00:5e:10:00:01"))]
    .map((byte) => byte.toString(16).padStart(2, "0"));
  assertEquals(hex.slice(0, 38).join(" "), expected);
  assertEquals(hex.slice(38).join(""), "00".repeat(22));
});
