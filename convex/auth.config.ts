import type { AuthConfig } from "convex/server";

/**
 * Who may sign users in. Both variables are the deployment's:
 *
 * - `AUTH_ISSUER`: the `iss` of the tokens, such as `https://login.example.com`
 * - `AUTH_JWKS`: where the issuer's public keys are, or a `data:` URL that holds them
 *
 * Set them with `npx convex env set`; Convex refuses a push without them. The
 * embedded deployment sets them to a key of its own.
 */
declare const process: { env: { AUTH_ISSUER: string; AUTH_JWKS: string } };

export default {
  providers: [
    {
      type: "customJwt",
      applicationID: "tally",
      issuer: process.env.AUTH_ISSUER,
      jwks: process.env.AUTH_JWKS,
      algorithm: "ES256",
    },
  ],
} satisfies AuthConfig;
