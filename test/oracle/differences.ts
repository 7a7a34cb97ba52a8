/**
 * The cases that are answered differently, each with its reason: on purpose, or since they ask for
 * what has no verb here. One that passes must not be listed.
 */
export type Difference =
  /** What is expected at these places is not what we answer; everything else of the case holds. */
  | { differs: readonly string[]; reason: string }
  /** The case asks for what cannot be asked here. */
  | { noVerb: true; reason: string };

export const differences: Record<string, Difference> = {};
