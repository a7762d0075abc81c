/** ASCII text as bytes; the machine's folders know no TextEncoder. */

/** The bytes of an ASCII text. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The bytes of an ASCII text, cut or padded with spaces to `length`. */
export function paddedAscii(text: string, length: number): Uint8Array {
  return asciiBytes(text.slice(0, length).padEnd(length, " "));
}
