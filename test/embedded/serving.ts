import fs from "node:fs";
import path from "node:path";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { afterAll, afterEach, expect, vi } from "vitest";
import { WebSocket } from "ws";
import { runCli } from "../../example/embedded/cli.js";
import {
  authEnvironment,
  newAdminKey,
  newSigningKey,
  signToken,
  type SigningKey,
} from "../../example/embedded/keys.js";
import {
  startDeployment,
  type DeploymentOptions,
  type RunningDeployment,
} from "../../example/embedded/server.js";
import { removeTemporaryFolders, temporaryFolder } from "../../example/embedded/temporary-folder.js";

const fixture = path.join(import.meta.dirname, "app");
const packages = path.resolve(import.meta.dirname, "../../node_modules");

export const PUSH = ["deploy", "--yes", "--typecheck", "disable", "--codegen", "disable"];

/** A deployment that serves the fixture's app, and who may sign in at it. */
export interface Served extends RunningDeployment {
  signingKey: SigningKey;
  project: string;
}

const running: RunningDeployment[] = [];
const clients: ConvexClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

afterAll(async () => {
  await Promise.all(running.splice(0).map((deployment) => deployment.close()));
  // A worker of Vitest's is ended before it could.
  removeTemporaryFolders();
});

/** A copy of the fixture's project, to change as one likes. */
export function newProject(changes: Record<string, string> = {}): string {
  const project = temporaryFolder("project");
  fs.cpSync(fixture, project, { recursive: true });
  fs.symlinkSync(packages, path.join(project, "node_modules"), "dir");
  change(project, changes);
  return project;
}

/** @param changes contents by path in convex/ */
export function change(project: string, changes: Record<string, string>): void {
  for (const [file, content] of Object.entries(changes)) {
    fs.writeFileSync(path.join(project, "convex", file), content);
  }
}

/** Starts a deployment, and pushes the fixture to it with the real CLI. */
export async function serve(options: Partial<DeploymentOptions> = {}): Promise<Served> {
  const deployment = await start(options);
  const project = newProject();
  const { succeeded, output } = await runCli(project, deployment, PUSH);
  expect(succeeded, output).toBe(true);
  return { ...deployment, project };
}

/** Starts a deployment without code. */
export async function start(
  options: Partial<DeploymentOptions> = {},
): Promise<RunningDeployment & { signingKey: SigningKey }> {
  const silent = () => {};
  const signingKey = await newSigningKey();
  const deployment = await startDeployment({
    port: 0,
    sitePort: 0,
    dataDir: null,
    adminKey: newAdminKey(),
    log: { debug: silent, error: silent, info: silent, log: silent, warn: silent },
    ...options,
    env: { ...authEnvironment(signingKey), ...options.env },
  });
  running.push(deployment);
  return { ...deployment, signingKey };
}

export function httpClient({ url }: { url: string }, token?: string): ConvexHttpClient {
  return new ConvexHttpClient(url, { logger: false, ...(token === undefined ? {} : { auth: token }) });
}

/** A client as a browser has it. */
export function liveClient(
  { url }: { url: string },
  webSocketConstructor: new (url: string) => WebSocket = WebSocket,
): ConvexClient {
  const client = new ConvexClient(url, {
    logger: false,
    webSocketConstructor: webSocketConstructor as unknown as typeof globalThis.WebSocket,
    unsavedChangesWarning: false,
  });
  clients.push(client);
  return client;
}

/** Collects what a subscription shows, in order. */
export function watch<T>(
  client: ConvexClient,
  query: Parameters<ConvexClient["onUpdate"]>[0],
  args: Record<string, unknown> = {},
): { values: T[]; errors: Error[]; last: () => T | undefined } {
  const values: T[] = [];
  const errors: Error[] = [];
  client.onUpdate(
    query,
    args,
    (value) => values.push(value as T),
    (error) => errors.push(error),
  );
  return { values, errors, last: () => values.at(-1) };
}

/** Waits for an assertion to hold. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(assertion, { timeout: 10_000, interval: 10 });
}

export async function tokenFor({ signingKey }: Served, subject: string, claims = {}): Promise<string> {
  return await signToken(signingKey, subject, claims);
}

type Frame = { direction: "sent" | "received"; message: Record<string, unknown> };

/** A client's WebSocket that writes down what passes. */
export function recording() {
  const frames: Frame[] = [];
  class Recording extends WebSocket {
    static last: Recording | null = null;
    constructor(url: string) {
      super(url);
      Recording.last = this;
      this.on("message", (data) => note("received", String(data)));
    }
    override send(data: string): void {
      note("sent", data);
      super.send(data);
    }
  }
  const note = (direction: Frame["direction"], text: string) =>
    frames.push({ direction, message: JSON.parse(text) as Frame["message"] });
  return { frames, Recording };
}

export function received(frames: Frame[], type: string) {
  return frames
    .filter(({ direction, message }) => direction === "received" && message.type === type)
    .map(({ message }) => message);
}

export function sent(frames: Frame[], type: string) {
  return frames
    .filter(({ direction, message }) => direction === "sent" && message.type === type)
    .map(({ message }) => message);
}
