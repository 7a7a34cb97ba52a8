/** Strict parsing: what is not known is named, and never skipped. */
import type { GenericValidator, Infer } from "convex/values";
import { validate } from "convex-helpers/validators";

/** A case that is not in the documented format: nothing of it can be checked. */
export class FormatError extends Error {}

/** `value` if it is what `validator` says, with no field more. Throws `FormatError` naming the field. */
export function parsed<Shape extends GenericValidator>(
  validator: Shape,
  value: unknown,
  where: string,
): Infer<Shape> {
  try {
    validate(validator, value, { throw: true });
  } catch (error) {
    throw new FormatError(`${where} is not understood: ${error instanceof Error ? error.message : "?"}`);
  }
  return value as Infer<Shape>;
}

export function objectAt(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new FormatError(`${where} must be an object`);
}

export function listAt(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new FormatError(`${where} must be a list`);
}

/** The milliseconds of an ISO date with a zone. */
export function instant(text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at) || !/(Z|[+-]\d\d:\d\d)$/.test(text)) {
    throw new FormatError(`${JSON.stringify(text)} is no instant`);
  }
  return at;
}

/** An instant as cases write it. */
export const dateOf = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");
