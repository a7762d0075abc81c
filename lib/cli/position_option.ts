/** Options that are positions in a recording. */
import { parsePosition, type Position, PositionError } from "../debug/position.ts";
import { type Option, UsageError } from "./command.ts";

/** An option that takes a position. */
export function positionOption(name: string, help: string): Option<Position> {
  return {
    name,
    placeholder: "POSITION",
    help,
    parse(text) {
      try {
        return parsePosition(text);
      } catch (error) {
        if (!(error instanceof PositionError)) throw error;
        throw new UsageError(`--${name}: ${error.message}`);
      }
    },
  };
}
