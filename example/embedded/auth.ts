import type { AuthConfig, UserIdentity } from "convex/server";
import { createLocalJWKSet, decodeJwt, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from "jose";
import type { Caller } from "./engine.js";
import { isSameKey } from "./keys.js";
import { Refusal } from "./refusal.js";

export type AuthProvider = AuthConfig["providers"][number];
type CustomJwt = Extract<AuthProvider, { type: "customJwt" }>;

/** A caller, and until when he is who he says, in milliseconds of the real clock. */
export interface SignedIn extends Caller {
  expiresAt: number;
}

export const ANYONE: SignedIn = { identity: null, isAdmin: false, expiresAt: Infinity };

/** Convex's tolerance for clocks that differ. */
const TOLERANCE_SECONDS = 5;

/** Claims that say something of the token, and nothing of the user. */
const ABOUT_THE_TOKEN = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "fva"]);

/** Finds out who calls: with the admin key, or by a token that a deployed provider signed. */
export class Authentication {
  constructor(
    private readonly adminKey: string,
    private readonly providers: () => readonly AuthProvider[],
  ) {}

  async ofHeader(header: string | undefined): Promise<SignedIn> {
    if (header === undefined) return ANYONE;
    const [, scheme, credential] = /^(Bearer|Convex) +(\S+)$/i.exec(header) ?? [];
    if (scheme === undefined || credential === undefined) {
      throw new Refusal(401, "InvalidAuthHeader", "Header must begin with `bearer `");
    }
    if (scheme.toLowerCase() === "bearer") return await this.ofToken(credential);
    const [key = "", acting] = credential.split(":");
    return this.ofAdminKey(key, acting === undefined ? null : decodedIdentity(acting));
  }

  /** @param acting the user as whom the admin calls */
  ofAdminKey(key: string, acting: UserIdentity | null = null): SignedIn {
    if (!isSameKey(key, this.adminKey)) {
      throw new Refusal(401, "BadAdminKey", "The provided admin key was invalid for this instance");
    }
    return { identity: acting, isAdmin: true, expiresAt: Infinity };
  }

  async ofToken(token: string): Promise<SignedIn> {
    const provider = this.providerOf(unverifiedClaims(token));
    const claims = await verified(token, provider);
    return { identity: identityOf(claims), isAdmin: false, expiresAt: (claims.exp ?? 0) * 1000 };
  }

  /** A lying token reaches at worst the wrong provider, whose keys then do not fit. */
  private providerOf({ iss, aud = [] }: JWTPayload): CustomJwt {
    const found = this.providers().find(
      (provider): provider is CustomJwt =>
        "type" in provider &&
        provider.type === "customJwt" &&
        iss !== undefined &&
        withProtocol(iss) === withProtocol(provider.issuer) &&
        (provider.applicationID == null || [aud].flat().includes(provider.applicationID)),
    );
    if (!found) {
      throw new Refusal(
        401,
        "NoAuthProvider",
        "No auth provider found matching the given token. Check that your JWT's issuer and audience match one of the providers in convex/auth.config.ts (the embedded deployment knows those of type customJwt alone).",
      );
    }
    return found;
  }
}

function unverifiedClaims(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw new Refusal(
      401,
      "InvalidAuthHeader",
      "Could not parse JWT payload. Check that the token is a valid JWT format with three base64-encoded parts separated by dots.",
    );
  }
}

/** The algorithm is the provider's, whatever the token says of itself; time is the real clock's. */
async function verified(token: string, provider: CustomJwt): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(keySetOf(provider)), {
      algorithms: [provider.algorithm],
      requiredClaims: ["iss", "sub", "exp"],
      clockTolerance: TOLERANCE_SECONDS,
      ...(provider.applicationID == null ? {} : { audience: provider.applicationID }),
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw new Refusal(401, "InvalidAuthHeader", "Could not validate token: Token expired");
    }
    if (error instanceof errors.JOSEError) {
      throw new Refusal(401, "InvalidAuthHeader", `Could not decode token. ${error.message}`);
    }
    throw error;
  }
}

function keySetOf({ jwks }: CustomJwt): JSONWebKeySet {
  const [, base64, data] = /^data:[^,]*?(;base64)?,(.*)$/s.exec(jwks) ?? [];
  if (data === undefined) {
    throw new Refusal(401, "InvalidAuthHeader", "The embedded deployment fetches no keys: give a data: URL.");
  }
  try {
    return JSON.parse(
      base64 ? Buffer.from(data, "base64").toString() : decodeURIComponent(data),
    ) as JSONWebKeySet;
  } catch {
    throw new Refusal(401, "InvalidAuthHeader", "Invalid JWKS data URL.");
  }
}

function identityOf(claims: JWTPayload): UserIdentity {
  const { iss = "", sub = "" } = claims;
  const own = Object.entries(claims).filter(([name]) => !ABOUT_THE_TOKEN.has(name));
  return { ...flat(own), issuer: iss, subject: sub, tokenIdentifier: `${iss}|${sub}` };
}

/** `{ plan: { id: 1 } }` reaches the app as `"plan.id": 1`. */
function flat(claims: [string, unknown][]): Record<string, UserIdentity[string]> {
  return Object.fromEntries(
    claims.flatMap(([name, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(flat(Object.entries(value))).map(([inner, one]) => [`${name}.${inner}`, one])
        : [[name, value]],
    ),
  ) as Record<string, UserIdentity[string]>;
}

function decodedIdentity(encoded: string): UserIdentity {
  return JSON.parse(Buffer.from(encoded, "base64").toString()) as UserIdentity;
}

function withProtocol(issuer: string): string {
  return (/^https?:\/\//.test(issuer) ? issuer : `https://${issuer}`).replace(/\/+$/, "");
}
