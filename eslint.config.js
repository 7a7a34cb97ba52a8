import convexPlugin from "@convex-dev/eslint-plugin";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import { doors } from "./eslint.doors.js";

/** Syntax that Convex refuses at a push, and shapes that would reach the app as `any`. */
const refusedInDeployments = [
  {
    selector: "ImportExpression",
    message: "Convex functions cannot import dynamically.",
  },
  {
    selector: "AwaitExpression:not(:function AwaitExpression)",
    message: "Convex modules cannot wait at the top level.",
  },
  {
    selector: "CallExpression[callee.object.name='v'][callee.property.name='any']",
    message: "Say what the value is: `v.any()` checks nothing.",
  },
];

export default defineConfig(
  globalIgnores([
    "**/_generated/",
    "**/dist/",
    "coverage/",
    // Another project, which imports this package: its own compiler checks it.
    "test/package/app/",
    "test/package/readme/",
  ]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  ...everyFile(),
  ...published(),
  ...pureRules(),
  ...convexFunctions(),
  ...doors,
);

/** What holds for every file, the tests and the scripts included. */
function everyFile() {
  return [
    ...tseslint.configs.recommended,
    {
      languageOptions: {
        parserOptions: {
          projectService: true,
          tsconfigRootDir: import.meta.dirname,
        },
      },
      rules: {
        eqeqeq: ["error", "always", { null: "ignore" }],
        "@typescript-eslint/no-explicit-any": "error",
        "@typescript-eslint/no-floating-promises": "error",
        "@typescript-eslint/no-misused-promises": "error",
        "@typescript-eslint/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
        "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      },
    },
  ];
}

/** What runs in a deployment: no value may slip through untyped. */
function published() {
  const files = ["src/**/*.{ts,tsx}", "convex/**/*.{ts,tsx}"];
  return [
    ...tseslint.configs.recommendedTypeCheckedOnly.map((config) => ({
      ...config,
      files,
    })),
    {
      files,
      rules: {
        // Convex asks for async handlers, whether they wait or not.
        "@typescript-eslint/require-await": "off",
        "@typescript-eslint/switch-exhaustiveness-check": "error",
        "no-restricted-syntax": ["error", ...refusedInDeployments],
      },
    },
  ];
}

/** The rules of usage are functions of their arguments: no clock, no chance, no I/O. */
function pureRules() {
  return [
    {
      files: ["src/core/**/*.ts"],
      rules: {
        "no-restricted-properties": [
          "error",
          { object: "Date", property: "now" },
          { object: "Math", property: "random" },
        ],
        "no-restricted-globals": [
          "error",
          "console",
          "crypto",
          "fetch",
          "performance",
          "process",
          "setInterval",
          "setTimeout",
        ],
        "no-restricted-syntax": [
          "error",
          ...refusedInDeployments,
          {
            selector: "NewExpression[callee.name='Date'][arguments.length=0]",
            message: "Core has no clock: take the time as an argument.",
          },
        ],
      },
    },
  ];
}

/** Convex's own rules, for the app and for the component. */
function convexFunctions() {
  const rules = {
    ...convexPlugin.configs.recommended[0].rules,
    "@convex-dev/import-wrong-runtime": "error",
    "@convex-dev/no-collect-in-query": "error",
  };
  return [
    {
      files: ["convex/**/*.ts"],
      plugins: { "@convex-dev": convexPlugin },
      rules: {
        ...rules,
        // Applies to bare `query`, `mutation` and `action`; `userQuery` and its
        // kin identify the caller themselves. The rule's own pattern also takes
        // "check", which in this app is a check of usage and lets anyone in.
        "@convex-dev/require-access-control": [
          "error",
          { pattern: "^(require|assert|ensure|can)([A-Z_]|$)|^has[A-Z_]" },
        ],
      },
    },
    {
      files: ["src/component/**/*.ts"],
      plugins: { "@convex-dev": convexPlugin },
      rules: {
        ...rules,
        // No client reaches a component's functions: the app that mounts it is
        // their only caller, and decides who may do what.
        "@convex-dev/require-access-control": "off",
        "no-restricted-syntax": [
          "error",
          ...refusedInDeployments,
          {
            selector:
              "CallExpression[callee.name=/^(internal)?(query|mutation|action)$/i] > ObjectExpression:not(:has(> Property[key.name='returns']))",
            message: "Declare `returns`: without it the app sees `any`.",
          },
        ],
      },
    },
  ];
}
