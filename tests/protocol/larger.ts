/** `deno task model`: the protocol exhausted within larger bounds. Takes minutes. */
import { configurations, largerConfigurations } from "./configurations.ts";
import { explore } from "./explorer.ts";
import { protocolModel } from "./model.ts";
import { sizeOf, story } from "./report.ts";

for (
  const { name, start, bounds, slowAcknowledgements } of [
    ...configurations,
    ...largerConfigurations,
  ]
) {
  const began = performance.now();
  const exploration = explore(protocolModel(start, bounds, undefined, slowAcknowledgements));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${name}: ${sizeOf(exploration)}, ${seconds} s`);
  if (exploration.counterexample) {
    console.log(story(exploration.counterexample));
    Deno.exit(1);
  }
}
