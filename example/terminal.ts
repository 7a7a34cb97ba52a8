/** What the walk prints: numbered steps, meters, and what the app answered. */
const PLAIN = !process.stdout.isTTY || process.env["NO_COLOR"] !== undefined;
const paint = (code: number) => (text: string) => (PLAIN ? text : `\u001b[${code}m${text}\u001b[0m`);
export const bold = paint(1);
export const dim = paint(2);
const [red, green, yellow] = [paint(31), paint(32), paint(33)];

const WIDTH = 24;
let steps = 0;

export function step(title: string): void {
  steps += 1;
  console.log(`\n${bold(`${steps}. ${title}`)}`);
}

export const say = (text: string): void => console.log(`   ${text}`);
export const yes = (text: string): void => say(`${green("✓")} ${text}`);
export const no = (text: string): void => say(`${red("✗")} ${text}`);

export interface Reading {
  used: number;
  granted: number;
  remaining: number;
  resetsAt: number | null;
}

/** A line such as `messages  ██████░░░░  2 of 5 left, resets 21 Dec`. */
export function meter(name: string, { used, granted, remaining, resetsAt }: Reading, unit = ""): void {
  const share = granted === 0 ? 0 : Math.min(1, Math.max(0, used / granted));
  const filled = Math.round(share * WIDTH);
  const color = share >= 1 ? red : share >= 0.75 ? yellow : green;
  const bar = color("█".repeat(filled)) + dim("░".repeat(WIDTH - filled));
  const reset = resetsAt === null ? "" : dim(`, resets ${dayOf(resetsAt)}`);
  say(`${name.padEnd(12)}${bar}  ${unit}${remaining} of ${unit}${granted} left${reset}`);
}

export function dayOf(instant: number): string {
  return new Date(instant).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
}
