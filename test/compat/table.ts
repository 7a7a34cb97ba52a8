/** The results as a README shows them: methods by versions, and why some do not work. */
import type { Case, Result } from "./cases.js";

/** What the documents of the peers ask for that no server can give them. */
const BROKEN: readonly { what: string; why: string }[] = [
  {
    what: "`await autumn.check(…)` in Python, as Autumn's documents have it",
    why: "`check` of `autumn_sdk` is synchronous: the request is made, and then Python cannot wait for its answer. `await autumn.check_async(…)`, or leave `await` out.",
  },
  {
    what: "`idempotencyKey` in `track` of autumn-js 1.x",
    why: 'The client drops it before it sends. Send the header: `autumn.track({ … }, { headers: { "Idempotency-Key": key } })`.',
  },
  {
    what: "`@useautumn/convex` 0.0.23 with autumn-js 1.x",
    why: "It reads the answers of 0.1 alone. `convex-tally/autumn` exports its class.",
  },
  {
    what: "`@billingos/node`",
    why: "It is not on npm. `convex-tally/billingos` exports its class, and serves its routes.",
  },
];

const WORDS: Record<Result, string> = { works: "✓", refused: "–", broken: "✗" };

interface Column {
  title: string;
  client: string;
}

function table(cases: readonly Case[], first: string, columns: readonly Column[]): string {
  const of = ({ client }: Column) => cases.filter((one) => one.client === client);
  const methods = [...new Set(columns.flatMap((column) => of(column).map(({ method }) => method)))];
  const cell = (column: Column, method: string) => {
    const found = of(column).find((one) => one.method === method);
    return found === undefined ? "" : WORDS[found.result];
  };
  return aligned([
    [first, ...columns.map(({ title }) => title)],
    ...methods.map((method) => [`\`${method}\``, ...columns.map((column) => cell(column, method))]),
  ]);
}

/** What is refused, by the reason. */
function refusals(cases: readonly Case[]): string {
  const refused = cases.filter(({ result }) => result === "refused");
  const reasons = [...new Set(refused.map(({ why }) => why))];
  return reasons
    .map((reason) => {
      const methods = [
        ...new Set(refused.filter(({ why }) => why === reason).map(({ method }) => `\`${method}\``)),
      ];
      return `- ${reason} (${methods.join(", ")})`;
    })
    .join("\n");
}

export interface Columns {
  sdk: readonly string[];
  react: readonly string[];
  others: readonly string[];
}

export function tables(cases: readonly Case[], { sdk, react, others }: Columns): string {
  const columns = (clients: readonly string[]) => clients.map((client) => ({ client, title: client }));
  const rest = cases.filter(({ client }) => others.includes(client));
  const works = cases.filter(({ result }) => result === "works").length;
  const refused = cases.filter(({ result }) => result === "refused").length;
  return [
    `${works} calls work (✓), ${refused} are refused (–).`,
    table(cases, "Method", columns(sdk)),
    table(cases, "Hook", columns(react)),
    aligned([
      ["Client", "Call", ""],
      ...rest.map(({ client, method, result }) => [client, `\`${method}\``, WORDS[result]]),
    ]),
    "What is refused, and what does it instead:",
    refusals(cases),
    "What their documents say and no server can help:",
    BROKEN.map(({ what, why }) => `- ${what}. ${why}`).join("\n"),
  ].join("\n\n");
}

/** As Prettier has it. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(3, ...rows.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)].join(
    "\n",
  );
}
