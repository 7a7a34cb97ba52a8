import { act, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { useState } from "react";
import { afterEach, describe, expect, test, vi } from "vitest";
import { tally } from "./app.js";
import { page } from "./page.js";

const customerId = "ada";
const locale = "en-US";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** What axe finds; colours and the page around are the app's. */
async function violations(container: Element): Promise<string[]> {
  const rules = { "color-contrast": { enabled: false }, region: { enabled: false } };
  const found = await axe.run(container, { rules });
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

const track = (featureId: string, value: number) => (t: ReturnType<typeof page>["backend"]["t"]) =>
  t.mutation((ctx) => tally.track(ctx, { customerId, featureId, value }));
const attach = (planId: string) => (t: ReturnType<typeof page>["backend"]["t"]) =>
  t.mutation((ctx) => tally.subscriptions.attach(ctx, { customerId, planId }));

describe("UsageMeter", () => {
  test("says how much is used, to eyes and to screen readers", async () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 31, 10), toFake: ["Date"] });
    const { UsageMeter, show, elsewhere } = page();
    const { container } = await show(<UsageMeter featureId="messages" locale={locale} className="meter" />);
    await elsewhere(track("messages", 2));
    const meter = screen.getByRole("meter", { name: "Messages" });
    expect(meter).toHaveProperty("ariaValueNow", "2");
    expect(meter.getAttribute("aria-valuemin")).toBe("0");
    expect(meter.getAttribute("aria-valuemax")).toBe("5");
    const said = meter.getAttribute("aria-valuetext");
    expect(said).toMatch(/^2 of 5 used, 3 left, resets Feb 28, 2026/);
    expect(container.querySelector("[data-part=text]")?.textContent).toBe(said);
    expect(container.firstElementChild).toMatchObject({ className: "meter" });
    expect(container.querySelector<HTMLElement>("[data-part=fill]")?.style.width).toBe("40%");
    expect(await violations(container)).toEqual([]);
  });

  test.each([
    ["ok", 0],
    ["low", 4],
    ["exhausted", 5],
  ])("is %s after %d of 5", async (state, used) => {
    const { UsageMeter, show, elsewhere } = page();
    const { container } = await show(<UsageMeter featureId="messages" />);
    if (used > 0) await elsewhere(track("messages", used));
    expect(container.firstElementChild?.getAttribute("data-state")).toBe(state);
  });

  test("says what is beyond what was granted", async () => {
    const { UsageMeter, show, elsewhere } = page();
    const { container } = await show(<UsageMeter featureId="storage" locale={locale} />);
    await elsewhere(attach("pro"));
    await elsewhere(track("storage", 12.5));
    expect(container.firstElementChild?.getAttribute("data-state")).toBe("overage");
    const meter = screen.getByRole("meter", { name: "Storage" });
    expect(meter.getAttribute("aria-valuenow")).toBe("10");
    expect(meter.getAttribute("aria-valuetext")).toMatch(/^12\.5 of 10 used, 2\.5 over/);
    expect(await violations(container)).toEqual([]);
  });

  test("measures nothing where nothing ends", async () => {
    const { UsageMeter, show, elsewhere } = page();
    const { container } = await show(<UsageMeter featureId="messages" locale={locale} />);
    await elsewhere(attach("endless"));
    await elsewhere(track("messages", 1_234));
    expect(screen.queryByRole("meter")).toBeNull();
    expect(container.textContent).toBe("Messages1,234 used, unlimited");
    expect(await violations(container)).toEqual([]);
  });

  test.each([
    ["search", "Web searchNot included"],
    ["storage", "StorageNot included"],
  ] as const)("says that %s is not there", async (featureId, said) => {
    const { UsageMeter, show } = page();
    const { container } = await show(<UsageMeter featureId={featureId} />);
    expect(container.textContent).toBe(said);
  });

  test("says that a feature is on", async () => {
    const { UsageMeter, show, elsewhere } = page();
    const { container } = await show(<UsageMeter featureId="search" />);
    await elsewhere(attach("pro"));
    expect(container.textContent).toBe("Web searchIncluded");
  });

  test("is busy while it loads, and nothing for a visitor", async () => {
    const { UsageMeter, show, backend } = page();
    backend.subject = null;
    const loading = show(<UsageMeter featureId="messages" loading="…" />);
    expect(document.querySelector("[data-tally=usage-meter]")?.getAttribute("aria-busy")).toBe("true");
    expect(document.body.textContent).toBe("…");
    const { container } = await loading;
    expect(container.innerHTML).toBe("");
  });

  test("can be said in other words, and drawn in another way", async () => {
    const { UsageMeter, show } = page();
    const { container } = await show(
      <>
        <UsageMeter featureId="messages" label="Nachrichten" text={({ remaining }) => `noch ${remaining}`} />
        <UsageMeter featureId="messages">
          {({ remaining }, { state, percent }) => <b>{`${remaining} ${state} ${percent}`}</b>}
        </UsageMeter>
      </>,
    );
    const meter = screen.getByRole("meter", { name: "Nachrichten" });
    expect(meter.getAttribute("aria-valuetext")).toBe("noch 5");
    expect(container.querySelector("b")?.textContent).toBe("5 ok 0");
  });

  test("formats as the reader's language does", async () => {
    const { UsageMeter, show, elsewhere } = page();
    const { container } = await show(<UsageMeter featureId="credits" locale="de-DE" />);
    await elsewhere(track("premium", 2.5));
    expect(container.textContent).toContain("0,25 of 0,5 used");
  });
});

describe("BalanceBreakdown", () => {
  test("tells of each grant what it has left, and until when", async () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 31, 10), toFake: ["Date"] });
    const { BalanceBreakdown, show, elsewhere } = page();
    const { container } = await show(
      <BalanceBreakdown featureId="messages" locale={locale} className="grants" />,
    );
    await elsewhere(track("messages", 1));
    await elsewhere((t) =>
      t.mutation(async (ctx) => {
        const expiresAt = Date.UTC(2026, 4, 1);
        await tally.grants.grant(ctx, { customerId, featureId: "messages", amount: 100, expiresAt });
        await tally.subscriptions.attach(ctx, { customerId, planId: "pack" });
      }),
    );
    const list = screen.getByRole("list", { name: "Messages" });
    expect(list.className).toBe("grants");
    const grants = within(list)
      .getAllByRole("listitem")
      .map(({ textContent }) => textContent);
    expect(grants).toEqual([
      expect.stringMatching(/^Free: 4 of 5 left, resets Feb 28, 2026/),
      expect.stringMatching(/^Extra: 100 of 100 left, expires (Apr 30|May 1), 2026/),
      "100 messages: 100 of 100 left",
    ]);
    expect(await violations(container)).toEqual([]);
  });

  test("names the credits that pay for a feature, in their own unit", async () => {
    const { BalanceBreakdown, show } = page();
    const { container } = await show(<BalanceBreakdown featureId="premium" locale={locale} />);
    expect(container.textContent).toMatch(/^Free \(Credits\): 0\.5 of 0\.5 left/);
  });

  test("says when there is none", async () => {
    const { BalanceBreakdown, show } = page();
    const { container } = await show(
      <>
        <BalanceBreakdown featureId="storage" />
        <BalanceBreakdown featureId="storage" empty="Nothing." />
      </>,
    );
    expect(container.textContent).toBe("No StorageNothing.");
  });

  test("draws each grant as it is told", async () => {
    const { BalanceBreakdown, show } = page();
    const { container } = await show(
      <BalanceBreakdown featureId="messages">
        {({ name, remaining }) => `${name} ${remaining}`}
      </BalanceBreakdown>,
    );
    expect(container.querySelector("li")?.textContent).toBe("Free 5");
  });
});

describe("Gate", () => {
  test("closes with the last use, and opens with the next grant", async () => {
    const { Gate, show, elsewhere } = page();
    const { container } = await show(
      <Gate featureId="messages" fallback="You're out of messages">
        <button>Send</button>
      </Gate>,
    );
    expect(screen.getByRole("button", { name: "Send" })).toBeDefined();
    await elsewhere(track("messages", 5));
    expect(container.textContent).toBe("You're out of messages");
    await elsewhere(attach("pack"));
    expect(container.textContent).toBe("Send");
  });

  test("tells both sides what was answered, null for a visitor", async () => {
    const { Gate, show, backend, settled } = page();
    const { container } = await show(
      <Gate
        featureId="premium"
        requiredBalance={2}
        loading="…"
        fallback={(answer) => (answer === null ? "Sign in" : answer.reason)}
      >
        {({ remaining }) => `${remaining} left`}
      </Gate>,
    );
    expect(container.textContent).toBe("5 left");
    backend.subject = null;
    await act(() => backend.refresh());
    await settled();
    expect(container.textContent).toBe("Sign in");
  });

  test("shows neither side while it loads", async () => {
    const { Gate, show } = page();
    const shown = show(
      <Gate featureId="messages" fallback="no" loading="…">
        yes
      </Gate>,
    );
    expect(document.body.textContent).toBe("…");
    await shown;
    expect(document.body.textContent).toBe("yes");
  });
});

describe("Paywall", () => {
  test("is nothing as long as there is enough", async () => {
    const { Paywall, show } = page();
    const { container } = await show(<Paywall featureId="messages" />);
    expect(container.innerHTML).toBe("");
  });

  test("says what is missing, until when, and what would help", async () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 31, 10), toFake: ["Date"] });
    const { Paywall, show, elsewhere } = page();
    const { container } = await show(<Paywall featureId="messages" locale={locale} className="wall" />);
    await elsewhere(track("messages", 5));
    const wall = screen.getByRole("region", { name: "You are out of Messages" });
    expect(wall).toMatchObject({ className: "wall" });
    expect(within(wall).getByRole("alert").textContent).toMatch(
      /^1 needed, 0 left\. More comes on Feb 28, 2026/,
    );
    const offers = within(wall).getAllByRole("article");
    expect(offers.map(({ dataset }) => [dataset.plan, dataset.change])).toEqual([
      ["pro", "upgrade"],
      ["pro-yearly", "upgrade"],
      ["endless", "upgrade"],
      ["team", "choose"],
      ["pack", "add"],
    ]);
    expect(within(wall).getByRole("button", { name: "Buy 100 messages" })).toBeDefined();
    expect(await violations(container)).toEqual([]);
    await elsewhere(attach("pack"));
    expect(container.innerHTML).toBe("");
  });

  test("says that no plan of his includes it", async () => {
    const { Paywall, show } = page();
    await show(<Paywall featureId="search" />);
    const wall = screen.getByRole("region", { name: "Web search is not in your plan" });
    expect(within(wall).getAllByRole("article")).toHaveLength(1);
  });

  test("says which limit it is", async () => {
    const { Paywall, show, elsewhere } = page();
    await show(<Paywall featureId="messages" requiredBalance={2} />);
    await elsewhere((t) =>
      t.mutation((ctx) =>
        tally.controls.set(ctx, {
          customerId,
          featureId: "messages",
          usageLimits: [{ max: 1, interval: "day" }],
        }),
      ),
    );
    expect(screen.getByRole("alert").textContent).toBe("A usage limit of Messages is reached.");
  });

  test("sells nothing to whoever may not buy", async () => {
    const { Paywall, show, elsewhere } = page();
    await show(<Paywall featureId="search" scope={{ workspaceId: "red" }} />);
    await elsewhere(() => Promise.resolve());
    expect(screen.queryByRole("button")).toBeNull();
    expect(screen.getByText("Ask whoever manages billing.")).toBeDefined();
  });

  test("can be drawn in another way", async () => {
    const { Paywall, show } = page();
    const { container } = await show(
      <Paywall featureId="search">
        {({ answer, plans }) => `${answer.reason}: ${plans.map(({ plan }) => plan.name).join()}`}
      </Paywall>,
    );
    expect(container.textContent).toBe("not_included: Pro");
  });
});

describe("PricingTable", () => {
  const named = () =>
    screen.getAllByRole("article").map((plan) => [plan.dataset.plan, plan.dataset.change] as const);

  test("shows each plan, the one he has, and what the others would be", async () => {
    const { PricingTable, show, elsewhere } = page();
    const { container } = await show(<PricingTable locale={locale} className="plans" />);
    expect(container.firstElementChild?.className).toBe("plans");
    expect(named()).toEqual([
      ["free", "current"],
      ["pro", "upgrade"],
      ["endless", "upgrade"],
      ["team", "choose"],
      ["pack", "add"],
    ]);
    await elsewhere(attach("pro"));
    expect(named()).toEqual([
      ["free", "downgrade"],
      ["pro", "current"],
      ["endless", "upgrade"],
      ["team", "choose"],
      ["pack", "add"],
    ]);
    const pro = screen.getByRole("article", { name: "Pro" });
    expect(pro.getAttribute("aria-current")).toBe("true");
    expect(within(pro).queryByRole("button")).toBeNull();
    expect(pro.textContent).toBe(
      "Pro" +
        "For people who write a lot." +
        "$20 per month" +
        "500 Messages per month" +
        "10 Storage per month, then $0.25 each" +
        "3 Seats" +
        "Web search" +
        "Current plan",
    );
    expect(await violations(container)).toEqual([]);
  });

  test("is switched to another billing period by keyboard", async () => {
    const { PricingTable, show } = page();
    // jsdom has no `CSS`, by which the keys find the other radio buttons.
    vi.stubGlobal("CSS", { escape: (id: string) => id });
    const user = userEvent.setup();
    await show(<PricingTable />);
    const periods = screen.getByRole("group", { name: "Billing period" });
    const [monthly, yearly] = within(periods).getAllByRole("radio");
    expect(monthly).toHaveProperty("checked", true);
    await user.tab();
    expect(document.activeElement).toBe(monthly);
    await user.keyboard("{ArrowDown}");
    expect(yearly).toHaveProperty("checked", true);
    expect(named().map(([id]) => id)).toEqual(["free", "pro-yearly", "pack"]);
  });

  test("opens at the period of the plan that he has", async () => {
    const { PricingTable, show, elsewhere } = page();
    await elsewhere(attach("pro-yearly"));
    await show(<PricingTable />);
    expect(screen.getByRole("radio", { name: "Yearly" })).toHaveProperty("checked", true);
  });

  test("has no choice of periods where there is none", async () => {
    const { PricingTable, show } = page();
    await show(<PricingTable planIds={["pro", "free"]} />);
    expect(screen.queryByRole("radio")).toBeNull();
    expect(named().map(([id]) => id)).toEqual(["pro", "free"]);
  });

  test("lets a visitor choose", async () => {
    const { PricingTable, show, backend } = page();
    backend.subject = null;
    await show(<PricingTable labels={{ choose: "Start" }} />);
    expect(named().slice(0, 2)).toEqual([
      ["free", "choose"],
      ["pro", "choose"],
    ]);
    expect(screen.getByRole("button", { name: "Start Pro" })).toBeDefined();
  });

  test("draws each plan as it is told", async () => {
    const { PricingTable, show } = page();
    const { container } = await show(
      <PricingTable planIds={["pro"]} currency="EUR" locale="de-DE">
        {({ plan, price, action }) => (
          <p>
            {plan.name} {price} {action}
          </p>
        )}
      </PricingTable>,
    );
    expect(container.querySelector("p")?.textContent).toMatch(/^Pro 20\s€ per month Upgrade Pro$/);
  });
});

describe("BuyButton", () => {
  test("buys once, however often it is clicked", async () => {
    const { BuyButton, show, backend } = page();
    const user = userEvent.setup();
    await show(
      <BuyButton planId="pro" redirect={false} className="buy" pendingLabel="One moment">
        Get Pro
      </BuyButton>,
    );
    const button = screen.getByRole("button", { name: "Get Pro" });
    expect(button.className).toBe("buy");
    let answer = () => {};
    backend.gate = new Promise((resolve) => (answer = resolve));
    await user.dblClick(button);
    await user.click(button);
    expect(button.textContent).toBe("One moment");
    expect([button.getAttribute("aria-busy"), button.getAttribute("aria-disabled")]).toEqual([
      "true",
      "true",
    ]);
    expect(document.activeElement).toBe(button);
    answer();
    await act(() => backend.idle());
    expect(backend.calls).toHaveLength(1);
    expect(button.textContent).toBe("Get Pro");
  });

  test("works by keyboard, and says where to pay", async () => {
    const { BuyButton, show, backend } = page();
    const user = userEvent.setup();
    const done = vi.fn();
    await show(<BuyButton planId="pro" redirect={false} onDone={done} />);
    await user.tab();
    await user.keyboard("{Enter}");
    await act(() => backend.idle());
    expect(done).toHaveBeenCalledExactlyOnceWith({ url: "#pay/pro" });
  });

  test("says what went wrong, and can be tried again", async () => {
    const { BuyButton, show, backend, settled } = page();
    const user = userEvent.setup();
    const { container } = await show(<BuyButton planId="endless" />);
    const button = screen.getByRole("button");
    await user.click(button);
    await settled();
    expect(screen.getByRole("alert").textContent).toBe("The card was declined.");
    expect(button.getAttribute("data-state")).toBe("failed");
    expect(await violations(container)).toEqual([]);
    await user.click(button);
    await settled();
    expect(backend.calls).toHaveLength(2);
  });

  test("hides what only developers can read, unless told how to say it", async () => {
    const { BuyButton, show, backend, settled } = page();
    const user = userEvent.setup();
    backend.failing.set("billing:checkout", new Error("[CONVEX A(billing:checkout)] Server Error"));
    await show(
      <>
        <BuyButton planId="pro" />
        <BuyButton planId="free" errorText={() => "Das ging nicht."} />
      </>,
    );
    for (const button of screen.getAllByRole("button")) await user.click(button);
    await settled();
    expect(screen.getAllByRole("alert").map(({ textContent }) => textContent)).toEqual([
      "That did not work. Nothing was bought; please try again.",
      "Das ging nicht.",
    ]);
  });

  test("names the quantities, the scope and the way back", async () => {
    const { BuyButton, show, backend, settled } = page();
    const user = userEvent.setup();
    const props = {
      quantities: { seats: 3 },
      scope: { workspaceId: "red" },
      successUrl: "https://app.example/",
    };
    await show(<BuyButton planId="team" redirect={false} {...props} />);
    await user.click(screen.getByRole("button"));
    await settled();
    expect(backend.calls[0]?.args).toEqual({
      planId: "team",
      quantities: { seats: 3 },
      workspaceId: "red",
      successUrl: "https://app.example/",
    });
  });
});

describe("seed examples", () => {
  test("a send button that alerts when messages are out", async () => {
    const { useCustomer, show, elsewhere } = page();
    const user = userEvent.setup();
    function SendChatMessage() {
      const { check, refetch } = useCustomer();
      const [said, say] = useState("");
      const handleSendMessage = async () => {
        const { allowed } = check({ featureId: "messages" });
        if (!allowed) {
          say("You're out of messages");
        } else {
          await refetch();
        }
      };
      return <button onClick={() => void handleSendMessage()}>Send {said}</button>;
    }
    await show(<SendChatMessage />);
    const button = screen.getByRole("button");
    await user.click(button);
    expect(button.textContent).toBe("Send ");
    await elsewhere(track("messages", 5));
    await user.click(button);
    expect(button.textContent).toBe("Send You're out of messages");
  });

  test("a usage meter, and a button that buys credits", async () => {
    const { show, elsewhere, backend, settled, ...billing } = page();
    const user = userEvent.setup();
    function UsageMeter() {
      const { customer, loading } = billing.useCustomer();
      if (loading) return <div className="animate-pulse" />;
      const product = customer?.products?.[0];
      if (!product) return <div>No active plan</div>;
      const feature = customer?.features?.messages;
      return (
        <p>
          {feature?.balance} / {feature?.included_usage}
        </p>
      );
    }
    function BuyCreditsButton() {
      const { checkout } = billing.useCustomer();
      const [loading, setLoading] = useState(false);
      async function handlePurchase() {
        setLoading(true);
        try {
          await checkout({ productId: "pack", successUrl: window.location.origin + "/dashboard/billing" });
        } finally {
          setLoading(false);
        }
      }
      return (
        <button onClick={() => void handlePurchase()} disabled={loading}>
          Buy
        </button>
      );
    }
    const { container } = await show(
      <>
        <UsageMeter />
        <BuyCreditsButton />
      </>,
    );
    await elsewhere(track("messages", 2));
    expect(container.querySelector("p")?.textContent).toBe("3 / 5");
    await user.click(screen.getByRole("button"));
    await settled();
    expect(backend.calls[0]?.args).toEqual({
      planId: "pack",
      successUrl: "http://localhost:3000/dashboard/billing",
    });
    window.location.hash = "";
  });
});
