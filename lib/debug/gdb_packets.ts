/** The packets of gdb's remote serial protocol that are answered, in one table; any other is answered by nothing. */
import type { Stop } from "./debugger.ts";
import { GdbRefusal } from "./gdb_breakpoints.ts";
import { monitor } from "./gdb_monitor.ts";
import { hexBytes, packetBytesLimit } from "./gdb_packet.ts";
import { generalRegisters, registerText, targetDescription } from "./gdb_registers.ts";
import type { GdbTarget } from "./gdb_target.ts";
import { readVirtual } from "./guest_memory_view.ts";

/** One packet. */
interface GdbPacketRow {
  /** What it begins with: letters up to the first other character; single commands one character. */
  readonly name: string;
  /** What is answered to the rest of it. Nothing means that it is not known. */
  readonly answer: (target: GdbTarget, rest: string) => string | Promise<string>;
}

/** What is said when something would be written. */
const RECORDED = "This is a recording: its registers and memory cannot be written";
const refuse = () => error(RECORDED);

/** No RAM is mapped there in the present mode (EFAULT). For `m` gdb takes no error with a text. */
const NO_MEMORY = "E14";

/** Bytes of memory for one packet. */
const MEMORY_BYTES_LIMIT = packetBytesLimit / 2 - 2;

/** What we can do beyond the least, for `qSupported`. */
const FEATURES = [
  `PacketSize=${packetBytesLimit.toString(16)}`,
  ...["QStartNoAckMode+", "qXfer:features:read+", "vContSupported+"],
  ...["swbreak+", "hwbreak+", "ReverseStep+", "ReverseContinue+"],
].join(";");

/** How each action of `vCont` and each of its predecessors moves. */
const MOTIONS: Readonly<Record<string, (target: GdbTarget, rest: string) => Promise<string>>> = {
  c: (target) => target.move("forward", (moving, signal) => moving.continueForward(signal)),
  s: (target) => target.step("forward"),
  r: async (target, rest) => {
    const [, from, to] = /^([0-9a-f]+),([0-9a-f]+)$/i.exec(rest) ?? [];
    if (from === undefined) return error("A range is start,end");
    return await target.step(
      "forward",
      (moving, signal) => moving.stepThrough(BigInt(`0x${from}`), BigInt(`0x${to}`), signal),
    );
  },
  // It stands already when it hears of this.
  t: (target) => Promise.resolve(target.stopReply(arrived)),
};
const arrived: Stop = { kind: "arrived" };

const rows: readonly GdbPacketRow[] = [
  { name: "?", answer: (target) => target.stopReply(arrived) },
  { name: "g", answer: ({ timeline }) => generalRegisters(timeline.machine) },
  { name: "G", answer: refuse },
  {
    name: "p",
    answer: ({ timeline }, rest) =>
      registerText(timeline.machine, /^[0-9a-f]{1,4}$/i.test(rest) ? parseInt(rest, 16) : -1) ??
        error("There is no register of that number"),
  },
  { name: "P", answer: refuse },
  { name: "m", answer: readMemory },
  { name: "M", answer: refuse },
  { name: "X", answer: refuse },
  { name: "c", answer: (target, rest) => rest === "" ? MOTIONS["c"]!(target, "") : refuse() },
  { name: "s", answer: (target, rest) => rest === "" ? MOTIONS["s"]!(target, "") : refuse() },
  // A signal would have to be delivered to a program: there is none here.
  { name: "C", answer: (target) => MOTIONS["c"]!(target, "") },
  { name: "S", answer: (target) => MOTIONS["s"]!(target, "") },
  { name: "bs", answer: (target) => target.step("back") },
  {
    name: "bc",
    answer: (target) => target.move("back", (moving, signal) => moving.continueBack(signal)),
  },
  { name: "vCont?", answer: () => "vCont;c;C;s;S;t;r" },
  { name: "vCont", answer: continueBy },
  { name: "Z", answer: ({ breakpoints }, rest) => breakpoints.insert(rest) ? "OK" : "" },
  { name: "z", answer: ({ breakpoints }, rest) => breakpoints.remove(rest) ? "OK" : "" },
  { name: "H", answer: () => "OK" },
  { name: "T", answer: (_target, rest) => rest === "1" ? "OK" : error("There is thread 1 only") },
  { name: "qC", answer: () => "QC1" },
  { name: "qfThreadInfo", answer: () => "m1" },
  { name: "qsThreadInfo", answer: () => "l" },
  { name: "qAttached", answer: () => "1" },
  {
    name: "qSupported",
    answer({ features }, rest) {
      for (const feature of rest.replace(/^:/, "").split(";")) {
        if (feature.endsWith("+")) features.add(feature.slice(0, -1));
      }
      return FEATURES;
    },
  },
  {
    name: "QStartNoAckMode",
    answer(target) {
      target.withoutAcknowledgements = true;
      return "OK";
    },
  },
  { name: "qXfer", answer: transfer },
  { name: "qRcmd", answer: monitorBy },
  { name: "vMustReplyEmpty", answer: () => "" },
  { name: "D", answer: (target) => leave(target, "detached") },
  { name: "vKill", answer: (target) => leave(target, "killed") },
  { name: "k", answer: (target) => leave(target, "killed") },
];

const byName = new Map(rows.map((row) => [row.name, row]));

/** The answer to a packet. */
export async function answerTo(target: GdbTarget, text: string): Promise<string> {
  const [name] = /^(?:[qQv][A-Za-z]*\??|b[cs]|.)/s.exec(text) ?? [""];
  try {
    return await byName.get(name)?.answer(target, text.slice(name.length)) ?? "";
  } catch (problem) {
    if (problem instanceof GdbRefusal) return error(problem.message);
    throw problem;
  }
}

/** An error with a text, in the form that gdb shows. */
export function error(text: string): string {
  return `E.${text}`;
}

/** `m`: as much as is mapped, which is something. */
function readMemory({ timeline }: GdbTarget, rest: string): string {
  const [, address, length] = /^([0-9a-f]{1,16}),([0-9a-f]{1,8})$/i.exec(rest) ?? [];
  if (address === undefined) return NO_MEMORY;
  const wanted = Math.min(parseInt(length!, 16), MEMORY_BYTES_LIMIT);
  const bytes = readVirtual(timeline.machine, BigInt(`0x${address}`), wanted);
  if (bytes.length > 0 || wanted === 0) return hexBytes(bytes);
  return NO_MEMORY;
}

/** `vCont`: the first action is the one of the only thread. */
async function continueBy(target: GdbTarget, rest: string): Promise<string> {
  const [, action, argument] = /^;([a-zA-Z])([^;:]*)/.exec(rest) ?? [];
  const motion = MOTIONS[action?.toLowerCase() ?? ""];
  if (!motion) return error("vCont has one of the actions c, C, s, S, t and r");
  return await motion(target, argument!);
}

/** `qXfer`: a piece of the target's description. */
function transfer(_target: GdbTarget, rest: string): string {
  const [, piece] = /^:features:read:target\.xml:(.*)$/.exec(rest) ?? [];
  if (piece === undefined) return rest.startsWith(":features:") ? "E00" : "";
  const [, offset, length] = /^([0-9a-f]{1,8}),([0-9a-f]{1,8})$/i.exec(piece) ?? [];
  if (offset === undefined) return error("A piece is offset,length");
  const from = parseInt(offset, 16);
  const to = from + Math.min(parseInt(length!, 16), MEMORY_BYTES_LIMIT);
  const more = to < targetDescription.length ? "m" : "l";
  return `${more}${targetDescription.slice(from, to)}`;
}

/** `qRcmd`: a command of ours, in hexadecimal digits. */
async function monitorBy(target: GdbTarget, rest: string): Promise<string> {
  if (!/^,(?:[0-9a-f]{2})*$/i.test(rest)) return error("A command is in hexadecimal digits");
  const digits = rest.slice(1).match(/../g) ?? [];
  const bytes = Uint8Array.from(digits, (pair) => parseInt(pair, 16));
  const line = new TextDecoder().decode(bytes);
  await target.print(await target.interruptible((signal) => monitor(target, line, signal)));
  return "OK";
}

function leave(target: GdbTarget, how: "detached" | "killed"): string {
  target.left = how;
  return "OK";
}
