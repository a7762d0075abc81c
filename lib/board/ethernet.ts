/** Ethernet frames as they pass the machine's boundary: without preamble and check sequence. */

/** Shortest frame: two addresses and a type. Ethernet's padding to 60 bytes is the sender's affair. */
export const minimumFrameBytes = 14;

/** Most bytes behind a frame's header. */
export const maximumTransferUnit = 1500;

/** Longest frame: header, one VLAN tag, {@linkcode maximumTransferUnit}. */
export const maximumFrameBytes: number = minimumFrameBytes + 4 + maximumTransferUnit;

/** Most frames that a machine takes at the end of one epoch: as many as its queue can hold. */
export const maximumEpochFrames = 128;

/** Bytes of a MAC address. */
export const addressBytes = 6;

/** Whether a text is a MAC address as this project writes them: `02:00:5e:10:00:01`. */
export function isAddress(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
}

/** The bytes of a MAC address; see {@linkcode isAddress}. */
export function addressOf(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (digits) => parseInt(digits, 16));
}

/** Whether an address stands for several stations: a multicast or the broadcast address. */
export function isGroup(address: Uint8Array): boolean {
  return (address[0]! & 1) !== 0;
}
