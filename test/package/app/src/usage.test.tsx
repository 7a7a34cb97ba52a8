// @vitest-environment node
import { ConvexProvider, ConvexReactClient } from "convex/react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { Usage } from "./Usage";

test("a page is rendered on a server", () => {
  const html = renderToString(
    <ConvexProvider client={new ConvexReactClient("https://tally.convex.cloud")}>
      <Usage />
    </ConvexProvider>,
  );
  expect(html).toContain('data-tally="usage-meter"');
  expect(html).toContain("Loading");
});
