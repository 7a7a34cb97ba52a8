/** A case asks for what has no verb here: it is skipped, with the reason of the verb. */
import type { MissingVerb } from "./differences.js";

export class NoVerb extends Error {
  constructor(readonly verb: MissingVerb) {
    super(verb);
  }
}
