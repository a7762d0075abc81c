/** The errors of the board, one class for each thing that can be wrong with what it is given. */

/** A configuration that no machine can be built from. */
export class ConfigurationError extends Error {
  /** Tells the class by name. */
  override readonly name = "ConfigurationError";
}

/** A boot image that cannot be loaded: says what is malformed and where. */
export class ImageError extends Error {
  /** Tells the class by name. */
  override readonly name = "ImageError";
}

/** A saved state that no machine can be in: says which value of which device. */
export class StateError extends Error {
  /** Tells the class by name. */
  override readonly name = "StateError";
}

/** Inputs at an epoch's end that do not fit the machine: a diverged or damaged log. */
export class DeliveryError extends Error {
  /** Tells the class by name. */
  override readonly name = "DeliveryError";
}
