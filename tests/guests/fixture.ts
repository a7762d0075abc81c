/** Path of a built guest. */
export const fixture = (guest: string): string =>
  new URL(`../../fixtures/${guest}.elf`, import.meta.url).pathname;
