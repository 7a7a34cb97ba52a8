/** Who may call the wire protocol: whoever holds the secret. */
import { WireError } from "../wire/failures.js";

/** The secret, or the two that are good while one takes the other's place; read at each request. */
export type SecretKey = () => string | undefined | readonly (string | undefined)[];

/**
 * The digest of the secret that the request bears. Throws 401 unless the request bears one of the secrets. They are compared by digest, all of them, so that the
 * time that it takes tells nothing of them; where none is set, nobody is let in.
 */
export async function assertSecret(request: Request, secretKey: SecretKey): Promise<string> {
  const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  if (given === undefined) {
    throw new WireError(401, "no_secret_key", "Send the secret key: Authorization: Bearer <key>.");
  }
  const known = [secretKey()].flat().filter((key): key is string => key !== undefined && key !== "");
  if (known.length === 0) {
    throw new WireError(
      401,
      "invalid_secret_key",
      "This deployment has no secret key: set one in its environment.",
    );
  }
  const digest = await digestOf(given);
  const same = await Promise.all(known.map(async (key) => isSame(await digestOf(key), digest)));
  if (!same.includes(true))
    throw new WireError(401, "invalid_secret_key", "The secret key is not this deployment's.");
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.reduce((different, byte, at) => different | (byte ^ (other[at] ?? 0)), 0) === 0;
}
