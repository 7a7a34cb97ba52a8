/** An app that serves the peers' clients, on an embedded deployment. */
import fs from "node:fs";
import path from "node:path";
import { runCli } from "../../example/embedded/cli.js";
import { authEnvironment, newAdminKey, newSigningKey, signToken } from "../../example/embedded/keys.js";
import { startDeployment } from "../../example/embedded/server.js";
import { removeTemporaryFolders, temporaryFolder } from "../../example/embedded/temporary-folder.js";

const repository = path.resolve(import.meta.dirname, "../..");

export const SECRET = "am_sk_test_compat";
export const ORIGIN = "https://app.example.com";

export interface World {
  /** Where the routes are. */
  url: string;
  /** Where the deployment is. */
  cloudUrl: string;
  /** What an identity provider would give to a page. */
  tokenFor(subject: string, claims?: Record<string, string>): Promise<string>;
  /** A customer whom no other case knows. */
  customer(): string;
  /** What a payer sees, and pays. */
  pay(checkoutUrl: string): Promise<void>;
  close(): Promise<void>;
}

export async function deployed(): Promise<World> {
  const silent = () => {};
  const key = await newSigningKey();
  const deployment = await startDeployment({
    port: 0,
    sitePort: 0,
    dataDir: null,
    adminKey: newAdminKey(),
    env: { ...authEnvironment(key), TALLY_SECRET_KEY: SECRET },
    log: {
      debug: silent,
      info: silent,
      log: silent,
      warn: silent,
      error: process.env.COMPAT_LOG === undefined ? silent : console.error,
    },
  });
  const { succeeded, output } = await runCli(project(), deployment, [
    "deploy",
    "--yes",
    "--typecheck",
    "disable",
    "--codegen",
    "disable",
  ]);
  if (!succeeded) throw new Error(`The app could not be deployed.\n${output}`);
  let customers = 0;
  return {
    url: deployment.siteUrl,
    cloudUrl: deployment.url,
    tokenFor: (subject, claims) => signToken(key, subject, claims),
    customer: () => `customer_${++customers}`,
    pay: async (checkoutUrl) => {
      const session = new URL(checkoutUrl).searchParams.get("session");
      const body = JSON.stringify({ session, outcome: "pay" });
      const paid = await fetch(`${deployment.siteUrl}/tally/webhook`, { method: "POST", body });
      if (!paid.ok) throw new Error(`${checkoutUrl} was not paid: ${await paid.text()}`);
    },
    close: async () => {
      await deployment.close();
      removeTemporaryFolders();
    },
  };
}

/** A copy of the app as deep in a folder as it is in the repository, whose sources it imports. */
function project(): string {
  const root = temporaryFolder("compat");
  const app = path.join(root, "test/compat/app");
  fs.cpSync(path.join(import.meta.dirname, "app"), app, { recursive: true });
  fs.symlinkSync(path.join(repository, "src"), path.join(root, "src"), "dir");
  fs.symlinkSync(path.join(repository, "node_modules"), path.join(app, "node_modules"), "dir");
  return app;
}
