/** Secrets: named, or fetched by a function, and read where they are used; nothing keeps one. */
import { tallyError } from "../core/errors.js";

/** The name of an environment variable, or a function that answers the secret. Never the secret itself. */
export type Secret = string | (() => string | undefined);

/** Convex has no Node, but it has this. */
declare const process: { env: Record<string, string | undefined> };

const NAME = /^[A-Z][A-Z0-9_]{0,99}$/;

/** Throws `invalid_argument` of what is no name: a secret in the code is in the repository, and in each deploy. */
export function assertSecret(secret: unknown, name: string): asserts secret is Secret {
  if (typeof secret === "function" || (typeof secret === "string" && NAME.test(secret))) return;
  throw tallyError(
    "invalid_argument",
    `${name} must be the name of an environment variable, such as "STRIPE_SECRET_KEY", or a function that answers the secret; never the secret itself.`,
    { argument: name },
  );
}

/** The secret, now. Throws `not_supported` if it is not set. */
export function reveal(secret: Secret, name: string): string {
  const value = typeof secret === "function" ? secret() : process.env[secret];
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  const where = typeof secret === "function" ? "its function answers nothing" : `${secret} is not set`;
  throw tallyError("not_supported", `${name}: ${where}. Set it in the deployment's environment.`);
}

/** Those of several that are set: while secrets are rotated there are two. Throws `not_supported` if none is. */
export function revealAny(secrets: readonly Secret[], name: string): string[] {
  const found = secrets.flatMap((secret) => {
    const value = typeof secret === "function" ? secret() : process.env[secret];
    return typeof value === "string" && value.trim() !== "" ? [value.trim()] : [];
  });
  if (found.length > 0) return found;
  throw tallyError("not_supported", `${name}: none is set. Set one in the deployment's environment.`);
}
