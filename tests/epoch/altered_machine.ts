/** Machines that differ from another one in a single place. */
import { BootImage } from "../../lib/board/boot_image.ts";
import { ConsoleOutput } from "../../lib/board/console_output.ts";
import { FieldAllocator, type FieldValues } from "../../lib/board/fields.ts";
import { Machine } from "../../lib/board/machine.ts";
import type { MachineState } from "../../lib/board/machine_state.ts";
import type { Operation } from "../../lib/board/operation.ts";
import { OutstandingOperations } from "../../lib/board/outstanding.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";

/** What a machine can be put together from. */
export interface Parts {
  state: MachineState;
  operations: Operation[];
  ram: Uint8Array;
}

/** The parts of a machine that stands at the end of an epoch. */
export function partsOf(machine: Machine): Parts {
  return {
    state: machine.save(),
    operations: [...machine.outstanding.values()],
    ram: machine.memory.ram.slice(),
  };
}

/** A machine of these parts. */
export function assemble(like: Machine, { state, operations, ram }: Parts): Machine {
  const { configuration, image } = like;
  const memory = new GuestMemory(configuration.ramBytes);
  memory.write(GuestMemory.ramBase, ram);
  return Machine.restore({
    configuration,
    image: BootImage.fromPages(image.pages(), image.boot, configuration),
    ...{ state, operations, memory },
  });
}

function allocator(): FieldAllocator {
  return new FieldAllocator(new DataView(new ArrayBuffer(65536)));
}

/** The state with other outstanding operations, and the digest of them that belongs there. */
export function withOperations(
  state: MachineState,
  operations: readonly Operation[],
): MachineState {
  const fields = allocator();
  const table = new OutstandingOperations(fields, () => {});
  let values: FieldValues = { ...state.devices["operations"]!, hashLow: 0, hashHigh: 0 };
  operations.forEach(({ number, request }, index) => {
    fields.restore({ operations: { ...values, next: number } });
    table.issue(request, state.outstanding[index]!);
    values = fields.save()["operations"]!;
  });
  const { next } = state.devices["operations"]!;
  return { ...state, devices: { ...state.devices, operations: { ...values, next: next! } } };
}

/** The state with another console tail, and the digest of it that belongs there. */
export function withConsoleTail(state: MachineState, consoleTail: Uint8Array): MachineState {
  const fields = allocator();
  const console = new ConsoleOutput(fields, () => {});
  const { performed } = state.devices["console"]!;
  fields.restore({
    console: { performed: performed!, position: performed!, hashLow: 0, hashHigh: 0 },
  });
  for (const byte of consoleTail) console.put(byte);
  const devices = { ...state.devices, console: fields.save()["console"]! };
  return { ...state, devices, consoleTail };
}
