import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK, type JWTPayload } from "jose";

const KEY_ID = "embedded";

/** The audience of the tokens, and the `applicationID` in convex/auth.config.ts. */
const AUDIENCE = "tally";

/** What signs the tokens of a deployment that has no identity provider. */
export interface SigningKey {
  issuer: string;
  /** ES256; stays on this machine. */
  privateKey: JWK;
  publicKey: JWK;
}

/**
 * @param dataDir where keys are kept, readable for their owner alone
 * @returns the key that deploys and reads everything
 */
export function adminKeyIn(dataDir: string): string {
  return kept(path.join(dataDir, "admin-key")) ?? keep(path.join(dataDir, "admin-key"), newAdminKey());
}

export async function signingKeyIn(dataDir: string): Promise<SigningKey> {
  const file = path.join(dataDir, "signing-key.json");
  const stored = kept(file) ?? keep(file, JSON.stringify(await newSigningKey()));
  return JSON.parse(stored) as SigningKey;
}

export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  return {
    issuer: "https://embedded.invalid",
    privateKey: await exportJWK(privateKey),
    publicKey: { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: "ES256", use: "sig" },
  };
}

/** What convex/auth.config.ts reads of its environment. */
export function authEnvironment({ issuer, publicKey }: SigningKey): Record<string, string> {
  const keySet = Buffer.from(JSON.stringify({ keys: [publicKey] })).toString("base64");
  return { AUTH_ISSUER: issuer, AUTH_JWKS: `data:application/json;base64,${keySet}` };
}

/**
 * Signs a user in for an hour: for demos and tests, in the stead of an identity provider.
 * @param claims more of the token's, or others
 */
export async function signToken(
  { issuer, privateKey }: SigningKey,
  subject: string,
  claims: JWTPayload = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: issuer, aud: AUDIENCE, sub: subject, iat: now, exp: now + 3_600 };
  return await new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "JWT", kid: KEY_ID })
    .sign(await importJWK(privateKey, "ES256"));
}

export function newAdminKey(): string {
  return `embedded|${randomBytes(32).toString("hex")}`;
}

/** Takes the same time wherever two keys differ. */
export function isSameKey(given: string, expected: string): boolean {
  const digest = (key: string) => createHash("sha256").update(key).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function kept(file: string): string | null {
  if (!fs.existsSync(file)) return null;
  fs.chmodSync(file, 0o600);
  return fs.readFileSync(file, "utf8").trim() || null;
}

function keep(file: string, key: string): string {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, `${key}\n`, { mode: 0o600 });
  return key;
}
