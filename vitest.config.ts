import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

type ProjectConfig = NonNullable<TestProjectInlineConfiguration["test"]>;

/** A test that runs beside many on a busy machine is slow, and not wrong. */
const patient = { testTimeout: 30_000, hookTimeout: 30_000 };

/** The runtime of Convex functions, as near as Node comes to it. */
const convexRuntime: ProjectConfig = {
  ...patient,
  environment: "edge-runtime",
  // It finds the functions of a suite that passes none by a glob of its own,
  // which Vite expands only in what it transforms.
  server: { deps: { inline: ["convex-test"] } },
};

/** Packing, installing and compiling take what they take. */
const slow = { testTimeout: 180_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    // Vitest leaves one core idle, which is half of a machine of two.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "core",
          ...patient,
          include: ["test/core/**/*.test.ts", "test/mutations/**/*.test.ts"],
        },
      },
      {
        test: {
          name: "component",
          include: ["test/component/**/*.test.ts", "test/footprint/**/*.test.ts"],
          ...convexRuntime,
        },
      },
      {
        test: {
          name: "app",
          include: ["test/app/**/*.test.ts", "test/oracle/**/*.test.ts"],
          ...convexRuntime,
        },
      },
      {
        test: {
          name: "payments",
          include: ["test/payments/**/*.test.ts"],
          ...convexRuntime,
        },
      },
      {
        test: {
          name: "wire",
          include: ["test/wire/**/*.test.ts"],
          ...convexRuntime,
        },
      },
      {
        test: {
          name: "react",
          include: ["test/react/**/*.test.{ts,tsx}"],
          ...patient,
          environment: "jsdom",
          server: { deps: { inline: ["convex-test"] } },
        },
      },
      {
        test: {
          name: "simulator",
          include: ["test/simulator/**/*.test.ts"],
          ...convexRuntime,
        },
      },
      {
        test: {
          name: "embedded",
          ...patient,
          include: ["test/embedded/**/*.test.ts"],
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          // Two deployments, two browsers and two cores: one after the other.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            tsconfig: "test/types/tsconfig.json",
            include: ["test/types/**/*.test-d.{ts,tsx}"],
          },
        },
      },
      {
        test: {
          name: "package",
          include: ["test/package/*.test.ts"],
          ...slow,
        },
      },
      {
        test: {
          name: "compat",
          include: ["test/compat/**/*.test.ts"],
          ...slow,
        },
      },
      {
        test: {
          name: "bench",
          include: ["test/bench/**/*.test.ts"],
          ...convexRuntime,
          ...slow,
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/**"],
      // Types alone, and the entry that only a user's own suite can import.
      exclude: ["**/_generated/**", "src/test.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: {
        "src/core/**": { lines: 95, branches: 95 },
        "src/component/**": { lines: 90, branches: 90 },
      },
    },
  },
});
