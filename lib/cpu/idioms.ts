/**
 * Sequences of instructions that one handler executes: what compilers often put in a row.
 *
 * A handler for several instructions saves the dispatch between them, and hands a result to the next one
 * without a detour through memory. Each still is a step of its own.
 */

/** The operand of an instruction that is the result of the one before it. */
export type Forward = "none" | "rs1" | "rs2";

/** Instructions that may stand at one place of an idiom, and how they may use the result before them. */
export interface IdiomPart {
  /** Mnemonics, one of which stands here. */
  readonly names: readonly string[];
  /** How it may use the result before it. */
  readonly uses: readonly Forward[];
}

/** One concrete sequence. */
export interface Sequence {
  /** Mnemonics, in order. */
  readonly names: readonly string[];
  /** For each instruction after the first. */
  readonly forwards: readonly Forward[];
}

/** Most instructions in a sequence. */
export const LONGEST_SEQUENCE = 2;

/** Any of these, independent of the result before. */
const any = (...names: string[]): IdiomPart => ({ names, uses: ["none"] });
/** Any of these, whose rs1 is the result before. */
const onto = (...names: string[]): IdiomPart => ({ names, uses: ["rs1"] });
/** Any of these, one of whose operands is the result before. */
const using = (...names: string[]): IdiomPart => ({ names, uses: ["rs1", "rs2"] });
/** Any of these, whether or not rs1 is the result before. */
const then = (...names: string[]): IdiomPart => ({ names, uses: ["none", "rs1"] });

const idioms: readonly (readonly IdiomPart[])[] = [
  // Indexing: scale, add, access.
  [any("slli"), using("add")],
  [any("add"), onto("ld", "lw", "lbu")],
  [any("add"), any("ld", "sd", "sb")],
  // Looking at what was loaded.
  [any("lbu", "lw", "ld", "andi"), onto("bne", "beq")],
  [any("ld"), any("bltu")],
  // Counting and comparing.
  [any("addi"), then("bne", "beq", "bltu", "bgeu", "blt", "bge")],
  [any("add"), any("bltu", "bgeu", "bne")],
  [any("bne", "beq", "bltu", "bgeu"), any("addi", "add", "ld")],
  // Walking and copying.
  [any("ld", "lw", "sd", "sw", "sb", "lbu"), any("addi")],
  [any("ld"), { names: ["sd"], uses: ["none", "rs2"] }],
  [any("ld"), any("ld")],
  [any("sd"), any("sd")],
  [any("addi"), then("ld", "lw", "sd")],
  // Moves, constants, calls and returns.
  [any("addi", "add"), then("addi", "add")],
  [any("lui"), onto("addi", "addiw")],
  [any("auipc"), onto("addi", "jalr")],
  [any("addi", "add"), any("jal", "jalr")],
  // Arithmetic.
  [any("slli"), onto("srli")],
  [any("mul"), using("add")],
  [any("mul"), any("srli")],
  [any("ld", "lw"), using("add", "addw", "xor", "mul")],
  [any("addw"), { names: ["addw"], uses: ["none", "rs1", "rs2"] }],
  [any("add"), { names: ["sd", "sb"], uses: ["rs2"] }],
  [any("add"), onto("srli")],
  [any("srli"), then("add")],
  [any("srli"), any("sb")],
  // Rotating and mixing.
  [any("srli", "srliw", "slli", "slliw"), using("or", "xor")],
  [any("srli", "srliw"), any("slli", "slliw")],
  [any("or", "xor"), using("xor", "or")],
  [any("or", "xor"), then("srli", "srliw")],
  [any("xor"), onto("mul")],
];

/** All sequences. */
export const sequences: readonly Sequence[] = idioms.flatMap((parts) => expand(parts));

function expand([first, ...rest]: readonly IdiomPart[]): Sequence[] {
  const starts = first!.names.map((name): Sequence => ({ names: [name], forwards: [] }));
  return rest.reduce(
    (sequences, { names, uses }) =>
      sequences.flatMap((sequence) =>
        names.flatMap((name) =>
          uses.map((forward): Sequence => ({
            names: [...sequence.names, name],
            forwards: [...sequence.forwards, forward],
          }))
        )
      ),
    starts,
  );
}
