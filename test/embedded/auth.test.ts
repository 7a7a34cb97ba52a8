import fs from "node:fs";
import path from "node:path";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from "jose";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { Authentication, type AuthProvider } from "../../example/embedded/auth.js";
import {
  adminKeyIn,
  authEnvironment,
  newSigningKey,
  signingKeyIn,
  signToken,
  type SigningKey,
} from "../../example/embedded/keys.js";
import { temporaryFolder } from "../../example/embedded/temporary-folder.js";
import { notes } from "./fixture.js";
import {
  eventually,
  httpClient,
  liveClient,
  received,
  recording,
  sent,
  serve,
  tokenFor,
  watch,
  type Served,
} from "./serving.js";

const ADMIN_KEY = "embedded|secret";
const ISSUER = "https://embedded.invalid";

let signingKey: SigningKey;
let authentication: Authentication;

beforeAll(async () => {
  signingKey = await newSigningKey();
  authentication = new Authentication(ADMIN_KEY, () => [provider()]);
});

describe("a token", () => {
  test("of the deployment's own key says who its bearer is", async () => {
    const token = await signToken(signingKey, "ann", { name: "Ann", plan: { id: "pro", seats: 3 } });
    const { identity, isAdmin, expiresAt } = await authentication.ofToken(token);
    expect(identity).toEqual({
      issuer: ISSUER,
      subject: "ann",
      tokenIdentifier: `${ISSUER}|ann`,
      name: "Ann",
      "plan.id": "pro",
      "plan.seats": 3,
    });
    expect(isAdmin).toBe(false);
    expect(expiresAt - Date.now()).toBeGreaterThan(3_500_000);
  });

  test("may be signed with RS256, where the provider says so", async () => {
    const { privateKey, publicKey } = await generateKeyPair("RS256");
    const keys = [{ ...(await exportJWK(publicKey)), kid: "rsa", alg: "RS256" }];
    const jwks = `data:text/plain,${encodeURIComponent(JSON.stringify({ keys }))}`;
    const ofRsa = new Authentication(ADMIN_KEY, () => [{ ...provider(), jwks, algorithm: "RS256" }]);
    const token = await claims("ann").setProtectedHeader({ alg: "RS256", kid: "rsa" }).sign(privateKey);
    expect((await ofRsa.ofToken(token)).identity?.subject).toBe("ann");
  });

  test("is refused from anyone else, for anyone else, and at any other time", async () => {
    const another = await newSigningKey();
    const now = Math.floor(Date.now() / 1000);
    const [header, , signature] = (await signToken(signingKey, "ann")).split(".");
    const [, payload] = (await signToken(signingKey, "admin")).split(".");
    const publicKey = new TextEncoder().encode(JSON.stringify(signingKey.publicKey));

    const forged: Record<string, [token: string, reason: RegExp]> = {
      "another key's": [await signToken(another, "ann"), /Could not decode token/],
      "with another payload": [`${header}.${payload}.${signature}`, /Could not decode token/],
      "without a signature": [`${header}.${payload}.`, /Could not decode token/],
      "of no algorithm": [unsecured(), /Could not decode token/],
      "signed with the public key as a secret": [
        await claims("ann").setProtectedHeader({ alg: "HS256", kid: "embedded" }).sign(publicKey),
        /Could not decode token/,
      ],
      "of another issuer": [
        await signToken({ ...signingKey, issuer: "https://x" }, "ann"),
        /No auth provider/,
      ],
      "for another audience": [await signToken(signingKey, "ann", { aud: "another" }), /No auth provider/],
      expired: [await signToken(signingKey, "ann", { exp: now - 60 }), /Token expired/],
      "without an end": [await signToken(signingKey, "ann", { exp: undefined }), /Could not decode token/],
      "not valid yet": [await signToken(signingKey, "ann", { nbf: now + 60 }), /Could not decode token/],
      "of nobody": [await signToken(signingKey, "ann", { sub: undefined }), /Could not decode token/],
      "no token": ["something", /Could not parse JWT/],
    };
    for (const [what, [token, reason]] of Object.entries(forged)) {
      await expect(authentication.ofToken(token), what).rejects.toThrow(reason);
    }
  });

  test("ends by the real clock", async () => {
    const token = await signToken(signingKey, "ann");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 + 10_000 });
    try {
      await expect(authentication.ofToken(token)).rejects.toThrow("Token expired");
    } finally {
      vi.useRealTimers();
    }
  });

  test("needs keys that are here: none are fetched", async () => {
    const remote = new Authentication(ADMIN_KEY, () => [{ ...provider(), jwks: "https://keys.example" }]);
    await expect(remote.ofToken(await signToken(signingKey, "ann"))).rejects.toThrow(/fetches no keys/);
  });
});

describe("the admin key", () => {
  test("opens everything, in the name of a user if he is named", async () => {
    expect(await authentication.ofHeader(`Convex ${ADMIN_KEY}`)).toMatchObject({ isAdmin: true });
    const ann = { subject: "ann", issuer: "https://x", tokenIdentifier: "https://x|ann" };
    const acting = Buffer.from(JSON.stringify(ann)).toString("base64");
    expect(await authentication.ofHeader(`Convex ${ADMIN_KEY}:${acting}`)).toMatchObject({
      identity: ann,
      isAdmin: true,
    });
  });

  test("is no other key, and nothing like a token", async () => {
    for (const header of ["Convex x", `Convex ${ADMIN_KEY}x`, `Convex ${ADMIN_KEY.slice(0, -1)}`]) {
      await expect(authentication.ofHeader(header), header).rejects.toThrow(/admin key was invalid/);
    }
    await expect(authentication.ofHeader(`Bearer ${ADMIN_KEY}`)).rejects.toThrow(/Could not parse JWT/);
    await expect(authentication.ofHeader(ADMIN_KEY)).rejects.toThrow(/must begin with/);
  });

  test("is made once, and is readable for its owner alone; so is what signs tokens", async () => {
    const folder = path.join(temporaryFolder("keys"), "data");
    const key = adminKeyIn(folder);
    const { issuer, privateKey } = await signingKeyIn(folder);
    expect(key).toMatch(/^embedded\|[0-9a-f]{64}$/);
    expect([adminKeyIn(folder), await signingKeyIn(folder)]).toMatchObject([key, { issuer, privateKey }]);
    const modes = ["", "admin-key", "signing-key.json"].map(
      (file) => fs.statSync(path.join(folder, file)).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });
});

describe("a live client", () => {
  let served: Served;

  beforeAll(async () => {
    served = await serve();
  });

  test("whose token has run out gets a new one", async () => {
    const { frames, Recording } = recording();
    const client = liveClient(served, Recording);
    const live = watch<{ author: string }>(client, notes.mine);
    const asked: boolean[] = [];
    const states: boolean[] = [];
    client.setAuth(
      async ({ forceRefreshToken }) => {
        asked.push(forceRefreshToken);
        return forceRefreshToken
          ? await tokenFor(served, "ann")
          : await tokenFor(served, "ann", { exp: Math.floor(Date.now() / 1000) - 60 });
      },
      (isSignedIn) => states.push(isSignedIn),
    );
    await eventually(() => expect(live.last()?.author).toBe("ann"));
    expect(received(frames, "AuthError")).toEqual([
      {
        type: "AuthError",
        error: "Could not validate token: Token expired",
        baseVersion: 0,
        authUpdateAttempted: true,
      },
    ]);
    expect(asked.slice(0, 2)).toEqual([false, true]);
    expect(states).toEqual([true]);
  });

  test("whose token runs out while it is connected needs another before it can go on", async () => {
    const { frames, Recording } = recording();
    const client = liveClient(served, Recording);
    const live = watch<{ author: string; texts: string[] }>(client, notes.mine);
    client.setAuth(async () => await tokenFor(served, "ben"));
    await eventually(() => expect(live.last()?.author).toBe("ben"));

    const later = Date.now() + 3_600_000 + 10_000;
    const now = vi.spyOn(Date, "now").mockReturnValue(later);
    const written = client.mutation(notes.write, { text: "late" });
    await eventually(() =>
      expect(received(frames, "AuthError")).toMatchObject([{ authUpdateAttempted: false }]),
    );
    now.mockRestore();
    await written;
    expect(live.last()).toEqual({ author: "ben", texts: ["late"] });
    expect(sent(frames, "Authenticate").length).toBeGreaterThan(1);
  });

  test("that comes with a forged token, or with an unsigned one, is nobody", async () => {
    const forgeries = [
      () => newSigningKey().then((another) => signToken(another, "ann")),
      async () => unsecured(),
    ];
    for (const forgery of forgeries) {
      const client = liveClient(served);
      const live = watch<{ author: string }>(client, notes.mine);
      const states: boolean[] = [];
      client.setAuth(forgery, (isSignedIn) => states.push(isSignedIn));
      await eventually(() => expect(states).toContain(false));
      await eventually(() => expect(live.last()?.author).toBe("nobody"));
      expect(live.values.filter(({ author }) => author !== "nobody")).toEqual([]);
    }
  });

  test("over HTTP is told that its token is none", async () => {
    const token = (await tokenFor(served, "ann")).slice(0, -4) + "AAAA";
    await expect(httpClient(served, token).query(notes.mine, {})).rejects.toThrow(/InvalidAuthHeader/);
    const honest = httpClient(served, await tokenFor(served, "ann"));
    expect(await honest.query(notes.mine, {})).toMatchObject({ author: "ann" });
  });
});

function provider() {
  const { AUTH_ISSUER, AUTH_JWKS } = authEnvironment(signingKey);
  return {
    type: "customJwt",
    applicationID: "tally",
    issuer: AUTH_ISSUER!,
    jwks: AUTH_JWKS!,
    algorithm: "ES256",
  } satisfies AuthProvider;
}

function payloadOf(subject: string): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, aud: "tally", sub: subject, iat: now, exp: now + 3_600 };
}

function claims(subject: string): SignJWT {
  return new SignJWT(payloadOf(subject));
}

function unsecured(): string {
  return new UnsecuredJWT(payloadOf("ann")).encode();
}
