import { assert, assertEquals } from "@std/assert";
import { instructions } from "../../lib/isa/decoder.ts";
import { disassemble } from "../../lib/isa/disassembler.ts";
import { csrs } from "../../lib/cpu/csrs.ts";
import { csrName } from "../../lib/isa/csr_names.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";

const objdump = "riscv64-linux-gnu-objdump";
const ADDRESS = 0x8000_0000;
const RANDOM_WORDS = 100_000;
const OPERANDS_OF_EACH = 64;

/** Where the two may differ, and why. */
interface Difference {
  readonly reason: string;
  readonly permits: (ours: string, theirs: string) => boolean;
}

const known = new Set(instructions.map(({ name }) => name));
const mnemonic = (text: string) => text.split(" ")[0]!.replace(/\.(aq|rl|aqrl)$/, "");
const isData = (text: string) => /^\.[24]byte /.test(text);

const differences: readonly Difference[] = [
  {
    reason: "Reserved fields of fences are ignored (sections 2.7 and 3); objdump wants zeros",
    permits: (ours, theirs) =>
      /^fence(\.i)?( |$)/.test(ours) && (isData(theirs) || theirs === "fence.tso"),
  },
  {
    reason:
      "objdump has conversions that are always exact with one rounding mode, and does not write it",
    permits: (ours, theirs) =>
      /^fcvt\.d\.(w|wu|s) /.test(ours) && (isData(theirs) || ours === `${theirs},rne`),
  },
  {
    reason: "CSRs of extensions that this hart does not have are numbers",
    permits: (ours, theirs) =>
      /^csr\w+ \w+,0x/.test(ours) &&
      ours.replace(/,0x[0-9a-f]+,/, ",,") === theirs.replace(/,[a-z]\w*,/, ",,"),
  },
  {
    reason: "Compressed shifts by 0 are those by 64 of RV128, and hints in RV64 (section 16.5)",
    permits: (ours, theirs) => ours.replace(/^(c\.s..i) (\w+),0x0$/, "$164 $2") === theirs,
  },
  {
    reason: "Reserved in RV64C (section 16.8); objdump has a name for it",
    permits: (ours, theirs) =>
      ours === ".2byte 0x0" && theirs === "c.unimp" ||
      ours === ".2byte 0x6101" && theirs === "c.addi16sp sp,0",
  },
  {
    reason: "A write to a read-only CSR, which traps, is what assemblers make of unimp",
    permits: (ours, theirs) => ours === "csrrw zero,cycle,zero" && theirs === "unimp",
  },
  {
    reason: "Instructions of extensions that this hart does not have are data",
    permits: (ours, theirs) => isData(ours) && !known.has(mnemonic(theirs)) && !isData(theirs),
  },
];

/** Instructions to disassemble, each with its bytes: 2 or 4. */
interface Sample {
  readonly bits: number;
  readonly length: 2 | 4;
}

function everyOperation(): Sample[] {
  const random = new Seeded(5);
  return instructions.flatMap(({ mask, match }) =>
    Array.from({ length: OPERANDS_OF_EACH }, (_, index): Sample => {
      const operands = index === 0 ? 0 : index === 1 ? -1 : word(random);
      return { bits: (match | operands & ~mask) >>> 0, length: 4 };
    })
  );
}

function everyHalfword(): Sample[] {
  return Array.from({ length: 0x1_0000 }, (_, bits): Sample => ({ bits, length: 2 }))
    .filter(({ bits }) => (bits & 3) !== 3);
}

function everyCsr(): Sample[] {
  return Array.from(
    { length: 4096 },
    (_, csr) => ({ bits: (csr << 20 | 0x1073) >>> 0, length: 4 }),
  );
}

/** What ends in 11111 begins a longer instruction (section 1.5), which objdump reads on. */
function randomWords(): Sample[] {
  const random = new Seeded(6);
  const found: Sample[] = [];
  while (found.length < RANDOM_WORDS) {
    const bits = (word(random) | 3) >>> 0;
    if ((bits & 0x1f) !== 0x1f) found.push({ bits, length: 4 });
  }
  return found;
}

function word(random: Seeded): number {
  return random.upTo(0xffff) << 16 | random.upTo(0xffff);
}

async function disassembleThere(samples: readonly Sample[]): Promise<string[]> {
  return await withFolder(async (folder) => {
    const bytes = new Uint8Array(4 * samples.length + 4);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const { bits, length } of samples) {
      view.setUint32(at, bits, true);
      at += length;
    }
    await Deno.writeFile(`${folder}/code.bin`, bytes.subarray(0, at));
    const { stdout } = await new Deno.Command(objdump, {
      args: ["-D", "-z", "-b", "binary", "-m", "riscv:rv64", "-M", "no-aliases"]
        .concat([`--adjust-vma=${ADDRESS}`, `${folder}/code.bin`]),
    }).output();
    return [...new TextDecoder().decode(stdout).matchAll(/^ *[0-9a-f]+:\t[0-9a-f]+ *\t(.*)$/gm)]
      .map(([, text]) => text!.replace(/\s*#.*$/, "").replace("\t", " ").trim());
  });
}

async function isInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command(objdump, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

const present = await isInstalled();
const demanded = Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1";
const reason = present ? "" : ` (needs ${objdump}: apt install binutils-riscv64-linux-gnu)`;

Deno.test({
  name:
    `every encoding is disassembled as objdump does, but for differences with a reason${reason}`,
  ignore: !present && !demanded,
  async fn() {
    assert(present, `${objdump} is not installed`);
    const samples = [everyOperation(), everyHalfword(), everyCsr(), randomWords()].flat();
    const theirs = await disassembleThere(samples);
    assertEquals(theirs.length, samples.length);
    const met = new Map<Difference, number>();
    const unexplained: string[] = [];
    let at = ADDRESS;
    for (const [index, { bits, length }] of samples.entries()) {
      const ours = disassemble(bits, BigInt(at)).replaceAll(", ", ",");
      at += length;
      const their = theirs[index]!;
      if (ours === their) continue;
      const difference = differences.find(({ permits }) => permits(ours, their));
      if (difference) met.set(difference, (met.get(difference) ?? 0) + 1);
      else unexplained.push(`0x${bits.toString(16)}: ${ours} here, ${their} there`);
    }
    assertEquals(unexplained.slice(0, 20), []);
    assertEquals(differences.filter((row) => !met.has(row)).map((row) => row.reason), []);
  },
});

Deno.test("the disassembler has a name for every CSR of the hart: its own", () => {
  for (const { number, name } of csrs) assertEquals(csrName(number), name);
});
