/** The extensions of the built-in SBI (RISC-V Supervisor Binary Interface specification, version 2.0). */
import {
  refusal,
  type SbiBoard,
  type SbiCall,
  type SbiExtension,
  type SbiFunction,
  type SbiResult,
  success,
} from "./sbi_call.ts";

/** Version 2.0: major in bits 30:24, minor below (section 4.1). */
const specificationVersion = 2n << 24n;
/** Not among the registered implementation ids (section 4.9): "LS". */
const implementationId = 0x4c53n;
const implementationVersion = 1n;

const hart = 0n;
const allHarts = 2n ** 64n - 1n;

/** HSM state of a hart that can ask (table 1 of chapter 9). */
const started = 0n;

/** Most bytes of one debug console write or read: it is one step, so it must not take long. */
const consoleBytes = 4096;

const suspendTypes = { retentive: 0n, nonRetentive: 0x8000_0000n } as const;
const resetTypes = { shutdown: 0n, coldReboot: 1n, warmReboot: 2n } as const;
const resetReasons = { none: 0n, systemFailure: 1n } as const;

/** Exit code of the machine after a shutdown that reports a system failure. */
const systemFailureExitCode = 1;

function low32(value: bigint): bigint {
  return BigInt.asUintN(32, value);
}

/** A function that answers the same always. */
function constant(number: number, name: string, value: bigint): SbiFunction {
  return { name, number, run: () => success(value) };
}

/** A function about the harts of a mask and its base in two arguments (section 3.1). */
function forHarts(number: number, name: string, run: (board: SbiBoard) => void): SbiFunction {
  return {
    name,
    number,
    run(call, board) {
      const [mask, base] = call.arguments;
      if (base !== allHarts && (base === hart ? mask > 1n : mask !== 0n)) {
        return refusal("invalidParameter");
      }
      if (base === allHarts || mask === 1n) run(board);
      return success();
    },
  };
}

/** The RFENCE functions: translations and decoded code are coherent at all times. */
function fence(number: number, name: string): SbiFunction {
  return forHarts(number, name, () => {});
}

function unsupported(number: number, name: string): SbiFunction {
  return { name, number, run: () => refusal("notSupported") };
}

/** Whether the hart may be entered at a physical address. */
function canEnter(address: bigint, { memory }: SbiBoard): boolean {
  return address % 2n === 0n && memory.contains(Number(address), 2);
}

function suspend({ arguments: [type, address, opaque] }: SbiCall, board: SbiBoard): SbiResult {
  switch (low32(type)) {
    case suspendTypes.retentive:
      return { ...success(), waits: true };
    case suspendTypes.nonRetentive:
      if (!canEnter(address, board)) return refusal("invalidAddress");
      return { ...success(), waits: true, resume: { address, opaque } };
    default:
      return refusal("invalidParameter");
  }
}

function reset({ arguments: [type, reason] }: SbiCall, board: SbiBoard): SbiResult {
  const why = low32(reason);
  if (why !== resetReasons.none && why !== resetReasons.systemFailure) {
    return refusal("invalidParameter");
  }
  switch (low32(type)) {
    case resetTypes.shutdown:
      board.endPower("off", why === resetReasons.systemFailure ? systemFailureExitCode : 0);
      return success();
    case resetTypes.coldReboot:
    case resetTypes.warmReboot:
      board.endPower("reset", 0);
      return success();
    default:
      return refusal("invalidParameter");
  }
}

/** The range of a debug console call in RAM, as an address and the bytes of it that one call does. */
function consoleRange(
  { arguments: [bytes, low, high] }: SbiCall,
  { memory }: SbiBoard,
): { readonly address: number; readonly length: number } | undefined {
  const address = Number(low);
  if (high !== 0n || !memory.contains(address, Number(bytes))) return undefined;
  return { address, length: Math.min(consoleBytes, Number(bytes)) };
}

function writeConsole(call: SbiCall, board: SbiBoard): SbiResult {
  const range = consoleRange(call, board);
  if (range === undefined) return refusal("invalidParameter");
  const length = Math.min(range.length, board.consoleRoom);
  for (const byte of board.memory.read(range.address, length)) board.putConsole(byte);
  return success(BigInt(length));
}

function readConsole(call: SbiCall, board: SbiBoard): SbiResult {
  const range = consoleRange(call, board);
  if (range === undefined) return refusal("invalidParameter");
  const bytes: number[] = [];
  while (bytes.length < range.length) {
    const byte = board.getConsole();
    if (byte === undefined) break;
    bytes.push(byte);
  }
  board.memory.write(range.address, Uint8Array.from(bytes));
  return success(BigInt(bytes.length));
}

function setTimer({ arguments: [ticks] }: SbiCall, board: SbiBoard): SbiResult {
  board.setTimer(ticks);
  return success();
}

function putByte({ arguments: [byte] }: SbiCall, board: SbiBoard): SbiResult {
  board.putConsole(Number(byte & 0xffn));
  return success();
}

function legacy(id: number, name: string, run: SbiFunction["run"]): SbiExtension {
  return { name, id, chapter: 5, legacy: true, functions: [{ name, number: 0, run }] };
}

/** Every extension. */
export const sbiExtensions: readonly SbiExtension[] = [
  {
    name: "Base",
    id: 0x10,
    chapter: 4,
    functions: [
      constant(0, "get_spec_version", specificationVersion),
      constant(1, "get_impl_id", implementationId),
      constant(2, "get_impl_version", implementationVersion),
      {
        name: "probe_extension",
        number: 3,
        run: ({ arguments: [id], implemented }) => success(implemented(id) ? 1n : 0n),
      },
      // The machine-level CSRs of this hart read 0, too.
      constant(4, "get_mvendorid", 0n),
      constant(5, "get_marchid", 0n),
      constant(6, "get_mimpid", 0n),
    ],
  },
  {
    name: "TIME",
    id: 0x5449_4d45,
    chapter: 6,
    functions: [{ name: "set_timer", number: 0, run: setTimer }],
  },
  {
    name: "IPI",
    id: 0x73_5049,
    chapter: 7,
    functions: [forHarts(0, "send_ipi", (board) => board.interruptHart())],
  },
  {
    name: "RFENCE",
    id: 0x5246_4e43,
    chapter: 8,
    functions: [
      fence(0, "remote_fence_i"),
      fence(1, "remote_sfence_vma"),
      fence(2, "remote_sfence_vma_asid"),
      // The hypervisor extension is absent.
      unsupported(3, "remote_hfence_gvma_vmid"),
      unsupported(4, "remote_hfence_gvma"),
      unsupported(5, "remote_hfence_vvma_asid"),
      unsupported(6, "remote_hfence_vvma"),
    ],
  },
  {
    name: "HSM",
    id: 0x48_534d,
    chapter: 9,
    functions: [
      {
        name: "hart_start",
        number: 0,
        // The only hart runs, or it could not ask.
        run: ({ arguments: [id] }) =>
          refusal(id === hart ? "alreadyAvailable" : "invalidParameter"),
      },
      {
        name: "hart_stop",
        number: 1,
        // "Must be called with supervisor-mode interrupts disabled."
        run({ interruptible }, board) {
          if (interruptible) return refusal("failed");
          board.stopHart();
          return success();
        },
      },
      {
        name: "hart_get_status",
        number: 2,
        run: ({ arguments: [id] }) => id === hart ? success(started) : refusal("invalidParameter"),
      },
      { name: "hart_suspend", number: 3, run: suspend },
    ],
  },
  {
    name: "SRST",
    id: 0x5352_5354,
    chapter: 10,
    functions: [{ name: "system_reset", number: 0, run: reset }],
  },
  {
    name: "DBCN",
    id: 0x4442_434e,
    chapter: 12,
    functions: [
      { name: "debug_console_write", number: 0, run: writeConsole },
      { name: "debug_console_read", number: 1, run: readConsole },
      { name: "debug_console_write_byte", number: 2, run: putByte },
    ],
  },
  legacy(0x00, "set_timer", setTimer),
  legacy(0x01, "console_putchar", putByte),
  legacy(0x02, "console_getchar", (_call, board) => ({ error: board.getConsole() ?? -1 })),
  legacy(0x08, "shutdown", (_call, board) => {
    board.endPower("off", 0);
    return success();
  }),
];
