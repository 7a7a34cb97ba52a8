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
};
