/** The app's shop, as the demo's own deployment has it, and somebody who buys there. */
import { afterEach, beforeEach, expect, vi } from "vitest";
import { api } from "../../convex/_generated/api.js";
import type { Id } from "../../convex/_generated/dataModel.js";
import type { Deployment, signedIn } from "./deployment.js";

type Person = ReturnType<typeof signedIn>;

interface Wish {
  planId: string;
  workspaceId?: Id<"workspaces">;
}

export const PAGE = "http://127.0.0.1:5173";

export function shopOpen(): void {
  beforeEach(() => {
    vi.stubEnv("CONVEX_SITE_URL", "http://127.0.0.1:3211");
    vi.stubEnv("DEMO_PAYMENTS", "true");
    vi.stubEnv("APP_ORIGINS", `${PAGE},http://localhost:5173`);
  });
  afterEach(() => void vi.unstubAllEnvs());
}

/** @returns the session that waits to be paid */
export async function opened(person: Person, wish: Wish): Promise<string> {
  const { url } = await person.action(api.payments.checkout, { successUrl: `${PAGE}/#/plans`, ...wish });
  if (url === null) throw new Error("There was nothing to pay.");
  return new URL(url).searchParams.get("session") ?? "";
}

/** Presses a button of the demo's checkout page. */
export async function press(t: Deployment, session: string, outcome: "pay" | "decline" | "abandon") {
  const body = JSON.stringify({ session, outcome });
  const { status } = await t.fetch("/tally/webhook", { method: "POST", body });
  expect(status).toBe(200);
}

export async function buy(t: Deployment, person: Person, wish: Wish): Promise<void> {
  await press(t, await opened(person, wish), "pay");
}
