/** All that the machine may know of the world outside ECMAScript: WebAssembly, which computes only. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
  }
  class Table {
    constructor(descriptor: { element: "anyfunc"; initial: number });
    readonly length: number;
    set(index: number, value: null): void;
  }
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
}
