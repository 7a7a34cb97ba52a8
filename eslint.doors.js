/**
 * The doors of the house: what each folder may import.
 *
 * `core` is the rules, `component` decides by calling them, `client` is what an
 * app imports and knows the component by its generated types alone, `payments`
 * is what it imports to sell, and the only place that knows a provider, `wire`
 * is what the peers' clients call, which `http`, `autumn` and `billingos` serve, `react`
 * shares the rules with the browser and knows the client's types, and `convex`
 * is an app like any other: it sees what an app that installed the package would
 * see.
 */
export const doors = [
  ...folder("src/core", {
    packages: ["convex/values", "big.js"],
  }),
  ...folder("src/component", {
    packages: [
      "convex/server",
      "convex/values",
      // Convex's own `.paginate()` throws inside components.
      "convex-helpers/server/pagination",
    ],
    opens: ["core/"],
  }),
  ...folder("src/client", {
    packages: ["convex/", "convex-helpers"],
    opens: ["core/"],
    opensForTypes: ["component/_generated/component.js"],
  }),
  ...folder("src/payments", {
    packages: ["convex/", "stripe"],
    opens: ["core/", "client/"],
    opensForTypes: ["component/_generated/component.js"],
  }),
  ...folder("src/wire", {
    packages: ["convex/", "zod"],
    opens: ["core/", "client/"],
    opensForTypes: ["payments/", "component/_generated/component.js"],
  }),
  ...["src/http", "src/autumn", "src/billingos"].flatMap((entry) =>
    folder(entry, {
      packages: ["convex/"],
      opens: ["core/", "client/", "wire/"],
      opensForTypes: ["payments/", "component/_generated/component.js"],
    }),
  ),
  ...folder("src/react", {
    packages: ["convex/", "react"],
    opens: ["core/"],
    opensForTypes: ["client/"],
  }),
  ...folder("convex", {
    packages: ["convex/", "convex-helpers"],
    opens: [
      "src/component/convex.config.js",
      "src/client/index.js",
      "src/payments/index.js",
      "src/payments/stripe.js",
      "src/http/index.js",
      "src/autumn/index.js",
      "src/billingos/index.js",
    ],
  }),
  file("src/test.ts", {
    packages: ["convex/", "convex-test"],
    opens: ["component/"],
  }),
];

/**
 * @typedef {object} Door What a place may import besides itself.
 * @property {string[]} packages names, or beginnings of names, of packages
 * @property {string[]} [opens] files, or beginnings of their paths, seen from the place's parent folder
 * @property {string[]} [opensForTypes] the same, for type imports only
 */

/**
 * One rule for each depth, since a relative path leaves the folder with as many
 * steps up as its file lies deep.
 * @param {string} place
 * @param {Door} door
 */
function folder(place, door) {
  return [1, 2, 3].map((depth) => ({
    files: [`${place}${"/*".repeat(depth)}.{ts,tsx}`],
    rules: onlyThrough(door, place, "../".repeat(depth)),
  }));
}

/**
 * @param {string} place
 * @param {Door} door
 */
function file(place, door) {
  return { files: [place], rules: onlyThrough(door, place, "./") };
}

/**
 * @param {Door} door
 * @param {string} place
 * @param {string} out the steps that lead from a file out of the place
 */
function onlyThrough({ packages, opens = [], opensForTypes = [] }, place, out) {
  const patterns = [
    {
      regex: `^(?!\\.)(?!${oneOf(packages)})`,
      message: `Of packages, ${place} imports only ${packages.join(", ")}.`,
    },
    {
      regex: `^${escape(out)}(?!${oneOf([...opens, ...opensForTypes])})`,
      message: `Of the repository, ${place} imports only ${[place, ...opens, ...opensForTypes].join(", ")}.`,
    },
    ...opensForTypes.map((path) => ({
      regex: `^${escape(out + path)}`,
      allowTypeImports: true,
      message: `${place} imports nothing but types from ${path}.`,
    })),
  ];
  return {
    "@typescript-eslint/no-restricted-imports": ["error", { patterns }],
  };
}

/** @param {string[]} beginnings */
function oneOf(beginnings) {
  // Nothing is allowed where nothing is named: a class without members never matches.
  return `(${beginnings.map(escape).join("|") || "[]"})`;
}

/** @param {string} text */
function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
