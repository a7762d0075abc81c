/** What tells the switches of a network behind which port a machine is now. */

/** Shortest frame on a real Ethernet, without its check sequence. */
const PADDED_BYTES = 60;

/**
 * A reverse ARP request (RFC 903) that everyone receives and nobody answers: unlike ARP it needs no IP
 * address, which only the guest knows. QEMU and VMware announce migrated machines in the same way.
 */
export function announcement(address: Uint8Array): Uint8Array {
  const frame = new Uint8Array(PADDED_BYTES);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  frame.set(address, 6);
  view.setUint16(12, 0x8035); // Reverse ARP,
  view.setUint16(14, 1); // of Ethernet addresses,
  view.setUint16(16, 0x0800); // for IPv4 ones,
  frame.set([6, 4], 18); // which have these sizes:
  view.setUint16(20, 3); // a request
  frame.set(address, 22); // from this station
  frame.set(address, 32); // about itself.
  return frame;
}
