/** What the page asks of the server that serves it: tokens in the stead of a sign-in, and the clock. */

/** A real deployment's clock cannot be moved. */
export const HAS_CLOCK: boolean = import.meta.env["VITE_CLOCK"];

async function post<Answer>(path: string, body: object): Promise<Answer> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Answer & { message?: string };
  if (!response.ok) throw new Error(answer.message ?? "The demo's server did not answer.");
  return answer;
}

export async function tokenOf(userId: string): Promise<string> {
  return (await post<{ token: string }>("/demo/token", { userId })).token;
}

/** @returns the deployment's time, after it was moved */
export async function moveClock(by: "nothing" | "day" | "month"): Promise<number> {
  return (await post<{ now: number }>("/demo/clock", { by })).now;
}
