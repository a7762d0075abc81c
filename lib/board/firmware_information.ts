/** What a dynamic firmware is told in a2 (OpenSBI, docs/firmware/fw_dynamic.md): where to go on, and how. */

const magic = 0x4942_534fn;
const version = 2n;
const nextModeSupervisor = 1n;
const options = 0n;
const bootHart = 0n;

/** The structure, for a next stage that is entered in S-mode at an address. */
export function firmwareInformation(next: number): Uint8Array {
  const words = [magic, version, BigInt(next), nextModeSupervisor, options, bootHart];
  const bytes = new Uint8Array(8 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setBigUint64(8 * index, word, true));
  return bytes;
}
