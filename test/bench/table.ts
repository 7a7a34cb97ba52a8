import type { TransactionCost } from "../footprint/recorder.js";
import type { Measurement } from "./operation.js";

const HEADER = [
  "operation",
  "queries",
  "documents read",
  "bytes read",
  "documents written",
  "bytes written",
  "component crossings",
  "conflicts with itself",
];

/** Lines of plain text, a row per measurement, with the mean over its calls. */
export function table(measurements: readonly Measurement[]): string {
  const rows = [HEADER, ...measurements.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => line(row, widths)).join("\n");
}

function cells({ name, costs, crossings, conflictsWithItself }: Measurement): string[] {
  const mean = (metric: keyof TransactionCost) =>
    rounded(costs.reduce((sum, cost) => sum + cost[metric], 0) / costs.length);
  return [
    name,
    mean("databaseQueries"),
    mean("documentsRead"),
    mean("bytesRead"),
    mean("documentsWritten"),
    mean("bytesWritten"),
    String(crossings),
    conflictsWithItself,
  ];
}

/** Names to the left, numbers to the right. */
function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    .join("  ");
}

function rounded(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
