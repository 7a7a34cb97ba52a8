/** What was expected against what was answered: only what is listed is compared. */

/** Numbers are equal within this. */
const TOLERANCE = 1e-9;

export interface Mismatch {
  /** Where in the case: `ops[2].expect.allowed`. */
  path: string;
  expected: string;
  got: string;
}

/** The differences of `got` from what `expected` lists. */
export function mismatches(expected: unknown, got: unknown, path: string): Mismatch[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) return [mismatch(expected, got, path)];
    return expected.flatMap((each, index) => mismatches(each, got[index], `${path}[${index}]`));
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof got !== "object" || got === null) return [mismatch(expected, got, path)];
    return Object.entries(expected).flatMap(([field, each]) =>
      mismatches(each, (got as Record<string, unknown>)[field], `${path}.${field}`),
    );
  }
  return isEqual(expected, got) ? [] : [mismatch(expected, got, path)];
}

function isEqual(expected: unknown, got: unknown): boolean {
  if (typeof expected === "number" && typeof got === "number") return Math.abs(expected - got) <= TOLERANCE;
  return expected === got;
}

export function mismatch(expected: unknown, got: unknown, path: string): Mismatch {
  return { path, expected: shown(expected), got: shown(got) };
}

const shown = (value: unknown): string => JSON.stringify(value) ?? "nothing";
