// @vitest-environment node
import { ConvexProvider, ConvexReactClient } from "convex/react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { createTallyReact } from "../../src/react/index.js";
import { api } from "./app.js";

const client = new ConvexReactClient("https://tally.convex.cloud");
const { useCustomer, useBalance, useCheck, usePlans, useCheckout, ...components } = createTallyReact(
  api.billing,
);
const { UsageMeter, BalanceBreakdown, Gate, Paywall, PricingTable, BuyButton } = components;

test("a server renders pages as they are while they load", () => {
  expect(typeof window).toBe("undefined");
  const Page = () => {
    const { customer, loading } = useCustomer();
    const known = [customer, useBalance("messages"), useCheck({ featureId: "messages" }), usePlans()];
    const { pending } = useCheckout();
    return (
      <main>
        <p>{JSON.stringify([loading, pending, known.every((each) => each === undefined)])}</p>
        <UsageMeter featureId="messages" />
        <BalanceBreakdown featureId="messages" loading="…" />
        <Gate featureId="messages" fallback="no" loading="soon">
          yes
        </Gate>
        <Paywall featureId="messages" />
        <PricingTable />
        <BuyButton planId="pro" />
      </main>
    );
  };
  const html = renderToString(
    <ConvexProvider client={client}>
      <Page />
    </ConvexProvider>,
  );
  expect(html).toBe(
    "<main><p>[true,false,true]</p>" +
      '<div data-tally="usage-meter" data-state="loading" aria-busy="true"></div>' +
      '<div data-tally="balance-breakdown" data-state="loading" aria-busy="true">…</div>' +
      "soon" +
      '<div data-tally="pricing-table" data-state="loading" aria-busy="true"></div>' +
      '<button type="button" data-tally="buy-button" data-state="ready">Buy</button></main>',
  );
});
