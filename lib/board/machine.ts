// Placeholder types; the board's author replaces this file.
export interface MachineConfiguration { readonly ramBytes: number }
export interface MachineState { readonly hart: unknown }
