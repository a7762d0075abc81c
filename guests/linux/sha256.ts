/** SHA-256 in hexadecimal, as Debian's indices write it. */

/** The digest of these bytes. */
export async function sha256(content: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
}
